#include "tests/emulator/faulty_service.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace lakefs::gateway::testing {
namespace {

HttpResponse Reset() {
  HttpResponse reply;
  reply.delivery = HttpResponse::Delivery::kReset;
  return reply;
}

void Corrupt(std::string& body) {
  if (body.empty()) {
    body.push_back('?');
  } else {
    body[body.size() / 2] ^= 1;
  }
}

// Whether the body is an object, as it is or in a form.
bool CarriesObject(const std::string& operation) {
  return operation == "storePut" || operation == "storePutPart" ||
         operation == "uploadObject";
}

bool IsForm(const std::string& operation, const HttpRequest& request) {
  return operation == "uploadObject" &&
         absl::StartsWith(request.Header("content-type"),
                          "multipart/form-data");
}

bool IsSuccess(const HttpResponse& reply) { return reply.status / 100 == 2; }

// Applies what a fault does to a reply of an operation that took place.
HttpResponse Spoil(const Fault& fault, HttpResponse reply) {
  switch (fault.kind) {
    case Fault::Kind::kResetAfter:
      return Reset();
    case Fault::Kind::kTruncate:
      reply.delivery = HttpResponse::Delivery::kTruncated;
      break;
    case Fault::Kind::kGarbage:
      reply.headers["Content-Type"] = "text/html";
      reply.body = "<html><body>It works!</body></html>\n";
      break;
    case Fault::Kind::kWrongETag:
      reply.headers["Etag"] = "\"0123456789abcdef0123456789abcdef\"";
      reply.headers.erase("Content-MD5");
      reply.headers.erase("x-goog-hash");
      break;
    case Fault::Kind::kNoETag:
      for (const char* name : {"Etag", "Content-MD5", "x-goog-hash"}) {
        reply.headers.erase(name);
      }
      break;
    default:
      break;
  }
  return reply;
}

}  // namespace

FaultyService::FaultyService(FaultPlan& plan, RequestLog& log,
                             ErrorBody error_body, bool keep_json,
                             const ContentPolicy& policy)
    : plan_(plan),
      log_(log),
      error_body_(error_body),
      keep_json_(keep_json),
      policy_(policy) {}

HttpResponse FaultyService::Run(HttpExchange& exchange,
                                const std::string& operation,
                                const Effect& effect) {
  uint64_t id = log_.Begin(operation, exchange.request());
  std::optional<Fault> fault = plan_.Take(operation, exchange.request().query);
  std::string json;
  uint64_t body_bytes = 0;
  HttpResponse reply =
      Answer(exchange, operation, fault.has_value() ? &*fault : nullptr, effect,
             json, body_bytes);
  if (operation == "login") json.clear();  // It holds the secret key.
  bool reset = reply.delivery == HttpResponse::Delivery::kReset;
  log_.End(id, std::move(json), body_bytes, reset ? 0 : reply.status);
  return reply;
}

HttpResponse FaultyService::Answer(HttpExchange& exchange,
                                   const std::string& operation,
                                   const Fault* fault, const Effect& effect,
                                   std::string& json, uint64_t& body_bytes) {
  using Kind = Fault::Kind;
  const bool late = fault != nullptr && fault->kind == Kind::kLate;
  if (fault != nullptr && !late) {
    if (!Wait(*fault)) return Reset();
    if (fault->kind == Kind::kResetBefore) return Reset();
  }
  HttpRequest& request = exchange.request();
  if (!Read(exchange, operation, fault)) return Reset();
  if (plan_.gives_up() && exchange.IsAbandoned()) return Reset();
  body_bytes = request.body.size() + request.content.size_bytes;
  if (keep_json_ &&
      absl::StartsWith(request.Header("content-type"), "application/json")) {
    json = request.body;
  }
  if (fault == nullptr) return effect(request, nullptr);
  if (fault->kind == Kind::kStatus) return Scripted(*fault);
  if (late) {
    exchange.HangUp();
    if (Wait(*fault)) effect(request, nullptr);
    return Reset();
  }
  HttpResponse reply = effect(request, fault);
  if (fault->kind == Kind::kStatusAfter) return Scripted(*fault);
  const bool conditional = !request.Header("if-none-match").empty() ||
                           !request.Header("if-match").empty();
  if (fault->kind == Kind::kFalsePrecondition && conditional &&
      IsSuccess(reply)) {
    return error_body_(412, "Precondition failed");
  }
  return Spoil(*fault, std::move(reply));
}

// Reads the body to where the operation expects it.
bool FaultyService::Read(HttpExchange& exchange, const std::string& operation,
                         const Fault* fault) {
  HttpRequest& request = exchange.request();
  bool corrupt = fault != nullptr && fault->kind == Fault::Kind::kCorrupt;
  HttpExchange::Progress progress;
  if (fault != nullptr && fault->kind == Fault::Kind::kSlow) {
    progress = SlowProgress(*fault);
  }
  if (!CarriesObject(operation)) {
    if (!exchange.ReadBody(nullptr, progress)) return false;
    if (corrupt) Corrupt(request.body);
    return true;
  }
  ContentPolicy policy = policy_;
  policy.has_md5 = policy.has_md5 || !request.Header("content-md5").empty() ||
                   !request.Header("x-ms-blob-content-md5").empty();
  ContentWriter writer(policy);
  if (corrupt) writer.CorruptNext();
  std::optional<FormReader> form;
  HttpExchange::Sink sink = [&](absl::string_view data) {
    form.has_value() ? form->Append(data) : writer.Append(data);
  };
  uint64_t length = 0;
  if (IsForm(operation, request)) {
    form.emplace(request.Header("content-type"), "content", writer);
  } else if (absl::SimpleAtoi(request.Header("content-length"), &length)) {
    writer.Reserve(length);
  }
  if (!exchange.ReadBody(sink, progress)) return false;
  request.content = writer.Finish();
  if (form.has_value()) request.form = form->field();
  return true;
}

// Holds the reading up so that it takes the fault's delay in all.
HttpExchange::Progress FaultyService::SlowProgress(const Fault& fault) {
  absl::Time begin = absl::Now();
  absl::Duration whole = absl::FromChrono(fault.delay);
  return [this, begin, whole](uint64_t read, uint64_t announced) {
    double share = announced == 0 ? 1 : static_cast<double>(read) / announced;
    absl::Duration left = begin + share * whole - absl::Now();
    return !stopped_.WaitForNotificationWithTimeout(
        std::max(left, absl::ZeroDuration()));
  };
}

bool FaultyService::Wait(const Fault& fault) {
  if (fault.kind == Fault::Kind::kSlow) return true;
  if (fault.delay.count() > 0) {
    return !stopped_.WaitForNotificationWithTimeout(
        absl::FromChrono(fault.delay));
  }
  if (fault.kind != Fault::Kind::kStall) return true;
  stopped_.WaitForNotification();
  return false;
}

HttpResponse FaultyService::Scripted(const Fault& fault) const {
  HttpResponse reply = error_body_(fault.status, "scripted failure");
  if (!fault.body.empty()) reply.body = fault.body;
  for (const auto& [name, value] : fault.headers) reply.headers[name] = value;
  return reply;
}

}  // namespace lakefs::gateway::testing
