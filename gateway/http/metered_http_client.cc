#include "gateway/http/metered_http_client.h"

#include <array>

#include "gateway/base/log.h"

namespace lakefs::gateway {
namespace {

absl::string_view ResultOf(const absl::StatusOr<HttpResponse>& response) {
  if (response.ok()) {
    constexpr std::array<absl::string_view, 6> classes = {
        "other", "other", "2xx", "3xx", "4xx", "5xx"};
    const int hundreds = response->status / 100;
    return hundreds >= 0 && hundreds < 6 ? classes[hundreds] : "other";
  }
  if (absl::IsCancelled(response.status())) return "cancelled";
  if (absl::IsDeadlineExceeded(response.status())) return "deadline";
  return NeverLeft(response.status()) ? "unreachable" : "lost";
}

// Whether the body is the bytes of an object; a block list is not.
bool CarriesObject(absl::string_view operation) {
  return operation == "storePut" || operation == "storePutPart" ||
         operation == "storePutBlock" || operation == "uploadObject";
}

// The request with a stream that counts what is read of it.
HttpRequest Counted(const HttpRequest& request, int64_t& bytes) {
  HttpRequest counted = request;
  counted.stream->read = [read = request.stream->read,
                          &bytes](std::span<char> buffer) {
    auto n = read(buffer);
    if (n.ok()) bytes += static_cast<int64_t>(*n);
    return n;
  };
  return counted;
}

}  // namespace

absl::StatusOr<HttpResponse> MeteredHttpClient::Send(
    const CallContext& context, const HttpRequest& request) {
  const TimePoint start = context.clock().Now();
  auto object_bytes = static_cast<int64_t>(request.body.size());
  // A body of unknown size is counted while it is read.
  const bool unknown = request.stream && !request.stream->size_bytes;
  if (request.stream) {
    object_bytes = static_cast<int64_t>(request.stream->size_bytes.value_or(0));
  }
  auto response = unknown ? http_.Send(context, Counted(request, object_bytes))
                          : http_.Send(context, request);
  const std::chrono::duration<double> elapsed = context.clock().Now() - start;
  const absl::string_view result = ResultOf(response);
  metrics_.UpstreamFinished(request.operation, result, elapsed.count());
  if (LogEnabled(LogLevel::kDebug)) {
    Log(LogLevel::kDebug, "exchange",
        {{"call_id", context.call_id()},
         {"operation", std::string(request.operation)},
         {"url", std::string(WithoutQuery(request.url))},
         {"status", int64_t{response.ok() ? response->status : 0}},
         {"result", std::string(result)},
         {"seconds", elapsed.count()}});
  }
  if (response.ok() && response->Succeeded() &&
      CarriesObject(request.operation)) {
    metrics_.Stored(object_bytes);
  }
  return response;
}

}  // namespace lakefs::gateway
