#include "gateway/server/rpc/call_runner.h"

#include <algorithm>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/base/log.h"
#include "gateway/server/rpc/status_details.h"

namespace lakefs::gateway {
namespace {

absl::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kCommitted:
      return "COMMITTED";
    case Outcome::kNotCommitted:
      return "NOT_COMMITTED";
    case Outcome::kSuperseded:
      return "SUPERSEDED";
    case Outcome::kUnknown:
      return "UNKNOWN";
  }
  return "UNKNOWN";
}

absl::string_view PlanName(Plan plan) {
  switch (plan) {
    case Plan::kNone:
      return "NONE";
    case Plan::kSinglePut:
      return "SINGLE_PUT";
    case Plan::kMultipart:
      return "MULTIPART";
    case Plan::kAzureBlocks:
      return "AZURE_BLOCKS";
    case Plan::kSpooledPut:
      return "SPOOLED_PUT";
    case Plan::kDirectS3:
      return "DIRECT_S3";
    case Plan::kLocalFile:
      return "LOCAL_FILE";
    case Plan::kThroughLakefs:
      return "THROUGH_LAKEFS";
  }
  return "NONE";
}

// Meshes add some thirty headers; more than this is no caller of ours.
constexpr size_t kMaxHeaders = 100;

// The first value of a metadata key; "" if there is none.
std::string Metadata(const grpc::ServerContextBase& context, const char* key) {
  const auto found = context.client_metadata().find(key);
  if (found == context.client_metadata().end()) return "";
  return {found->second.data(), found->second.size()};
}

std::string NewCallId(absl::BitGenRef random) {
  return absl::StrCat(
      absl::Hex(absl::Uniform<uint64_t>(random), absl::kZeroPad16));
}

CallInfo InfoOf(const grpc::ServerContextBase& context, bool pass_through) {
  thread_local absl::InsecureBitGen random;
  CallInfo info{.call_id = NewCallId(random)};
  if (pass_through) info.authorization = Metadata(context, "authorization");
  if (const auto parent =
          TraceParent::Parse(Metadata(context, "traceparent"))) {
    info.trace = parent->Child(random);
  }
  return info;
}

Duration TimeoutOf(const grpc::ServerContextBase& context,
                   std::chrono::milliseconds default_timeout) {
  const auto deadline = context.deadline();
  const auto left = deadline - std::chrono::system_clock::now();
  const bool has_deadline =
      deadline != std::chrono::system_clock::time_point::max() &&
      left < std::chrono::hours(24 * 365);
  return has_deadline ? std::chrono::duration_cast<Duration>(left)
                      : Duration(default_timeout);
}

// Which limit an upload met before it began; "" if none.
absl::string_view RefusalOf(const absl::Status& status) {
  switch (ReasonOf(status)) {
    case Reason::kTooManyUploads:
      return "too_many";
    case Reason::kSpoolFull:
      return "spool_full";
    case Reason::kDraining:
      return "draining";
    default:
      return "";
  }
}

// Why a resume token was not gone on with; "" if it was.
std::string ResumeRefusalOf(const absl::Status& status) {
  if (status.ok()) return "";
  const Reason reason = ReasonOf(status);
  if (reason != Reason::kResumeExpired && reason != Reason::kResumeRefused) {
    return "";
  }
  return DetailsOf(status).metadata["resumeRefusal"];
}

}  // namespace

absl::Status DrainingError(absl::string_view what) {
  return MakeError(absl::StatusCode::kUnavailable,
                   absl::StrCat("the gateway is shutting down: ", what),
                   Reason::kDraining);
}

std::unique_ptr<Call> CallRunner::Begin(const grpc::ServerContextBase& context,
                                        absl::string_view method,
                                        const std::optional<SocketPeer>& peer) {
  const bool is_stream = method == "UploadAndLink" || method == "UploadFile" ||
                         method == "UploadMany";
  const auto timeout = TimeoutOf(
      context, is_stream ? options_.upload_timeout : options_.unary_timeout);
  return std::unique_ptr<Call>(
      new Call(*this, method,
               CallContext(clock_, clock_.Now() + timeout,
                           InfoOf(context, options_.pass_through)),
               CallerOf(context, peer), context.client_metadata().size()));
}

std::unique_ptr<Call> CallRunner::BeginObject(const Call& stream) {
  thread_local absl::InsecureBitGen random;
  const CallContext& whole = stream.context_;
  CallInfo info{.call_id = NewCallId(random),
                .authorization = whole.authorization()};
  if (whole.trace()) info.trace = whole.trace()->Child(random);
  const TimePoint end = clock_.Now() + options_.unary_timeout;
  return std::unique_ptr<Call>(new Call(
      *this, stream.method_,
      CallContext(clock_, std::min(whole.deadline(), end), std::move(info)),
      stream.caller_, stream.headers_, whole.call_id()));
}

bool CallRunner::AwaitIdle(Duration timeout) {
  const auto idle = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return calls_.empty();
  };
  absl::MutexLock lock(&mu_);
  return clock_.WaitUntil(mu_, clock_.Now() + timeout, absl::Condition(&idle));
}

void CallRunner::CancelAll() {
  absl::MutexLock lock(&mu_);
  cancelled_ = true;
  for (const Call* call : calls_) call->context().Cancel();
}

Call::Call(CallRunner& runner, absl::string_view method, CallContext context,
           Caller caller, size_t headers, std::string stream)
    : runner_(runner),
      method_(method),
      context_(std::move(context)),
      caller_(std::move(caller)),
      headers_(headers),
      stream_(std::move(stream)),
      start_(context_.clock().Now()),
      is_upload_(method == "UploadAndLink" || method == "UploadFile" ||
                 method == "UploadObject" || !stream_.empty()) {
  if (stream_.empty()) runner_.metrics_.RpcStarted(method_);
  if (is_upload_) runner_.metrics_.UploadStarted();
  absl::MutexLock lock(&runner_.mu_);
  runner_.calls_.insert(this);
}

Call::~Call() {
  if (!over_) Tell(absl::CancelledError("the caller went away"), nullptr, {});
}

absl::Status Call::AdmitCaller() const {
  if (runner_.draining()) return DrainingError("it takes no new calls");
  if (headers_ > kMaxHeaders) {
    return InvalidRequest({{"metadata", absl::StrCat("has ", headers_,
                                                     " headers, and a call at "
                                                     "most ",
                                                     kMaxHeaders)}});
  }
  if (runner_.allow_ == nullptr || runner_.allow_->Knows(caller_)) {
    return absl::OkStatus();
  }
  return Deny(AllowList::Verdict::kUnknownCaller);
}

absl::Status Call::Admit(const ObjectPath& object) const {
  if (auto s = AdmitCaller(); !s.ok()) return s;
  if (runner_.allow_ == nullptr) return absl::OkStatus();
  const auto verdict = runner_.allow_->Check(caller_, object);
  if (verdict == AllowList::Verdict::kAllowed) return absl::OkStatus();
  return Deny(verdict);
}

// Names no branch: a caller may have asked for what became of an upload to one
// that it is not to know of.
absl::Status Call::Deny(AllowList::Verdict verdict) const {
  const bool unknown = verdict == AllowList::Verdict::kUnknownCaller;
  runner_.metrics_.CallerDenied(unknown ? "unknown_caller" : "not_allowed");
  return MakeError(absl::StatusCode::kPermissionDenied,
                   absl::StrCat("the gateway's --allow-file does not ",
                                unknown ? "name this caller"
                                        : "let this caller write to "
                                          "the branch",
                                "; the caller is ", NameOf(caller_)),
                   Reason::kPermissionDenied);
}

grpc::Status Call::End(const absl::Status& status, const ObjectPath& object) {
  LinkReport report = NotCommitted(status);
  Drained(report);
  Tell(report.status, nullptr, Plan::kNone);
  return ToGrpcStatus(WithCallId(NameResource(report.status, object)));
}

grpc::Status Call::End(LinkReport report, const ObjectPath& object) {
  Drained(report);
  Tell(report.status, &report, Plan::kNone);
  report.status = WithCallId(NameResource(report.status, object));
  return ToGrpcStatus(report, context_.attempts());
}

grpc::Status Call::End(const UploadReport& report, const ObjectPath& object) {
  LinkReport link = report.link;
  Drained(link);
  runner_.metrics_.Resent(report.bytes_resent);
  resumed_at_ = report.resumed_at;
  if (resumed_at_) runner_.metrics_.UploadResumed();
  Tell(link.status, &link, report.plan);
  link.status = WithCallId(NameResource(link.status, object));
  return ToGrpcStatus(link, report.attempts);
}

absl::Status Call::WithCallId(const absl::Status& status) const {
  return status.ok() ? status
                     : WithMetadata(status, "callId", context_.call_id());
}

// A call that the end of the grace period cancelled, and not its caller.
void Call::Drained(LinkReport& report) const {
  if (!absl::IsCancelled(report.status)) return;
  {
    absl::MutexLock lock(&runner_.mu_);
    if (!runner_.cancelled_) return;
  }
  report.status =
      report.outcome == Outcome::kNotCommitted
          ? DrainingError("nothing was linked")
          : MakeError(absl::StatusCode::kUnknown,
                      "the gateway is shutting down, and could not find out "
                      "whether the object was linked",
                      Reason::kOutcomeUnknown);
}

void Call::Tell(const absl::Status& status, const LinkReport* report,
                Plan plan) {
  over_ = true;
  const std::chrono::duration<double> elapsed = context_.clock().Now() - start_;
  const absl::string_view outcome = report ? OutcomeName(report->outcome) : "";
  const auto& trace = context_.trace();
  Log(status.ok() ? LogLevel::kInfo : LogLevel::kWarning, "call",
      {{"call_id", context_.call_id()},
       {"trace_id", trace ? trace->trace_id : ""},
       {"span_id", trace ? trace->span_id : ""},
       {"method", method_},
       {"stream", stream_},
       {"request_id", request_id_},
       {"code", absl::StatusCodeToString(status.code())},
       {"reason", std::string(status.ok() ? "" : ReasonName(ReasonOf(status)))},
       {"outcome", std::string(outcome)},
       {"plan", std::string(is_upload_ ? PlanName(plan) : "")},
       {"rounds", int64_t{report ? report->rounds : 0}},
       {"attempts", int64_t{context_.attempts()}},
       {"resumed", std::string(resumed_at_ ? "true" : "")},
       {"offset", resumed_at_.value_or(0)},
       {"rescue", std::string(report ? report->rescue : "")},
       {"seconds", elapsed.count()},
       {"message", std::string(status.message())}});
  Metrics& metrics = runner_.metrics_;
  if (stream_.empty()) {
    metrics.RpcFinished(method_, status.code(), elapsed.count());
  }
  if (const std::string why = ResumeRefusalOf(status); !why.empty()) {
    metrics.ResumeRefused(why);
  }
  if (report && !report->rescue.empty()) metrics.LinkRescued(report->rescue);
  if (is_upload_) {
    metrics.UploadFinished(report ? outcome : "NOT_COMMITTED", PlanName(plan));
    const absl::string_view refusal = status.ok() ? "" : RefusalOf(status);
    if (!refusal.empty()) metrics.UploadRefused(refusal);
  }
  absl::MutexLock lock(&runner_.mu_);
  runner_.calls_.erase(this);
}

}  // namespace lakefs::gateway
