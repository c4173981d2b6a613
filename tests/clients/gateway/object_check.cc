#include "tests/clients/gateway/object_check.h"

#include "tests/clients/gateway/json_messages.h"
#include "tests/emulator/crc32c.h"

namespace lakefs::staging::testing {

using gateway::testing::Crc32c;
using nlohmann::json;

std::string CheckCrc32c(const std::string& data, std::optional<uint32_t> told) {
  if (!told) return "absent";
  return *told == Crc32c(data) ? "right" : "wrong";
}

std::string CheckBytes(const std::optional<SourceBytes>& source,
                       const json& content, uint64_t offset,
                       const std::string& data) {
  if (!source) return "unchecked";
  const uint64_t size = content.at("size");
  if (offset + data.size() > size) return "wrong";
  return source->Read(offset, data.size()) == data ? "right" : "wrong";
}

std::optional<SourceBytes> SourceOf(const json& content) {
  if (content.is_null()) return std::nullopt;
  return SourceBytes(content.at("seed"));
}

v1::UploadResult MakeResult(const v1::UploadHeader& header,
                            const std::string& data, const json& changes) {
  v1::UploadResult result;
  v1::ObjectStats& object = *result.mutable_object();
  object.set_path(header.object().path());
  object.set_physical_address("s3://scripted/" + header.object().path());
  object.set_checksum("0123456789abcdef0123456789abcdef");
  object.set_size_bytes(static_cast<int64_t>(data.size()));
  object.set_content_type(header.content_type());
  *object.mutable_user_metadata() = header.user_metadata();
  *object.mutable_mtime() = header.mtime();
  result.set_outcome(v1::OUTCOME_COMMITTED);
  result.set_crc32c(Crc32c(data));
  result.set_plan(v1::PLAN_SINGLE_PUT);
  result.set_rounds(1);
  result.set_attempts(3);
  result.mutable_elapsed()->set_nanos(1000000);
  if (!changes.is_null()) MergeJson(changes, result);
  return result;
}

}  // namespace lakefs::staging::testing
