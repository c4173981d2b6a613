#include "tests/emulator/object_store.h"

#include "tests/emulator/byte_range.h"

namespace lakefs::gateway::testing {

void ServeContent(const HttpRequest& request, const Content& content,
                  HttpResponse& reply) {
  if (content.bytes == nullptr) {
    reply.status = 500;
    reply.body = "the emulator has discarded the bytes";
    return;
  }
  std::string range = request.Header("range");
  if (range.empty()) {
    reply.body = *content.bytes;
  } else {
    FillRange(range, *content.bytes, reply);
  }
}

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
