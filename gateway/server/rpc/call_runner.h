// What every call goes through: it begins, may be refused, and ends in the log
// and in the metrics.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "gateway/base/call_context.h"
#include "gateway/metrics/metrics.h"
#include "gateway/server/access/allow_list.h"
#include "gateway/staging/link/outcome.h"

namespace lakefs::gateway {

struct CallOptions {
  // For unary calls that come without a deadline.
  std::chrono::milliseconds unary_timeout{60'000};
  // For uploads that come without one. Six hours is the life of an address on
  // most releases.
  std::chrono::milliseconds upload_timeout{std::chrono::hours(6)};
  // Whether callers bring their own authorization to lakeFS.
  bool pass_through = false;
};

class Call;

// What a call is refused with, or ends with, since the gateway shuts down:
// `what` says what that means for it.
absl::Status DrainingError(absl::string_view what);

// Knows all calls that are under way.
//
// Threads: all methods may be called from any thread.
class CallRunner {
 public:
  // Without `allow`, every caller may write everywhere.
  CallRunner(Clock& clock, Metrics& metrics, AllowFile* allow,
             CallOptions options)
      : clock_(clock),
        metrics_(metrics),
        allow_(allow),
        options_(options),
        draining_(clock, TimePoint::max(), "draining") {}

  // A call that has just come: its deadline or the default, a new id, and what
  // its metadata say. `peer` is the user behind its socket, if that is known.
  std::unique_ptr<Call> Begin(const grpc::ServerContextBase& context,
                              absl::string_view method,
                              const std::optional<SocketPeer>& peer = {});

  // One object of `stream`, which is a call that carries many: a call of its
  // own, by the same caller, that ends with the stream. It has no more time
  // than a unary call without a deadline.
  std::unique_ptr<Call> BeginObject(const Call& stream);

  // From now on calls are refused with DRAINING.
  void StartDraining() { draining_.Cancel(); }
  bool draining() const { return draining_.cancelled(); }
  // Is cancelled when that begins, for who has to be told.
  const CallContext& until_draining() const { return draining_; }

  // Waits at most `timeout` until no call is under way; whether that is so.
  bool AwaitIdle(Duration timeout);

  // Ends the calls that are under way. Their callers are told to repeat them
  // elsewhere, with DRAINING if nothing was linked, and with OUTCOME_UNKNOWN if
  // that could not be found out.
  void CancelAll();

 private:
  friend class Call;

  Clock& clock_;
  Metrics& metrics_;
  AllowFile* const allow_;  // may be null
  const CallOptions options_;
  const CallContext draining_;
  mutable absl::Mutex mu_;
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;
  std::set<const Call*> calls_ ABSL_GUARDED_BY(mu_);
};

// One call. It must be ended before it goes away.
//
// Threads: one at a time, but for context() and Received().
class Call {
 public:
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  const CallContext& context() const { return context_; }
  const Caller& caller() const { return caller_; }

  // Whether the caller may write to the object's branch, now.
  // Errors: UNAVAILABLE, DRAINING; INVALID_ARGUMENT if the call has too many
  // headers; PERMISSION_DENIED.
  absl::Status Admit(const ObjectPath& object) const;
  // The same while the object is not known yet: whether the caller may write
  // anywhere.
  absl::Status AdmitCaller() const;

  // Names the upload that the call is about, for the log. Empty if it has no
  // name; else it must have been checked.
  void IsAbout(const std::string& request_id) { request_id_ = request_id; }

  // Counts bytes of an object that have come.
  void Received(size_t bytes) {
    runner_.metrics_.Received(static_cast<int64_t>(bytes));
  }

  // The caller, as far as the transport vouches for it; for the binding of
  // tokens, and for nobody's eyes.
  std::string CallerName() const { return NameOf(caller_); }

  // Counts a checkpoint that was sent.
  void SentCheckpoint() { runner_.metrics_.CheckpointSent(); }

  // Ends the call, in the log, in the metrics, and with what its caller is
  // told: of an error also the call_id, by which to find the line of the log.
  grpc::Status End(const absl::Status& status, const ObjectPath& object);
  grpc::Status End(LinkReport report, const ObjectPath& object);
  grpc::Status End(const UploadReport& report, const ObjectPath& object);

 private:
  friend class CallRunner;

  Call(CallRunner& runner, absl::string_view method, CallContext context,
       Caller caller, size_t headers, std::string stream = "");
  absl::Status Deny(AllowList::Verdict verdict) const;
  void Drained(LinkReport& report) const;
  absl::Status WithCallId(const absl::Status& status) const;
  void Tell(const absl::Status& status, const LinkReport* report, Plan plan);

  CallRunner& runner_;
  const std::string method_;
  const CallContext context_;
  const Caller caller_;
  const size_t headers_;               // in the call's metadata
  std::optional<int64_t> resumed_at_;  // an upload that was gone on with
  const std::string stream_;  // the call_id of what it is an object of, or ""
  const TimePoint start_;
  const bool is_upload_;
  std::string request_id_;
  bool over_ = false;
};

}  // namespace lakefs::gateway
