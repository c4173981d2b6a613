// What of ObjectMover is for uploads that outlive their call.
#include <chrono>
#include <utility>

#include "gateway/lakefs/dialect.h"
#include "gateway/staging/transfer/object_mover.h"

namespace lakefs::gateway {

absl::StatusOr<Placement> ObjectMover::GoOn(const ResumePoint& point) {
  return OrGone(GoOnOnce(point));
}

// Others who go on with the same upload may have ended it.
absl::StatusOr<Placement> ObjectMover::OrGone(
    absl::StatusOr<Placement> placement) {
  if (AddressRefused(placement.status())) return UploadIsGone();
  return placement;
}

absl::StatusOr<Placement> ObjectMover::GoOnOnce(const ResumePoint& point) {
  plan_ = point.plan;
  if (auto s = CanGoOn(point); !s.ok()) return s;
  ++moves_;
  began_ = context_.clock().Now();
  if (point.link_before) {
    link_before_ = began_ + (*point.link_before - context_.clock().WallNow());
  } else {
    link_before_ = TimePoint::max();
  }
  kept_ = point.parts;
  PartedUpload* parted = nullptr;
  const MultipartUpload upload{
      .upload_id = point.upload_id,
      .physical_address = point.location.physical_address};
  if (plan_ == Plan::kMultipart) {
    target_ = PresignedMultipart::GoOn(context_, OfMultipart(), request_.object,
                                       DialectOfParts(),
                                       PartsKnown(point.part_bytes), upload);
  } else {
    auto going_on = Store().GoOnWithParts(point.location, point.upload_id,
                                          point.part_bytes, point.parts);
    if (!going_on.ok()) return going_on.status();
    parted = going_on->get();
    target_ = *std::move(going_on);
  }
  target_->Share();
  checkpoints_ = std::make_unique<Checkpoints>(
      point, /*was_told=*/true,
      tell_ ? tell_ : [](const ResumePoint&) { return false; });
  if (!reader_.GoOn(static_cast<int>(point.parts.size()), point.offset(),
                    point.crc32c)) {
    return RefusedHere(
        "is for UploadAndLink: a file is read from its beginning");
  }
  progress_.stored_bytes = point.offset();
  auto first = reader_.Next(point.part_bytes);
  if (!first.ok()) return first.status();
  return plan_ == Plan::kMultipart
             ? FinishByLakefs(*std::move(first), point.part_bytes, upload)
             : FinishByStore(*std::move(first), point.part_bytes,
                             point.location, *parted);
}

// Whether this gateway, as it is set up, has the way that the other one took.
absl::Status ObjectMover::CanGoOn(const ResumePoint& point) const {
  const OwnWays& own = deps_.plan.own_ways.To(server_.blockstore_id);
  const bool has_way = point.plan == Plan::kMultipart
                           ? DialectOfParts().part_urls
                           : point.plan == Plan::kDirectS3 && own.direct_s3;
  if (!has_way) {
    return HasNotTheWay();
  }
  if (point.part_bytes > deps_.plan.largest_part_bytes) {
    return RefusedHere(
        "is of an upload whose parts are larger than --memory-bytes of this "
        "gateway allow");
  }
  return absl::OkStatus();
}

// Where nobody asks for checkpoints, nothing is kept for them. A digest of the
// whole does not hold across calls, so with one there are none.
void ObjectMover::BeginCheckpoints(const StagingLocation& location,
                                   int64_t part_bytes) {
  if (!tell_ || request_.sha256_follows || request_.md5_follows) return;
  ResumePoint begin{.plan = plan_,
                    .location = {.physical_address = location.physical_address,
                                 .token = location.token},
                    .upload_id = target_->Share(),
                    .part_bytes = part_bytes};
  if (begin.upload_id.empty()) return;
  const Clock& clock = context_.clock();
  if (link_before_ != TimePoint::max()) {
    begin.link_before =
        clock.WallNow() + std::chrono::duration_cast<WallTime::duration>(
                              link_before_ - clock.Now());
  }
  checkpoints_ = std::make_unique<Checkpoints>(std::move(begin),
                                               /*was_told=*/false, tell_);
}

}  // namespace lakefs::gateway
