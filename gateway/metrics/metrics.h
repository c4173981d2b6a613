// Every metric of the program.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gateway/base/backoff.h"

namespace lakefs::gateway {

// What is looked up when the metrics are read, instead of being counted.
struct MetricGauges {
  bool ready = false;
  int64_t queued_calls = 0;
  int64_t memory_capacity_bytes = 0;
  int64_t memory_used_bytes = 0;
  int64_t memory_waiting_uploads = 0;
  int64_t spool_capacity_bytes = 0;
  int64_t spool_used_bytes = 0;
  // Links that may be under way at a time.
  int64_t link_concurrency_limit = 0;
};

// Counts what happens, and shows it in the text format of Prometheus.
//
// Labels come from closed sets: a value that is not of its set counts as
// "other", so that no name of a repository, branch or path can become one.
// Labelled series exist from the start, at 0, so that a rate over the first
// event is right.
//
// Threads: all methods may be called from any thread; none blocks.
class Metrics {
 public:
  // `version` is the program's.
  explicit Metrics(absl::string_view version);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // A call to the service; `method` without its package.
  void RpcStarted(absl::string_view method);
  void RpcFinished(absl::string_view method, absl::StatusCode code,
                   double seconds);

  // One HTTP exchange. `operation` is lakeFS's operationId, or begins with
  // "store". `result` is "2xx" to "5xx", "unreachable", "lost", "deadline" or
  // "cancelled".
  void UpstreamFinished(absl::string_view operation, absl::string_view result,
                        double seconds);
  // The operations that are counted by their names.
  static const std::vector<absl::string_view>& Operations();
  void RetryDecided(RetryVerdict verdict);

  // An upload that is over; `outcome` and `plan` as in the proto, without
  // prefix, such as "COMMITTED" and "SINGLE_PUT".
  void UploadStarted();
  void UploadFinished(absl::string_view outcome, absl::string_view plan);
  // An upload that never began: "too_many", "spool_full" or "draining".
  void UploadRefused(absl::string_view why);

  // Bytes of objects: from callers, acknowledged by the store, and sent to it
  // more than once.
  void Received(int64_t bytes);
  void Stored(int64_t bytes);
  void Resent(int64_t bytes);

  // A token was sent by which an upload can be gone on with; one was gone on
  // with; a token was refused: "unsealed", "lakefs", "caller", "header",
  // "expired", "gone" or "here" (resumption.h).
  void CheckpointSent();
  void UploadResumed();
  void ResumeRefused(absl::string_view why);

  // An upload that stalled while others waited gave its memory up: "rewind",
  // "spool" or "failed".
  void MemoryGivenUp(absl::string_view how);

  // The link loop saved what a plain client would have lost or reported wrong:
  // "false_precondition" (a 412 met our own write), "lost_write" (a write that
  // a commit dropped was made again), "lost_answer" (it had taken effect),
  // "used_address" (a refused address was ours all along) or "finish_by_link".
  void LinkRescued(absl::string_view how);

  // The credentials to lakeFS, or a certificate and its key, were read or asked
  // for anew; a file that is refused is a failure.
  void CredentialsRenewed(bool ok);

  // A call was refused: "unknown_caller" or "not_allowed".
  void CallerDenied(absl::string_view why);

  // A connection was closed as soon as it was made, for want of room.
  void ConnectionRefused();

  // Asked whenever the text is made; to be set before anybody reads.
  void SetGauges(std::function<MetricGauges()> read);

  // All of it, in the text format of Prometheus, version 0.0.4.
  std::string Text() const;

 private:
  struct Families;
  const std::unique_ptr<Families> families_;
  std::function<MetricGauges()> read_gauges_;
};

}  // namespace lakefs::gateway
