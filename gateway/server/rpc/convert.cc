#include "gateway/server/rpc/convert.h"

#include <algorithm>
#include <utility>

namespace lakefs::gateway {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

// The year 2255, near the clock's end: what callers name beyond it is that.
constexpr int64_t kMostSeconds = 9'000'000'000;

WallTime ToWallTime(const google::protobuf::Timestamp& time) {
  const seconds whole(
      std::clamp<int64_t>(time.seconds(), -kMostSeconds, kMostSeconds));
  return WallTime(std::chrono::duration_cast<WallTime::duration>(
      whole + nanoseconds(time.nanos())));
}

pb::Plan ToProto(Plan plan) {
  switch (plan) {
    case Plan::kNone:
      return pb::PLAN_UNSPECIFIED;
    case Plan::kSinglePut:
      return pb::PLAN_SINGLE_PUT;
    case Plan::kMultipart:
      return pb::PLAN_MULTIPART;
    case Plan::kAzureBlocks:
      return pb::PLAN_AZURE_BLOCKS;
    case Plan::kSpooledPut:
      return pb::PLAN_SPOOLED_PUT;
    case Plan::kDirectS3:
      return pb::PLAN_DIRECT_S3;
    case Plan::kLocalFile:
      return pb::PLAN_LOCAL_FILE;
    case Plan::kThroughLakefs:
      return pb::PLAN_THROUGH_LAKEFS;
  }
  return pb::PLAN_UNSPECIFIED;
}

StagingLocation FromProto(const pb::StagingLocation& location) {
  StagingLocation out{.physical_address = location.physical_address()};
  if (location.has_token()) out.token = location.token();
  if (location.has_presigned_url()) {
    out.presigned_url = location.presigned_url();
  }
  if (location.has_presigned_url_expiry()) {
    out.presigned_url_expiry = ToWallTime(location.presigned_url_expiry());
  }
  return out;
}

}  // namespace

ObjectPath FromProto(const pb::ObjectPath& object) {
  return {.repository = object.repository(),
          .branch = object.branch(),
          .path = object.path()};
}

UploadRequest FromProto(const pb::UploadHeader& header) {
  UploadRequest request{.object = FromProto(header.object()),
                        .content_type = header.content_type(),
                        .user_metadata = {header.user_metadata().begin(),
                                          header.user_metadata().end()},
                        .if_absent = header.if_absent(),
                        .force = header.force(),
                        .request_id = header.request_id(),
                        .attempt = header.attempt(),
                        .sha256_follows = header.sha256_follows(),
                        .md5_follows = header.md5_follows(),
                        .resumable = header.resumable(),
                        .resume_token = header.resume_token()};
  if (header.has_size_bytes()) request.size_bytes = header.size_bytes();
  if (header.has_mtime()) request.mtime = ToWallTime(header.mtime());
  if (header.has_if_match()) request.if_match = header.if_match();
  return request;
}

StagingMetadata FromProto(const pb::StagingMetadata& metadata) {
  StagingMetadata out{.staging = FromProto(metadata.staging()),
                      .checksum = metadata.checksum(),
                      .size_bytes = metadata.size_bytes(),
                      .user_metadata = {metadata.user_metadata().begin(),
                                        metadata.user_metadata().end()},
                      .content_type = metadata.content_type(),
                      .force = metadata.force()};
  if (metadata.has_mtime()) out.mtime = ToWallTime(metadata.mtime());
  return out;
}

Chunk FromProto(pb::UploadChunk&& chunk) {
  return {.write_offset = chunk.write_offset(),
          .data = std::move(*chunk.mutable_data()),
          .crc32c = Crc32cOf(chunk)};
}

Finish FromProto(const pb::UploadFinish& finish) {
  Finish out{.size_bytes = finish.size_bytes(), .crc32c = Crc32cOf(finish)};
  if (finish.has_sha256()) out.sha256 = finish.sha256();
  if (finish.has_md5()) out.md5 = finish.md5();
  return out;
}

pb::StagingLocation ToProto(const StagingLocation& location) {
  pb::StagingLocation out;
  out.set_physical_address(location.physical_address);
  if (location.token) out.set_token(*location.token);
  if (location.presigned_url) out.set_presigned_url(*location.presigned_url);
  if (location.presigned_url_expiry) {
    out.mutable_presigned_url_expiry()->set_seconds(
        std::chrono::floor<seconds>(
            location.presigned_url_expiry->time_since_epoch())
            .count());
  }
  return out;
}

pb::ObjectStats ToProto(const ObjectStats& stats) {
  pb::ObjectStats out;
  out.set_path(stats.path);
  out.set_physical_address(stats.physical_address);
  out.set_checksum(stats.checksum);
  if (stats.size_bytes) out.set_size_bytes(*stats.size_bytes);
  out.mutable_mtime()->set_seconds(stats.mtime);
  out.mutable_user_metadata()->insert(stats.user_metadata.begin(),
                                      stats.user_metadata.end());
  out.set_content_type(stats.content_type);
  return out;
}

pb::UploadResult ToProto(const UploadReport& report) {
  pb::UploadResult out;
  if (report.link.object) *out.mutable_object() = ToProto(*report.link.object);
  out.set_outcome(ToProto(report.link.outcome));
  if (report.crc32c) out.set_crc32c(*report.crc32c);
  out.set_plan(ToProto(report.plan));
  out.set_rounds(report.link.rounds);
  out.set_attempts(report.attempts);
  out.set_bytes_resent(report.bytes_resent);
  const auto whole = std::chrono::floor<seconds>(report.elapsed);
  out.mutable_elapsed()->set_seconds(whole.count());
  out.mutable_elapsed()->set_nanos(
      static_cast<int32_t>((report.elapsed - whole).count()));
  return out;
}

pb::UploadProgress::Phase ToProto(UploadProgress::Phase phase) {
  switch (phase) {
    case UploadProgress::Phase::kUploading:
      return pb::UploadProgress::PHASE_UPLOADING;
    case UploadProgress::Phase::kCompleting:
      return pb::UploadProgress::PHASE_COMPLETING;
    case UploadProgress::Phase::kLinking:
      return pb::UploadProgress::PHASE_LINKING;
  }
  return pb::UploadProgress::PHASE_UNSPECIFIED;
}

pb::Outcome ToProto(Outcome outcome) {
  switch (outcome) {
    case Outcome::kCommitted:
      return pb::OUTCOME_COMMITTED;
    case Outcome::kNotCommitted:
      return pb::OUTCOME_NOT_COMMITTED;
    case Outcome::kSuperseded:
      return pb::OUTCOME_SUPERSEDED;
    case Outcome::kUnknown:
      return pb::OUTCOME_UNKNOWN;
  }
  return pb::OUTCOME_UNKNOWN;
}

}  // namespace lakefs::gateway
