// The seam through which the program speaks HTTP.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gateway/base/call_context.h"

namespace lakefs::gateway {

enum class HttpMethod { kGet, kPut, kPost, kDelete };

// The method as it goes over the wire, such as "GET".
absl::string_view MethodName(HttpMethod method);

struct HttpHeader {
  std::string name;
  std::string value;
};

// A body that is read while it is sent.
struct HttpBody {
  // Sent as Content-Length; without it the body goes in chunks.
  std::optional<uint64_t> size_bytes;

  // Fills the front of `buffer` and returns how many bytes; 0 is the end. May
  // block. An error ends the exchange and becomes its status.
  std::function<absl::StatusOr<size_t>(std::span<char> buffer)> read;
};

struct HttpRequest {
  // lakeFS's operationId, or "storePut" and the like; for logs and metrics.
  absl::string_view operation;
  HttpMethod method = HttpMethod::kGet;
  // May be a presigned URL: a secret. Sent byte for byte.
  std::string url;
  std::vector<HttpHeader> headers;

  // A body in one string; or, if `stream` is set, that.
  std::string body;
  std::optional<HttpBody> stream;

  // Whether the engine may send the request a second time by itself when a
  // connection that it had kept turns out to be dead. False where a repeat can
  // do harm: then the failure is the caller's to judge.
  bool repeatable = true;

  // An upload of `stream` whose bytes do not move for so long is given up as
  // lost, however much time it has; zero: never. Only for bytes that are at
  // hand, since whoever waits for his own caller moves none either.
  std::chrono::seconds stall_timeout{0};

  // Bound on the whole exchange, beside the deadline of the call.
  std::chrono::milliseconds timeout{30'000};
};

struct HttpResponse {
  int status = 0;
  std::vector<HttpHeader> headers;  // names in lower case
  std::string body;

  // Whether its status is one of 200 to 299.
  bool Succeeded() const { return status >= 200 && status < 300; }

  // The first header of that name (in lower case), or "".
  absl::string_view Header(absl::string_view name) const;
};

// Sends requests.
class HttpClient {
 public:
  virtual ~HttpClient() = default;

  // One exchange. A reply with any status is a value; redirects are not
  // followed.
  //
  // Errors: UNAVAILABLE, UPSTREAM_UNREACHABLE if the request surely never left
  // (NeverLeft() is true); UNAVAILABLE, UPSTREAM_CONNECTION_LOST if it may
  // have been taken; DEADLINE_EXCEEDED and CANCELLED if the call ended while it
  // was under way; the error of the body's `read`.
  //
  // Blocking: until the reply is complete, bounded by `request.timeout` and
  // the call. Threads: may be called from any thread.
  virtual absl::StatusOr<HttpResponse> Send(const CallContext& context,
                                            const HttpRequest& request) = 0;
};

// Whether a failure of Send means that the server cannot have seen the request.
bool NeverLeft(const absl::Status& status);

// The URL without its query: what may stand in a log or a message.
absl::string_view WithoutQuery(absl::string_view url);

// The host of a URL, in lower case, without brackets, user and port; "" if the
// URL has none where it belongs.
std::string HostOf(absl::string_view url);

// `text` with all but unreserved characters as %XX: fit for a query's value or
// one segment of a path.
std::string PercentEncode(absl::string_view text);

// `text` with each %XX as the byte that it stands for; a "+" stays one.
std::string PercentDecode(absl::string_view text);

}  // namespace lakefs::gateway
