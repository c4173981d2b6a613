// The first message of an upload.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/upload_options.h"
#include "lakefs_staging/v1/staging.pb.h"

namespace lakefs::staging {

// The header of an upload to `target`. `size_bytes` is absent if unknown.
//
// Errors: INVALID_ARGUMENT where a text is not UTF-8, which Protobuf could not
// carry. All else is left to the gateway, which names every violation at once.
absl::StatusOr<v1::UploadHeader> MakeUploadHeader(
    const v1::ObjectPath& target, const ObjectOptions& options,
    std::optional<int64_t> size_bytes);

// OK if the repository, branch and path are UTF-8.
absl::Status CheckUtf8(const v1::ObjectPath& object);

// OK if the keys, the values and the content type are UTF-8.
absl::Status CheckUtf8(
    const google::protobuf::Map<std::string, std::string>& user_metadata,
    absl::string_view content_type);

// OK if the checksum that an if_match expects is UTF-8.
absl::Status CheckUtf8(absl::string_view if_match);

// OK if the name of a file is UTF-8.
absl::Status CheckUtf8File(absl::string_view file);

// Whether `text` is well-formed UTF-8 (RFC 3629).
bool IsUtf8(absl::string_view text);

// The time in the form of the proto, cut to whole seconds as lakeFS keeps it.
google::protobuf::Timestamp WholeSeconds(absl::Time time);

}  // namespace lakefs::staging
