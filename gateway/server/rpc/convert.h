// The service's messages, to and from the values of the core.
#pragma once

#include <cstdint>
#include <optional>

#include "gateway/staging/intake/body_source.h"
#include "gateway/staging/link/outcome.h"
#include "gateway/staging/upload_progress.h"
#include "gateway/staging/upload_request.h"
#include "lakefs_staging/v1/staging.pb.h"

namespace lakefs::gateway {

namespace pb = ::lakefs::staging::v1;

ObjectPath FromProto(const pb::ObjectPath& object);
UploadRequest FromProto(const pb::UploadHeader& header);
StagingMetadata FromProto(const pb::StagingMetadata& metadata);
// Moves the bytes out of the message.
Chunk FromProto(pb::UploadChunk&& chunk);
Finish FromProto(const pb::UploadFinish& finish);

// The checksum that comes with a message of bytes, if one does.
template <typename Message>
std::optional<uint32_t> Crc32cOf(const Message& message) {
  if (!message.has_crc32c()) return std::nullopt;
  return message.crc32c();
}

pb::StagingLocation ToProto(const StagingLocation& location);
pb::ObjectStats ToProto(const ObjectStats& stats);
pb::UploadResult ToProto(const UploadReport& report);
pb::UploadProgress::Phase ToProto(UploadProgress::Phase phase);
pb::Outcome ToProto(Outcome outcome);

}  // namespace lakefs::gateway
