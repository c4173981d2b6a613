// The end of an upload that nobody goes on with.
#include "gateway/base/error.h"
#include "gateway/staging/repeat.h"
#include "gateway/staging/upload/upload_session.h"

namespace lakefs::gateway {

absl::Status UploadSession::Discard(
    const CallContext& context, const std::string& token,
    const std::string& caller,
    const std::function<absl::Status(const ObjectPath&)>& may_ask,
    absl::BitGenRef random) {
  if (deps_.resumption == nullptr) return RefusedHere("is of no use here");
  const auto opened = deps_.resumption->OpenToDiscard(context, token, caller);
  if (!opened.ok()) return opened.status();
  if (auto s = may_ask(opened->object); !s.ok()) return s;
  const ResumePoint& point = opened->point;
  if (point.plan == Plan::kMultipart) {
    const MultipartUpload upload{
        .upload_id = point.upload_id,
        .physical_address = point.location.physical_address};
    return Repeat(context, deps_.mover.lakefs_budget, random, [&] {
      return deps_.mover.lakefs.AbortPresignMultipartUpload(
          context, opened->object, upload);
    });
  }
  ObjectStore* const store =
      deps_.mover.plan.own_ways.To(opened->blockstore_id).direct_s3;
  if (point.plan != Plan::kDirectS3 || store == nullptr) {
    return HasNotTheWay();
  }
  const auto parts = store->GoOnWithParts(point.location, point.upload_id,
                                          point.part_bytes, point.parts);
  if (!parts.ok()) return parts.status();
  return Repeat(context, deps_.mover.store_budget, random,
                [&] { return (*parts)->Abort(context); });
}

}  // namespace lakefs::gateway
