#include "gateway/lakefs/login.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/base/log.h"
#include "gateway/lakefs/answers.h"
#include "gateway/lakefs/json.h"
#include "gateway/lakefs/lakefs_api.h"
#include "gateway/lakefs/rest_client.h"

namespace lakefs::gateway {
namespace {

constexpr char kOperation[] = "login";
constexpr std::chrono::seconds kTimeout{10};
constexpr std::chrono::seconds kPauseAfterFailure{1};

// lakeFS's default is seven days; before v0.85 it does not say. An hour is
// safe where somebody has made it shorter, and cheap.
constexpr std::chrono::hours kUnknownLife{1};

// How lakeFS names its session: v0.101 and later the first, v0.66 the second.
constexpr absl::string_view kSessionCookies[] = {"internal_auth_session=",
                                                 "access_token="};

// "NAME=VALUE" of the session's cookie; empty if there is none. A load balancer
// may set others.
std::string CookieOf(const HttpResponse& response) {
  for (absl::string_view name : kSessionCookies) {
    for (const HttpHeader& header : response.headers) {
      if (header.name == "set-cookie" && absl::StartsWith(header.value, name)) {
        return header.value.substr(0, header.value.find(';'));
      }
    }
  }
  return "";
}

}  // namespace

Login::Login(LoginOptions options, HttpClient& http, Metrics& metrics)
    : options_(std::move(options)),
      url_(absl::StrCat(ApiBase(options_.endpoint), "/auth/login")),
      http_(http),
      metrics_(metrics),
      key_(options_.key) {}

absl::StatusOr<HttpHeader> Login::Get(const CallContext& context) {
  absl::MutexLock lock(&mu_);
  const TimePoint now = context.clock().Now();
  if (!session_ || now >= session_->renew_at) Refresh(context);
  if (session_ && context.clock().Now() < session_->ends_at) {
    return session_->header;
  }
  if (!failure_.ok()) return FailureFor(context);
  const absl::Status over = context.Over();
  return over.ok() ? MakeError(absl::StatusCode::kUnavailable,
                               "the login to lakeFS is not done yet",
                               Reason::kUpstreamUnreachable)
                   : over;
}

// Who asks again within the pause would only hear the same.
absl::Status Login::FailureFor(const CallContext& context) const {
  if (!Transient(failure_)) return failure_;
  const auto pause = std::chrono::ceil<std::chrono::milliseconds>(
      failed_ + kPauseAfterFailure - context.clock().Now());
  ErrorDetails details = DetailsOf(failure_);
  details.retry_after = std::max(
      details.retry_after.value_or(std::chrono::milliseconds(0)), pause);
  return MakeError(failure_.code(), failure_.message(), details);
}

bool Login::Renew(const CallContext& context, const HttpHeader& refused) {
  absl::MutexLock lock(&mu_);
  if (session_ && session_->header.value == refused.value) {
    session_.reset();
    Refresh(context);
  }
  // A token of the same second is the same, and yet a new one.
  return session_.has_value();
}

void Login::Refresh(const CallContext& context) {
  if (logging_in_) {
    if (session_) return;
    const auto done = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
      return !logging_in_;
    };
    context.clock().WaitUntil(mu_, context.deadline(), absl::Condition(&done));
    return;
  }
  const bool paused =
      !failure_.ok() && context.clock().Now() - failed_ < kPauseAfterFailure;
  if (paused) return;
  logging_in_ = true;
  ReadKeyAgain();
  const AccessKey key = key_;
  mu_.Unlock();
  auto session = LogIn(context, key);
  mu_.Lock();
  logging_in_ = false;
  metrics_.CredentialsRenewed(session.ok());
  failure_ = session.status();
  if (session.ok()) {
    session_ = *std::move(session);
  } else if (context.Over().ok()) {
    failed_ = context.clock().Now();
    Log(LogLevel::kWarning, "login failed",
        {{"message", std::string(failure_.message())}});
  } else {
    failure_ = absl::OkStatus();  // the end of this call says nothing of others
  }
}

void Login::ReadKeyAgain() {
  if (options_.key_file.empty()) return;
  auto key = ReadAccessKey(options_.key_file);
  if (key.ok()) {
    key_ = *std::move(key);
    return;
  }
  Log(LogLevel::kError, "file of credentials is unusable",
      {{"message", std::string(key.status().message())}});
}

absl::StatusOr<Login::Session> Login::LogIn(const CallContext& context,
                                            const AccessKey& key) {
  HttpRequest request{.operation = kOperation,
                      .method = HttpMethod::kPost,
                      .url = url_,
                      .headers = {{"Content-Type", "application/json"}},
                      .body = LoginToJson(key.id, key.secret),
                      .timeout = kTimeout};
  const auto response = http_.Send(context, request);
  if (!response.ok()) return response.status();
  if (!response->Succeeded()) {
    return AnswerToStatus(kOperation, *response);
  }
  const auto answer = ParseLogin(response->body);
  const std::string cookie = CookieOf(*response);
  if (!answer || (options_.cookie && cookie.empty())) {
    return UnreadableAnswer(kOperation, *response);
  }
  Session session;
  session.header =
      options_.cookie
          ? HttpHeader{"Cookie", cookie}
          : HttpHeader{"Authorization", absl::StrCat("Bearer ", answer->token)};
  Clock& clock = context.clock();
  Duration life = kUnknownLife;
  if (answer->expiration) {
    life = std::max<Duration>(std::chrono::seconds(1),
                              *answer->expiration - clock.WallNow());
  }
  session.renew_at = clock.Now() + life - life / 10;
  session.ends_at = clock.Now() + life;
  return session;
}

}  // namespace lakefs::gateway
