#include "gateway/http/aws_sigv4.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"

namespace lakefs::gateway {
namespace {

constexpr absl::string_view kAlgorithm = "AWS4-HMAC-SHA256";

std::string Sha256Hex(absl::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr);
  return absl::BytesToHexString({reinterpret_cast<char*>(digest), size});
}

std::string HmacSha256(absl::string_view key, absl::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest,
       &size);
  return {reinterpret_cast<char*>(digest), size};
}

// A URL in the pieces that are signed.
struct UrlPieces {
  absl::string_view host;  // with the port, if it is not the scheme's own
  absl::string_view path;
  absl::string_view query;
};

UrlPieces PiecesOf(absl::string_view url) {
  const bool tls = absl::StartsWith(url, "https://");
  url.remove_prefix(std::min(url.size(), url.find("://") + 3));
  UrlPieces pieces;
  pieces.host = url.substr(0, url.find_first_of("/?"));
  url.remove_prefix(pieces.host.size());
  pieces.path = url.substr(0, url.find('?'));
  if (pieces.path.size() < url.size()) {
    pieces.query = url.substr(pieces.path.size() + 1);
  }
  absl::ConsumeSuffix(&pieces.host, tls ? ":443" : ":80");
  return pieces;
}

// The text in the one encoding that the signer and the store have to agree on,
// however much of it is encoded already.
std::string Canonical(absl::string_view text) {
  return PercentEncode(PercentDecode(text));
}

// S3 takes a path as it stands: encoded once, with no segment resolved.
std::string CanonicalPath(absl::string_view path) {
  if (path.empty()) return "/";
  return absl::StrJoin(absl::StrSplit(path, '/'), "/",
                       [](std::string* out, absl::string_view segment) {
                         out->append(Canonical(segment));
                       });
}

std::string CanonicalQuery(absl::string_view query) {
  if (query.empty()) return "";
  std::vector<std::pair<std::string, std::string>> fields;
  for (const absl::string_view field : absl::StrSplit(query, '&')) {
    const std::pair<absl::string_view, absl::string_view> pair =
        absl::StrSplit(field, absl::MaxSplits('=', 1));
    fields.emplace_back(Canonical(pair.first), Canonical(pair.second));
  }
  std::sort(fields.begin(), fields.end());
  return absl::StrJoin(fields, "&", absl::PairFormatter("="));
}

// Blanks at the ends do not count, and several in a row count as one.
std::string CanonicalValue(absl::string_view value) {
  std::string text(value);
  absl::RemoveExtraAsciiWhitespace(&text);
  return text;
}

}  // namespace

void SignAwsSigV4(const AwsKeys& keys, WallTime now, HttpRequest& request) {
  const UrlPieces url = PiecesOf(request.url);
  const std::string time = absl::FormatTime(
      "%E4Y%m%dT%H%M%SZ", absl::FromChrono(now), absl::UTCTimeZone());
  const std::string payload =
      request.stream ? "UNSIGNED-PAYLOAD" : Sha256Hex(request.body);
  request.headers.push_back({"Host", std::string(url.host)});
  request.headers.push_back({"X-Amz-Date", time});
  request.headers.push_back({"X-Amz-Content-Sha256", payload});
  if (!keys.session_token.empty()) {
    request.headers.push_back({"X-Amz-Security-Token", keys.session_token});
  }

  std::map<std::string, std::string> headers;
  for (const HttpHeader& header : request.headers) {
    headers[absl::AsciiStrToLower(header.name)] = CanonicalValue(header.value);
  }
  const std::string names = absl::StrJoin(
      headers, ";",
      [](std::string* out, const auto& header) { *out += header.first; });
  const std::string canonical =
      absl::StrCat(MethodName(request.method), "\n", CanonicalPath(url.path),
                   "\n", CanonicalQuery(url.query), "\n",
                   absl::StrJoin(headers, "\n", absl::PairFormatter(":")),
                   "\n\n", names, "\n", payload);

  const std::string scope =
      absl::StrCat(time.substr(0, 8), "/", keys.region, "/s3/aws4_request");
  std::string key = absl::StrCat("AWS4", keys.secret_access_key);
  for (const absl::string_view step : absl::StrSplit(scope, '/')) {
    key = HmacSha256(key, step);
  }
  const std::string signature = absl::BytesToHexString(
      HmacSha256(key, absl::StrCat(kAlgorithm, "\n", time, "\n", scope, "\n",
                                   Sha256Hex(canonical))));
  request.headers.push_back(
      {"Authorization",
       absl::StrCat(kAlgorithm, " Credential=", keys.access_key_id, "/", scope,
                    ", SignedHeaders=", names, ", Signature=", signature)});
}

absl::StatusOr<HttpResponse> SigningHttpClient::Send(
    const CallContext& context, const HttpRequest& request) {
  HttpRequest signed_request = request;
  SignAwsSigV4(keys_, context.clock().WallNow(), signed_request);
  return http_.Send(context, signed_request);
}

}  // namespace lakefs::gateway
