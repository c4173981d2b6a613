#include "tests/emulator/sigv4.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "tests/emulator/digest.h"

namespace lakefs::gateway::testing {
namespace {

constexpr absl::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr absl::string_view kFormat = "%E4Y%m%dT%H%M%SZ";
constexpr absl::string_view kUnsigned = "UNSIGNED-PAYLOAD";

// S3 refuses signatures made further than this from its own time.
constexpr std::chrono::minutes kMaxSkew{15};

// And URLs that are to be good for longer than this: a week.
constexpr std::chrono::seconds kLongestLifetime{7 * 24 * 3600};

std::string ScopeOf(absl::string_view date_time) {
  return absl::StrCat(date_time.substr(0, 8), "/us-east-1/s3/aws4_request");
}

std::string CanonicalQuery(const std::map<std::string, std::string>& query) {
  std::map<std::string, std::string> encoded;
  for (const auto& [name, value] : query) {
    if (name == "X-Amz-Signature") continue;
    encoded.emplace(PercentEncode(name), PercentEncode(value));
  }
  return absl::StrJoin(encoded, "&", absl::PairFormatter("="));
}

// `path` as the client meant it: encoded once, whatever it left raw.
std::string CanonicalPath(absl::string_view path) {
  return PercentEncode(PercentDecode(path, /*plus_is_space=*/false),
                       /*keep_slash=*/true);
}

std::string CanonicalRequest(const HttpRequest& request,
                             absl::string_view signed_headers,
                             absl::string_view payload) {
  std::string text =
      absl::StrCat(request.method, "\n", CanonicalPath(request.path), "\n",
                   CanonicalQuery(request.query), "\n");
  for (absl::string_view name : absl::StrSplit(signed_headers, ';')) {
    // Blanks within a value count as one.
    std::string value = request.Header(name);
    absl::RemoveExtraAsciiWhitespace(&value);
    absl::StrAppend(&text, name, ":", value, "\n");
  }
  return absl::StrCat(text, "\n", signed_headers, "\n", payload);
}

// Whether a request that is signed in its header, or else in its URL, must
// sign this header if it has it. Of a URL's type S3 makes no demands.
bool MustBeSigned(absl::string_view name, bool in_header) {
  return name == "host" || absl::StartsWith(name, "x-amz-") ||
         (name == "content-type" && in_header);
}

// What is wrong with the list of signed headers, or kGood.
SigV4::Verdict CheckSigned(const HttpRequest& request,
                           absl::string_view signed_headers, bool in_header) {
  const std::vector<std::string> names = absl::StrSplit(signed_headers, ';');
  // S3 puts them in order before it signs, so that any other order is wrong.
  if (!std::is_sorted(names.begin(), names.end())) {
    return SigV4::Verdict::kMismatch;
  }
  for (const std::string& name : names) {
    if (!request.headers.contains(name)) return SigV4::Verdict::kNamedOnly;
  }
  for (const auto& [name, value] : request.headers) {
    if (MustBeSigned(name, in_header) &&
        !std::binary_search(names.begin(), names.end(), name)) {
      return SigV4::Verdict::kSentOnly;
    }
  }
  return SigV4::Verdict::kGood;
}

// Whether the body has this digest. A discarded one is believed to.
bool IsSha256Of(absl::string_view digest, const HttpRequest& request) {
  const Content& content = request.content;
  if (content.size_bytes > 0 && content.bytes == nullptr) return true;
  return digest == Hex(Sha256(content.bytes ? *content.bytes : request.body));
}

}  // namespace

SigV4::SigV4(std::string access_key_id, std::string secret_access_key)
    : access_key_id_(std::move(access_key_id)),
      secret_access_key_(std::move(secret_access_key)) {}

std::string SigV4::Presign(absl::string_view method, absl::string_view host,
                           absl::string_view path,
                           std::map<std::string, std::string> query, Time now,
                           std::chrono::seconds lifetime) const {
  std::string date_time =
      absl::FormatTime(kFormat, absl::FromChrono(now), absl::UTCTimeZone());
  query["X-Amz-Algorithm"] = std::string(kAlgorithm);
  query["X-Amz-Credential"] =
      absl::StrCat(access_key_id_, "/", ScopeOf(date_time));
  query["X-Amz-Date"] = date_time;
  query["X-Amz-Expires"] = absl::StrCat(lifetime.count());
  query["X-Amz-SignedHeaders"] = "host";
  HttpRequest request;
  request.method = std::string(method);
  request.path = PercentEncode(path, /*keep_slash=*/true);
  request.query = std::move(query);
  request.headers["host"] = std::string(host);
  std::string signature =
      Signature(CanonicalRequest(request, "host", kUnsigned), date_time);
  return absl::StrCat("http://", host, request.path, "?",
                      CanonicalQuery(request.query),
                      "&X-Amz-Signature=", signature);
}

std::string SigV4::Authorization(const HttpRequest& request,
                                 absl::string_view signed_headers) const {
  std::string date_time = request.Header("x-amz-date");
  std::string canonical = CanonicalRequest(
      request, signed_headers, request.Header("x-amz-content-sha256"));
  return absl::StrCat(kAlgorithm, " Credential=", access_key_id_, "/",
                      ScopeOf(date_time), ", SignedHeaders=", signed_headers,
                      ", Signature=", Signature(canonical, date_time));
}

SigV4::Verdict SigV4::Verify(const HttpRequest& request, Time now) const {
  if (request.query.count("X-Amz-Signature") > 0) {
    return VerifyQuery(request, now);
  }
  return VerifyHeader(request, now);
}

SigV4::Verdict SigV4::VerifyQuery(const HttpRequest& request, Time now) const {
  std::string date_time = request.Query("X-Amz-Date");
  std::string credential =
      absl::StrCat(access_key_id_, "/", ScopeOf(date_time));
  absl::Time made;
  int64_t lifetime = 0;
  if (request.Query("X-Amz-Algorithm") != kAlgorithm ||
      request.Query("X-Amz-Credential") != credential ||
      !absl::ParseTime(kFormat, date_time, &made, nullptr) ||
      !absl::SimpleAtoi(request.Query("X-Amz-Expires"), &lifetime) ||
      lifetime > kLongestLifetime.count()) {
    return Verdict::kMismatch;
  }
  if (absl::FromChrono(now) > made + absl::Seconds(lifetime)) {
    return Verdict::kExpired;
  }
  if (absl::FromChrono(now) < made - absl::FromChrono(kMaxSkew)) {
    return Verdict::kNotYet;
  }
  const std::string signed_headers = request.Query("X-Amz-SignedHeaders");
  const Verdict headers =
      CheckSigned(request, signed_headers, /*in_header=*/false);
  if (headers != Verdict::kGood) return headers;
  std::string canonical = CanonicalRequest(request, signed_headers, kUnsigned);
  return Signature(canonical, date_time) == request.Query("X-Amz-Signature")
             ? Verdict::kGood
             : Verdict::kMismatch;
}

SigV4::Verdict SigV4::VerifyHeader(const HttpRequest& request, Time now) const {
  std::string header = request.Header("authorization");
  absl::string_view rest = header;
  if (!absl::ConsumePrefix(&rest, absl::StrCat(kAlgorithm, " "))) {
    return Verdict::kMissing;
  }
  std::map<std::string, std::string> fields;
  for (absl::string_view field : absl::StrSplit(rest, ',')) {
    fields.insert(absl::StrSplit(absl::StripAsciiWhitespace(field),
                                 absl::MaxSplits('=', 1)));
  }
  std::string date_time = request.Header("x-amz-date");
  absl::Time made;
  if (!absl::ParseTime(kFormat, date_time, &made, nullptr) ||
      fields["Credential"] !=
          absl::StrCat(access_key_id_, "/", ScopeOf(date_time))) {
    return Verdict::kMismatch;
  }
  absl::Duration age = absl::FromChrono(now) - made;
  if (absl::AbsDuration(age) > absl::FromChrono(kMaxSkew)) {
    return Verdict::kSkewed;
  }
  std::string payload = request.Header("x-amz-content-sha256");
  if (payload.empty()) return Verdict::kNoPayload;
  const Verdict headers =
      CheckSigned(request, fields["SignedHeaders"], /*in_header=*/true);
  if (headers != Verdict::kGood) return headers;
  if (payload != kUnsigned && !IsSha256Of(payload, request)) {
    return Verdict::kMismatch;
  }
  std::string canonical =
      CanonicalRequest(request, fields["SignedHeaders"], payload);
  return Signature(canonical, date_time) == fields["Signature"]
             ? Verdict::kGood
             : Verdict::kMismatch;
}

std::string SigV4::Signature(absl::string_view canonical_request,
                             absl::string_view date_time) const {
  std::string scope = ScopeOf(date_time);
  std::string to_sign = absl::StrCat(kAlgorithm, "\n", date_time, "\n", scope,
                                     "\n", Hex(Sha256(canonical_request)));
  std::string key = absl::StrCat("AWS4", secret_access_key_);
  for (absl::string_view step : absl::StrSplit(scope, '/')) {
    key = HmacSha256(key, step);
  }
  return Hex(HmacSha256(key, to_sign));
}

}  // namespace lakefs::gateway::testing
