#include "client/upload_header.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/failure.h"

namespace lakefs::staging {
namespace {

absl::Status CheckText(absl::string_view text, absl::string_view field) {
  if (IsUtf8(text)) return absl::OkStatus();
  return MakeFailure(absl::StatusCode::kInvalidArgument, kInvalidRequest,
                     absl::StrCat("the ", field, " \"",
                                  absl::Utf8SafeCEscape(text.substr(0, 64)),
                                  "\" is not UTF-8"),
                     v1::OUTCOME_NOT_COMMITTED,
                     v1::UploadFailure::ADVICE_FIX_REQUEST);
}

// The number of bytes of the character that begins with `lead`, 0 if none can.
int CharacterSize(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;  // a continuation, or an overlong form
  if (lead < 0xE0) return 2;
  if (lead < 0xF0) return 3;
  return lead < 0xF5 ? 4 : 0;  // above U+10FFFF
}

// Whether the second byte excludes overlong forms, surrogates and what lies
// above U+10FFFF.
bool SecondByteFits(unsigned char lead, unsigned char second) {
  switch (lead) {
    case 0xE0:
      return second >= 0xA0;
    case 0xED:
      return second < 0xA0;
    case 0xF0:
      return second >= 0x90;
    case 0xF4:
      return second < 0x90;
    default:
      return true;
  }
}

}  // namespace

bool IsUtf8(absl::string_view text) {
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = p + text.size();
  while (p < end) {
    const int size = CharacterSize(*p);
    if (size == 0 || size > end - p) return false;
    if (size > 1 && !SecondByteFits(p[0], p[1])) return false;
    for (int i = 1; i < size; ++i) {
      if ((p[i] & 0xC0) != 0x80) return false;
    }
    p += size;
  }
  return true;
}

absl::Status CheckUtf8(const v1::ObjectPath& object) {
  absl::Status status = CheckText(object.repository(), "repository");
  status.Update(CheckText(object.branch(), "branch"));
  status.Update(CheckText(object.path(), "path"));
  return status;
}

absl::Status CheckUtf8(
    const google::protobuf::Map<std::string, std::string>& user_metadata,
    absl::string_view content_type) {
  absl::Status status = CheckText(content_type, "content type");
  for (const auto& [key, value] : user_metadata) {
    status.Update(CheckText(key, "metadata key"));
    status.Update(CheckText(value, "metadata value"));
  }
  return status;
}

absl::Status CheckUtf8(absl::string_view if_match) {
  return CheckText(if_match, "checksum of if_match");
}

absl::Status CheckUtf8File(absl::string_view file) {
  return CheckText(file, "name of the file");
}

google::protobuf::Timestamp WholeSeconds(absl::Time time) {
  google::protobuf::Timestamp timestamp;
  timestamp.set_seconds(absl::ToUnixSeconds(time));
  return timestamp;
}

absl::StatusOr<v1::UploadHeader> MakeUploadHeader(
    const v1::ObjectPath& target, const ObjectOptions& options,
    std::optional<int64_t> size_bytes) {
  v1::UploadHeader header;
  *header.mutable_object() = target;
  header.set_content_type(options.content_type);
  header.mutable_user_metadata()->insert(options.user_metadata.begin(),
                                         options.user_metadata.end());
  if (size_bytes) header.set_size_bytes(*size_bytes);
  header.set_if_absent(options.if_absent);
  if (options.if_match) header.set_if_match(*options.if_match);
  header.set_force(options.force);
  if (options.mtime) *header.mutable_mtime() = WholeSeconds(*options.mtime);
  header.set_request_id(options.request_id.value_or(""));
  header.set_attempt(options.attempt);

  absl::Status status = CheckUtf8(target);
  status.Update(CheckUtf8(header.user_metadata(), options.content_type));
  status.Update(CheckText(header.request_id(), "request id"));
  status.Update(CheckUtf8(options.if_match.value_or("")));
  if (!status.ok()) return status;
  return header;
}

}  // namespace lakefs::staging
