#include "tests/emulator/faulty_service.h"

#include <optional>
#include <utility>

#include "absl/strings/match.h"
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
    default:
      break;
  }
  return reply;
}

}  // namespace

FaultyService::FaultyService(FaultPlan& plan, RequestLog& log,
                             ErrorBody error_body, bool keep_json)
    : plan_(plan), log_(log), error_body_(error_body), keep_json_(keep_json) {}

HttpResponse FaultyService::Run(HttpExchange& exchange,
                                const std::string& operation,
                                const Effect& effect) {
  uint64_t id = log_.Begin(operation, exchange.request());
  std::optional<Fault> fault = plan_.Take(operation);
  std::string json;
  uint64_t body_bytes = 0;
  HttpResponse reply = Answer(exchange, fault.has_value() ? &*fault : nullptr,
                              effect, json, body_bytes);
  if (operation == "login") json.clear();  // It holds the secret key.
  bool reset = reply.delivery == HttpResponse::Delivery::kReset;
  log_.End(id, std::move(json), body_bytes, reset ? 0 : reply.status);
  return reply;
}

HttpResponse FaultyService::Answer(HttpExchange& exchange, const Fault* fault,
                                   const Effect& effect, std::string& json,
                                   uint64_t& body_bytes) {
  using Kind = Fault::Kind;
  if (fault != nullptr) {
    if (!Wait(*fault)) return Reset();
    if (fault->kind == Kind::kResetBefore) return Reset();
  }
  HttpRequest& request = exchange.request();
  if (!exchange.ReadBody()) return Reset();
  body_bytes = request.body.size();
  if (keep_json_ &&
      absl::StartsWith(request.Header("content-type"), "application/json")) {
    json = request.body;
  }
  if (fault == nullptr) return effect(request, nullptr);
  if (fault->kind == Kind::kStatus) return Scripted(*fault);
  if (fault->kind == Kind::kCorrupt) Corrupt(request.body);
  HttpResponse reply = effect(request, fault);
  if (fault->kind == Kind::kStatusAfter) return Scripted(*fault);
  if (fault->kind == Kind::kFalsePrecondition && IsSuccess(reply)) {
    return error_body_(412, "Precondition failed");
  }
  return Spoil(*fault, std::move(reply));
}

bool FaultyService::Wait(const Fault& fault) {
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
