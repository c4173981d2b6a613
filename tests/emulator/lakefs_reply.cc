#include "tests/emulator/lakefs_reply.h"

namespace lakefs::gateway::testing {

HttpResponse JsonReply(int status, const nlohmann::json& body) {
  HttpResponse reply;
  reply.status = status;
  reply.headers["Content-Type"] = "application/json";
  reply.body = body.dump(-1, ' ', /*ensure_ascii=*/false,
                         nlohmann::json::error_handler_t::replace) +
               "\n";
  return reply;
}

HttpResponse LakefsError(int status, absl::string_view message) {
  return JsonReply(status, {{"message", std::string(message)}});
}

nlohmann::json StatsOf(const std::string& path, const Entry& entry) {
  nlohmann::json stats = {{"path", path},
                          {"path_type", "object"},
                          {"physical_address", entry.physical_address},
                          {"checksum", entry.checksum},
                          {"size_bytes", entry.size_bytes},
                          {"mtime", entry.mtime},
                          {"content_type", entry.content_type}};
  if (entry.has_metadata) stats["metadata"] = entry.metadata;
  return stats;
}

}  // namespace lakefs::gateway::testing
