// What became of the uploads that carry a request_id.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "gateway/base/call_context.h"
#include "gateway/staging/link/outcome.h"
#include "gateway/staging/upload_request.h"

namespace lakefs::gateway {

// Remembers uploads by their request_id, so that a repeated call gets the
// first one's result and two at once do the work of one. What callers bring an
// authorization of their own for is remembered for the same authorization only.
//
// Bounded: of those that are over the oldest are forgotten first, and those
// whose outcome is still to be found out only when there are no others.
//
// Threads: all methods may be called from any thread.
class UploadRegister {
 public:
  struct Options {
    // Of those that are over.
    int64_t max_bytes = 8 << 20;
    // As long as an address lives on most releases: a link that was lost can
    // take effect no later.
    std::chrono::seconds lifetime = std::chrono::hours(6);
  };

  struct Entry {
    UploadRequest request;
    bool running = false;
    UploadReport report;  // once it has run
  };

  // The right to run the upload of a request_id, until it is ended.
  class Turn {
   public:
    Turn(Turn&& other) noexcept { *this = std::move(other); }
    Turn& operator=(Turn&& other) noexcept;
    // A turn that was not ended leaves nothing to remember.
    ~Turn();

    // What became of an earlier call, if there was one: a success is the
    // result of this call too, and nothing is left to run.
    const std::optional<UploadReport>& earlier() const { return earlier_; }

    // Remembers how the upload ended, and lets those go on that wait for it.
    // `now` is the time by the clock of the call.
    void End(const UploadReport& report, TimePoint now);

   private:
    friend class UploadRegister;
    Turn(UploadRegister* owner, std::string key,
         std::optional<UploadReport> earlier)
        : owner_(owner), key_(std::move(key)), earlier_(std::move(earlier)) {}

    UploadRegister* owner_ = nullptr;  // null if there is nothing to end
    std::string key_;
    std::optional<UploadReport> earlier_;
  };

  UploadRegister() : UploadRegister(Options{}) {}
  explicit UploadRegister(Options options) : options_(options) {}

  // Waits until no other call runs the upload of `request.request_id`, and
  // takes a turn.
  // Errors: INVALID_ARGUMENT if the request_id was used for another header;
  // CANCELLED, DEADLINE_EXCEEDED when the call is over before the other one.
  // Blocking: bounded by the call.
  absl::StatusOr<Turn> Begin(const CallContext& context,
                             const UploadRequest& request);

  // Remembers what was found out about a link that was `undecided`, unless a
  // repeated call is at work on it, or has been.
  void Found(const CallContext& context, const std::string& request_id,
             const UndecidedLink& undecided, const LinkReport& found);

  // What is remembered of a request_id.
  std::optional<Entry> Find(const CallContext& context,
                            const std::string& request_id);

 private:
  struct Known {
    Entry entry;
    // Of those that are over: the list it has a place in, and the place.
    std::list<std::string>* over = nullptr;
    int waiting = 0;  // calls; the entry stays while there are any
    int64_t bytes = 0;
    TimePoint ended;
    std::list<std::string>::iterator age;
  };
  using Entries = std::map<std::string, Known>;

  void End(const std::string& key, const UploadReport& report, TimePoint now);
  void Drop(const std::string& key);
  void TakeOut(Known& known) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ForgetOldOf(std::list<std::string>& list, TimePoint now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ForgetOld(TimePoint now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Options options_;
  absl::Mutex mu_;
  Entries entries_ ABSL_GUARDED_BY(mu_);
  // Those that are over, the oldest first.
  std::list<std::string> decided_ ABSL_GUARDED_BY(mu_);
  std::list<std::string> undecided_ ABSL_GUARDED_BY(mu_);
  int64_t bytes_ ABSL_GUARDED_BY(mu_) = 0;  // of those over
};

}  // namespace lakefs::gateway
