// Gives out resume tokens, and takes them back.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "gateway/base/call_context.h"
#include "gateway/staging/upload/resume_keys.h"
#include "gateway/staging/upload/resume_token.h"

namespace lakefs::gateway {

// Makes tokens of how far uploads are, and looks whether one that comes may be
// gone on with: who was not given it, asks for something else, or comes too
// late, is told so.
//
// Errors (of all that take a token), with resumeRefusal, a label of the metric
// resume_refusals_total, in their metadata:
//
//  the token is                              | error                 | label
//  ------------------------------------------+-----------------------+----------
//  forged, cut, or of another key or version | RESUME_REFUSED        | unsealed
//  of another lakeFS                         | RESUME_REFUSED        | lakefs
//  of another caller                         | RESUME_REFUSED        | caller
//  of another header                         | RESUME_REFUSED        | header
//  older than its address's life, or a week  | RESUME_EXPIRED        | expired
//
// Threads: all methods may be called from any thread.
class Resumption {
 public:
  // `keys` and `clock` must outlive this.
  Resumption(ResumeKeys& keys, std::string lakefs_endpoint, const Clock& clock)
      : keys_(keys), lakefs_(Sha256(lakefs_endpoint)), clock_(clock) {}

  // The token by which the upload of `request` goes on from `point`; empty if
  // there can be none.
  std::string Seal(const CallContext& context, const UploadRequest& request,
                   const std::string& blockstore_id,
                   const ResumePoint& point) const;

  // What the request's token says, if it is for this request.
  absl::StatusOr<ResumeToken> Open(const CallContext& context,
                                   const UploadRequest& request) const;

  // The same for who wants to have what was stored dropped, whatever the header
  // was, and also when it is too late for anything else.
  absl::StatusOr<ResumeToken> OpenToDiscard(const CallContext& context,
                                            const std::string& token,
                                            const std::string& caller) const;

 private:
  ResumeKeys& keys_;
  const std::string lakefs_;  // the digest
  const Clock& clock_;
};

}  // namespace lakefs::gateway
