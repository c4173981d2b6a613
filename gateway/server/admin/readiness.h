// Whether the gateway can do its work now.
#pragma once

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "gateway/lakefs/lakefs_api.h"
#include "gateway/server/rpc/call_runner.h"

namespace lakefs::gateway {

// Asks lakeFS, at most every few seconds however often it is asked itself.
//
// Threads: all methods may be called from any thread.
class Readiness {
 public:
  enum class Verdict {
    kReady,
    kDraining,
    kLakefsUnreachable,    // no answer at all
    kLakefsFailing,        // an answer that says it cannot now
    kNotLakefs,            // something else answered, such as with a redirect
    kCredentialsRejected,  // it does not take ours
  };

  // `own_credentials`: whether the gateway has any to lakeFS; without them it
  // can only ask whether lakeFS is there.
  Readiness(Clock& clock, LakefsApi& lakefs, const CallRunner& calls,
            bool own_credentials)
      : clock_(clock),
        lakefs_(lakefs),
        calls_(calls),
        own_credentials_(own_credentials) {}

  // What was found out, and how.
  struct Finding {
    Verdict verdict = Verdict::kLakefsUnreachable;
    std::string message;  // empty if ready or draining
  };

  // Blocking: until lakeFS answers, at most two seconds.
  Finding Look();
  Verdict Check() { return Look().verdict; }

 private:
  Finding Ask();

  Clock& clock_;
  LakefsApi& lakefs_;
  const CallRunner& calls_;
  const bool own_credentials_;
  absl::Mutex mu_;
  bool asked_ ABSL_GUARDED_BY(mu_) = false;
  Finding last_ ABSL_GUARDED_BY(mu_);
  TimePoint asked_at_ ABSL_GUARDED_BY(mu_);
};

// Such as "lakefs_unreachable".
absl::string_view ReadinessName(Readiness::Verdict verdict);

}  // namespace lakefs::gateway
