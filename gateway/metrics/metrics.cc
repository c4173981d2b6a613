#include "gateway/metrics/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <atomic>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace lakefs::gateway {
namespace {

using Names = std::vector<absl::string_view>;

constexpr char kOther[] = "other";

// From a unary call that lakeFS answers at once to an upload of an hour.
const prometheus::Histogram::BucketBoundaries kRpcBuckets = {
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,  1,
    2.5,   5,      10,    30,   60,    120,  300, 900,  1800, 3600};
// From loopback to a part that is sent over a slow line.
const prometheus::Histogram::BucketBoundaries kUpstreamBuckets = {
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
    0.25,   0.5,   1,      2.5,   5,    10,    30,   120};

const Names kMethods = {"GetPhysicalAddress", "LinkPhysicalAddress",
                        "UploadObject",       "UploadAndLink",
                        "UploadFile",         "UploadMany",
                        "GetUploadOutcome",   "DiscardUpload"};
const Names kOperations = {"abortPresignMultipartUpload",
                           "completePresignMultipartUpload",
                           "createPresignMultipartUpload",
                           "deleteObject",
                           "getBranch",
                           "getConfig",
                           "getLakeFSVersion",
                           "getObject",
                           "getPhysicalAddress",
                           "getRepository",
                           "getStorageConfig",
                           "healthCheck",
                           "linkPhysicalAddress",
                           "login",
                           "statObject",
                           "storeAbortMultipartUpload",
                           "storeCompleteMultipartUpload",
                           "storeCreateMultipartUpload",
                           "storeGet",
                           "storePut",
                           "storePutBlockList",
                           "storePutPart",
                           "uploadObject",
                           "uploadPart"};
const Names kResults = {"2xx",         "3xx",  "4xx",      "5xx",
                        "unreachable", "lost", "deadline", "cancelled"};
const Names kOutcomes = {"COMMITTED", "NOT_COMMITTED", "SUPERSEDED", "UNKNOWN"};
const Names kPlans = {"NONE",         "SINGLE_PUT",    "MULTIPART",
                      "AZURE_BLOCKS", "SPOOLED_PUT",   "DIRECT_S3",
                      "LOCAL_FILE",   "THROUGH_LAKEFS"};
const Names kRefusals = {"too_many", "spool_full", "draining"};
const Names kGiveUps = {"rewind", "spool", "failed"};
const Names kRescues = {"false_precondition", "lost_write", "lost_answer",
                        "used_address", "finish_by_link"};
const Names kResumeRefusals = {"unsealed", "lakefs", "caller", "header",
                               "expired",  "gone",   "here"};
const Names kDenials = {"unknown_caller", "not_allowed"};
constexpr RetryVerdict kVerdicts[] = {
    RetryVerdict::kRetried,        RetryVerdict::kPermanent,
    RetryVerdict::kAttemptsUsedUp, RetryVerdict::kDeadline,
    RetryVerdict::kBudget,         RetryVerdict::kCancelled};

// The place of a name in its set; that behind the last for any other.
size_t IndexOf(const Names& names, absl::string_view name) {
  return static_cast<size_t>(std::find(names.begin(), names.end(), name) -
                             names.begin());
}

std::string OneOf(const Names& names, absl::string_view name) {
  return std::string(IndexOf(names, name) == names.size() ? kOther : name);
}

std::string UpstreamOf(absl::string_view operation) {
  return absl::StartsWith(operation, "store") ? "store" : "lakefs";
}

// Series by a number, each added when it is first asked for: to look one up by
// its labels costs more than to count.
template <typename Series>
class SeriesTable {
 public:
  explicit SeriesTable(size_t size) : series_(size) {}

  // Adds it by `add`, which may be called more than once.
  template <typename Add>
  Series& Get(size_t index, const Add& add) {
    Series* series = series_[index];
    if (series == nullptr) series_[index] = series = &add();
    return *series;
  }

 private:
  std::vector<std::atomic<Series*>> series_;
};

using Counters = prometheus::Family<prometheus::Counter>;
using Gauges = prometheus::Family<prometheus::Gauge>;
using Histograms = prometheus::Family<prometheus::Histogram>;

}  // namespace

struct Metrics::Families {
  Counters& Counter(const char* name, const char* help) {
    return prometheus::BuildCounter()
        .Name(absl::StrCat("staging_gateway_", name))
        .Help(help)
        .Register(registry);
  }
  Gauges& Gauge(const char* name, const char* help) {
    return prometheus::BuildGauge()
        .Name(absl::StrCat("staging_gateway_", name))
        .Help(help)
        .Register(registry);
  }
  Histograms& Histogram(const char* name, const char* help) {
    return prometheus::BuildHistogram()
        .Name(absl::StrCat("staging_gateway_", name))
        .Help(help)
        .Register(registry);
  }

  prometheus::Registry registry;

  Gauges& build_info =
      Gauge("build_info", "1, with the version of the program as a label.");
  prometheus::Gauge& ready =
      Gauge("ready", "1 if new calls are taken and lakeFS answers, else 0.")
          .Add({});

  Counters& rpcs = Counter("rpcs_total", "Calls that are over, by their code.");
  Histograms& rpc_seconds = Histogram(
      "rpc_duration_seconds", "Time from the start to the end of a call.");
  Gauges& rpcs_in_flight = Gauge("rpcs_in_flight", "Calls under way.");

  Counters& upstream =
      Counter("upstream_requests_total",
              "HTTP exchanges with lakeFS and the object store, each attempt "
              "for itself, by the class of the answer.");
  Histograms& upstream_seconds =
      Histogram("upstream_request_duration_seconds",
                "Time of one HTTP exchange with lakeFS or the object store.");
  SeriesTable<prometheus::Counter> upstream_table{(kOperations.size() + 1) *
                                                  (kResults.size() + 1)};
  SeriesTable<prometheus::Histogram> upstream_seconds_table{kOperations.size() +
                                                            1};
  Counters& retries =
      Counter("retry_verdicts_total",
              "Failed attempts, by whether they were made again or why not.");

  Counters& uploads =
      Counter("uploads_total",
              "Uploads that are over, by what is known of them and by the way "
              "their bytes went.");
  prometheus::Gauge& uploads_in_flight =
      Gauge("uploads_in_flight", "Uploads under way.").Add({});
  Counters& refused =
      Counter("uploads_refused_total", "Uploads that were not begun.");

  prometheus::Counter& received =
      Counter("received_bytes_total", "Bytes of objects taken from callers.")
          .Add({});
  prometheus::Counter& stored =
      Counter("stored_bytes_total",
              "Bytes of objects that the store or lakeFS acknowledged.")
          .Add({});
  prometheus::Counter& resent =
      Counter("resent_bytes_total",
              "Bytes of objects that were sent to the store more than once.")
          .Add({});

  prometheus::Counter& checkpoints =
      Counter("checkpoints_total",
              "Tokens that were sent, by which uploads can be gone on with.")
          .Add({});
  prometheus::Counter& resumed =
      Counter("uploads_resumed_total",
              "Uploads that went on where an earlier call had ended.")
          .Add({});
  Counters& resume_refusals =
      Counter("resume_refusals_total",
              "Resume tokens that could not be gone on with, by why.");

  prometheus::Counter& connections_refused =
      Counter("connections_refused_total",
              "Connections closed as soon as they were made, for want of room.")
          .Add({});
  prometheus::Gauge& queued_calls =
      Gauge("queued_calls", "Unary calls that wait for one of --unary-threads.")
          .Add({});
  prometheus::Gauge& memory_capacity =
      Gauge("memory_budget_bytes", "Memory that uploads may hold together.")
          .Add({});
  prometheus::Gauge& memory_used =
      Gauge("memory_used_bytes", "Memory that uploads hold.").Add({});
  prometheus::Gauge& memory_waiting =
      Gauge("memory_waiting_uploads", "Uploads that wait for memory.").Add({});
  Counters& give_ups =
      Counter("memory_give_ups_total",
              "Stalled uploads that gave their memory up to others, by how.");
  prometheus::Gauge& spool_capacity =
      Gauge("spool_capacity_bytes", "Most bytes that may be spooled to disk.")
          .Add({});
  prometheus::Gauge& spool_used =
      Gauge("spool_used_bytes", "Bytes spooled to disk.").Add({});

  Counters& rescues =
      Counter("link_rescues_total",
              "Links that a client taking lakeFS's answers at their word would "
              "have lost or reported wrong, by what was wrong with them.");
  prometheus::Gauge& link_limit =
      Gauge("link_concurrency_limit",
            "Links that may be under way at a time: less as lakeFS throttles.")
          .Add({});

  Counters& renewals = Counter("credential_renewals_total",
                               "Times that credentials to lakeFS, or a "
                               "certificate and its key, were read or asked "
                               "for anew, by success; a file that has become "
                               "open to others is refused, which is a "
                               "failure.");
  Counters& denials =
      Counter("callers_denied_total", "Calls that their caller may not make.");
};

const std::vector<absl::string_view>& Metrics::Operations() {
  return kOperations;
}

Metrics::Metrics(absl::string_view version)
    : families_(std::make_unique<Families>()) {
  Families& all = *families_;
  all.build_info.Add({{"version", std::string(version)}}).Set(1);
  for (absl::string_view method : kMethods) {
    const std::string name(method);
    all.rpcs.Add({{"method", name}, {"code", "OK"}});
    all.rpc_seconds.Add({{"method", name}}, kRpcBuckets);
    all.rpcs_in_flight.Add({{"method", name}});
  }
  for (absl::string_view outcome : kOutcomes) {
    for (absl::string_view plan : kPlans) {
      all.uploads.Add(
          {{"outcome", std::string(outcome)}, {"plan", std::string(plan)}});
    }
  }
  for (const RetryVerdict verdict : kVerdicts) {
    all.retries.Add({{"verdict", std::string(RetryVerdictName(verdict))}});
  }
  const auto start = [](Counters& family, const char* label,
                        const Names& names) {
    for (absl::string_view name : names)
      family.Add({{label, std::string(name)}});
  };
  start(all.refused, "reason", kRefusals);
  start(all.give_ups, "how", kGiveUps);
  start(all.rescues, "how", kRescues);
  start(all.denials, "reason", kDenials);
  start(all.resume_refusals, "reason", kResumeRefusals);
  start(all.renewals, "result", {"ok", "failed"});
}

Metrics::~Metrics() = default;

void Metrics::RpcStarted(absl::string_view method) {
  families_->rpcs_in_flight.Add({{"method", OneOf(kMethods, method)}})
      .Increment();
}

void Metrics::RpcFinished(absl::string_view method, absl::StatusCode code,
                          double seconds) {
  const std::string name = OneOf(kMethods, method);
  families_->rpcs_in_flight.Add({{"method", name}}).Decrement();
  families_->rpcs
      .Add({{"method", name}, {"code", absl::StatusCodeToString(code)}})
      .Increment();
  families_->rpc_seconds.Add({{"method", name}}, kRpcBuckets).Observe(seconds);
}

void Metrics::UpstreamFinished(absl::string_view operation,
                               absl::string_view result, double seconds) {
  Families& all = *families_;
  const size_t row = IndexOf(kOperations, operation);
  const size_t column = IndexOf(kResults, result);
  const auto labels = [&]() -> prometheus::Labels {
    return {{"operation", OneOf(kOperations, operation)},
            {"upstream", UpstreamOf(operation)}};
  };
  const auto add_counter = [&]() -> prometheus::Counter& {
    prometheus::Labels with_result = labels();
    with_result["result"] = OneOf(kResults, result);
    return all.upstream.Add(with_result);
  };
  const auto add_histogram = [&]() -> prometheus::Histogram& {
    return all.upstream_seconds.Add(labels(), kUpstreamBuckets);
  };
  all.upstream_table.Get(row * (kResults.size() + 1) + column, add_counter)
      .Increment();
  all.upstream_seconds_table.Get(row, add_histogram).Observe(seconds);
}

void Metrics::RetryDecided(RetryVerdict verdict) {
  families_->retries.Add({{"verdict", std::string(RetryVerdictName(verdict))}})
      .Increment();
}

void Metrics::UploadStarted() { families_->uploads_in_flight.Increment(); }

void Metrics::UploadFinished(absl::string_view outcome,
                             absl::string_view plan) {
  families_->uploads_in_flight.Decrement();
  families_->uploads
      .Add({{"outcome", OneOf(kOutcomes, outcome)},
            {"plan", OneOf(kPlans, plan)}})
      .Increment();
}

void Metrics::UploadRefused(absl::string_view why) {
  families_->refused.Add({{"reason", OneOf(kRefusals, why)}}).Increment();
}

void Metrics::Received(int64_t bytes) {
  families_->received.Increment(static_cast<double>(bytes));
}

void Metrics::Stored(int64_t bytes) {
  families_->stored.Increment(static_cast<double>(bytes));
}

void Metrics::Resent(int64_t bytes) {
  families_->resent.Increment(static_cast<double>(bytes));
}

void Metrics::CheckpointSent() { families_->checkpoints.Increment(); }

void Metrics::UploadResumed() { families_->resumed.Increment(); }

void Metrics::ResumeRefused(absl::string_view why) {
  families_->resume_refusals.Add({{"reason", OneOf(kResumeRefusals, why)}})
      .Increment();
}

void Metrics::MemoryGivenUp(absl::string_view how) {
  families_->give_ups.Add({{"how", OneOf(kGiveUps, how)}}).Increment();
}

void Metrics::LinkRescued(absl::string_view how) {
  families_->rescues.Add({{"how", OneOf(kRescues, how)}}).Increment();
}

void Metrics::CredentialsRenewed(bool ok) {
  families_->renewals.Add({{"result", ok ? "ok" : "failed"}}).Increment();
}

void Metrics::ConnectionRefused() {
  families_->connections_refused.Increment();
}

void Metrics::CallerDenied(absl::string_view why) {
  families_->denials.Add({{"reason", OneOf(kDenials, why)}}).Increment();
}

void Metrics::SetGauges(std::function<MetricGauges()> read) {
  read_gauges_ = std::move(read);
}

std::string Metrics::Text() const {
  if (read_gauges_) {
    const MetricGauges now = read_gauges_();
    families_->ready.Set(now.ready ? 1 : 0);
    families_->memory_capacity.Set(
        static_cast<double>(now.memory_capacity_bytes));
    families_->memory_used.Set(static_cast<double>(now.memory_used_bytes));
    families_->queued_calls.Set(static_cast<double>(now.queued_calls));
    families_->memory_waiting.Set(
        static_cast<double>(now.memory_waiting_uploads));
    families_->spool_capacity.Set(
        static_cast<double>(now.spool_capacity_bytes));
    families_->spool_used.Set(static_cast<double>(now.spool_used_bytes));
    families_->link_limit.Set(static_cast<double>(now.link_concurrency_limit));
  }
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families_->registry.Collect());
  return out.str();
}

}  // namespace lakefs::gateway
