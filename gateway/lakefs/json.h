// lakeFS's JSON, to and from values.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>

#include "absl/strings/string_view.h"
#include "gateway/lakefs/types.h"

namespace lakefs::gateway {

// Each parser returns nothing if the text is not JSON of the shape that the
// API's document gives it: a required field lacks, or one has another type.
// Unknown fields are ignored.
std::optional<StagingLocation> ParseStagingLocation(absl::string_view text);
std::optional<ObjectStats> ParseObjectStats(absl::string_view text);

std::optional<MultipartUpload> ParseMultipartUpload(absl::string_view text);
// `presigned_url` of the reply of uploadPart.
std::optional<std::string> ParsePresignedUrl(absl::string_view text);

// From the replies of getConfig.
std::optional<ServerConfigs> ParseConfig(absl::string_view text);
// From the replies of getStorageConfig and getLakeFSVersion, for servers
// without getConfig.
std::optional<ServerConfig> ParseStorageConfig(absl::string_view storage,
                                               absl::string_view version);

std::optional<Repository> ParseRepository(absl::string_view text);

// What login answers.
struct LoginAnswer {
  std::string token;  // a secret
  std::optional<std::chrono::system_clock::time_point> expiration;
};
std::optional<LoginAnswer> ParseLogin(absl::string_view text);
// The body of login: a secret.
std::string LoginToJson(const std::string& access_key_id,
                        const std::string& secret_access_key);

// The body of linkPhysicalAddress.
std::string ToJson(const StagingMetadata& metadata);
// The body of completePresignMultipartUpload.
std::string ToJson(const MultipartUpload& upload,
                   std::span<const StoredPart> parts,
                   const UserMetadata& user_metadata,
                   const std::string& content_type);
// The body of uploadPart and of abortPresignMultipartUpload.
std::string AddressToJson(const MultipartUpload& upload);

}  // namespace lakefs::gateway
