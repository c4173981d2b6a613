// Uploads one file; the usage is below.
#include <cstdlib>
#include <iostream>

#include "client/client.h"
#include "client/failure.h"
#include "client/file_source.h"
#include "client/object_uri.h"

namespace {

namespace staging = lakefs::staging;

absl::StatusOr<staging::v1::UploadResult> Upload(const char* gateway,
                                                 const char* file,
                                                 const char* uri) {
  auto client = staging::Client::Connect(gateway);
  if (!client.ok()) return client.status();
  auto source = staging::FileSource::Open(file);
  if (!source.ok()) return source.status();
  const auto target = staging::ParseObjectUri(uri);
  if (!target.ok()) return target.status();
  return (*client)->Upload(**source, *target, {});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: upload-example GATEWAY FILE "
                 "lakefs://REPOSITORY/BRANCH/PATH\n";
    return EXIT_FAILURE;
  }
  const auto result = Upload(argv[1], argv[2], argv[3]);
  if (!result.ok()) {
    const staging::Failure failure = staging::FailureOf(result.status());
    std::cerr << failure.reason << ": " << failure.message << "\n";
    return EXIT_FAILURE;
  }
  std::cout << result->ShortDebugString() << "\n";
  return EXIT_SUCCESS;
}
