// The plan THROUGH_LAKEFS: the bytes go to lakeFS itself, as they come.
#pragma once

#include "absl/random/bit_gen_ref.h"
#include "gateway/staging/intake/part_reader.h"
#include "gateway/staging/link/link_loop.h"
#include "gateway/staging/upload_request.h"

namespace lakefs::gateway {

// Uploads by lakeFS's uploadObject. There is no address beforehand to know
// ours by, so a nonce in the user metadata tells.
//
// The bytes pass by once. An answer that was lost is resolved by looking at the
// path: what carries the nonce is ours, and is linked again where lakeFS lets
// its address be linked, which is the proof that the link loop asks for. Where
// it is not there, the outcome is UNKNOWN: it may still come.
//
// What was lost to a commit for certain, or never left, is sent again: a small
// object from what is held, a larger one if its caller can send it again. Else
// ABORTED says that the upload has to be started over.
class ThroughLakefs {
 public:
  ThroughLakefs(LakefsApi& lakefs, LinkLoop& link_loop, RetryBudget& budget)
      : lakefs_(lakefs), link_loop_(link_loop), budget_(budget) {}

  // Takes the body from `reader` to its end, unless lakeFS refuses before.
  LinkReport Run(const CallContext& context, const UploadRequest& request,
                 const ServerConfig& server, PartReader& reader,
                 absl::BitGenRef random);

 private:
  class CheckedBody;

  LinkReport Send(const CallContext& context, const UploadRequest& request,
                  const UploadOptions& options, CheckedBody& body,
                  const Integrity& integrity, absl::BitGenRef random);
  LinkReport AfterFailure(const CallContext& context,
                          const UploadRequest& request,
                          const std::string& upload_id,
                          const absl::Status& failure, absl::BitGenRef random);
  LinkReport Prove(const CallContext& context, const UploadRequest& request,
                   const ObjectStats& stats, absl::BitGenRef random);

  LakefsApi& lakefs_;
  LinkLoop& link_loop_;
  RetryBudget& budget_;
};

}  // namespace lakefs::gateway
