#include "tests/emulator/object_store.h"

namespace lakefs::gateway::testing {

std::string ObjectStore::CreateUpload(const std::string&) { return ""; }

std::string ObjectStore::PresignPart(const std::string&, const std::string&,
                                     int) {
  return "";
}

absl::StatusOr<StoredObject> ObjectStore::CompleteUpload(
    const std::string&, const std::string&, const std::vector<CompletedPart>&) {
  return absl::UnimplementedError("operation not supported");
}

void ObjectStore::AbortUpload(const std::string&, const std::string&) {}

std::string ObjectStore::OperationOf(const HttpRequest&) const {
  return "store";
}

HttpResponse ObjectStore::Handle(HttpRequest&) {
  HttpResponse reply;
  reply.status = 404;
  return reply;
}

}  // namespace lakefs::gateway::testing
