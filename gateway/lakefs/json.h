// lakeFS's JSON, to and from values.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "gateway/lakefs/types.h"

namespace lakefs::gateway {

// Each parser returns nothing if the text is not JSON of the shape that the
// API's document gives it: a required field lacks, or one has another type.
// Unknown fields are ignored.
std::optional<StagingLocation> ParseStagingLocation(absl::string_view text);
std::optional<ObjectStats> ParseObjectStats(absl::string_view text);

// From the replies of getConfig.
std::optional<ServerConfig> ParseConfig(absl::string_view text);
// From the replies of getStorageConfig and getLakeFSVersion, for servers
// without getConfig.
std::optional<ServerConfig> ParseStorageConfig(absl::string_view storage,
                                               absl::string_view version);

// `storage_namespace` of a Repository.
std::optional<std::string> ParseStorageNamespace(absl::string_view text);

// The body of linkPhysicalAddress.
std::string ToJson(const StagingMetadata& metadata);

}  // namespace lakefs::gateway
