// What a record says of bytes and their checksum.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "lakefs_staging/v1/staging.pb.h"
#include "tests/clients/gateway/source_bytes.h"

namespace lakefs::staging::testing {

// "right", "wrong", or "absent" if nothing was told.
std::string CheckCrc32c(const std::string& data, std::optional<uint32_t> told);

// Whether `data` is what a source of `content` has at `offset`: "right",
// "wrong", or "unchecked" if there is none.
std::string CheckBytes(const std::optional<SourceBytes>& source,
                       const nlohmann::json& content, uint64_t offset,
                       const std::string& data);

std::optional<SourceBytes> SourceOf(const nlohmann::json& content);

// A result of `header`'s object, COMMITTED, with what `changes` says instead.
v1::UploadResult MakeResult(const v1::UploadHeader& header,
                            const std::string& data,
                            const nlohmann::json& changes);

}  // namespace lakefs::staging::testing
