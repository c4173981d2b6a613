// Which attempt of an upload is followed by another one, and when.
#pragma once

#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/failure.h"
#include "client/upload_options.h"
#include "lakefs_staging/v1/staging.pb.h"

namespace lakefs::staging {

// The attempts of one upload. Knows no transport.
//
// Threads: one; only KeepToken() may be called by another.
class Attempts {
 public:
  // Both must outlive it. `header` stays as it is for all attempts, but for
  // attempt and resume_token, which this sets.
  Attempts(v1::UploadHeader& header, const RepeatOptions& options)
      : header_(header), options_(options) {}

  // Counts one. Returns until when it may wait for a connection: consecutive
  // ones do not wait for it anew.
  absl::Time Begin(absl::Duration connect_timeout);
  void Connected() { connect_by_ = absl::InfinitePast(); }

  // Completes the error of an attempt by what those before it have left.
  absl::Status Judge(const absl::Status& status);

  // How long to wait before the next attempt; nothing if there is to be none.
  std::optional<absl::Duration> Again(const absl::Status& status,
                                      bool repeatable, absl::Time deadline);

  // The error that the gateway told when it was asked: the last word.
  absl::Status LastWord(const absl::Status& status);

  // The newest checkpoint's. The next attempt goes on from there.
  void KeepToken(const std::string& token);

  int made() const { return made_; }
  const std::string& request_id() const { return header_.request_id(); }

 private:
  v1::UploadHeader& header_;
  const RepeatOptions& options_;
  absl::BitGen random_;
  int made_ = 0;
  absl::Time connect_by_ = absl::InfinitePast();
  bool may_be_linked_ = false;  // by an attempt before the last one
  absl::Mutex mutex_;
  std::string token_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lakefs::staging
