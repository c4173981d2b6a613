// What object stores say: ETags, Content-MD5, Retry-After, and how long a URL
// is good for.
//
// Input: a line of ETag (and Retry-After), a line of Content-MD5 (and Date), a
// URL.
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/objectstore/store_client.h"
#include "gateway/objectstore/url_expiry.h"
#include "tests/fuzz/fuzz_input.h"

using namespace lakefs::gateway;

namespace {

// The inverse of PercentEncode, which knows no other escapes.
std::string Decode(absl::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      testing::Require(absl::ascii_isalnum(text[i]) ||
                       absl::StrContains("-._~", text.substr(i, 1)));
      decoded += text[i];
      continue;
    }
    testing::Require(i + 2 < text.size());
    decoded += absl::HexStringToBytes(text.substr(i + 1, 2));
    i += 2;
  }
  return decoded;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  testing::FuzzInput input(data, size);
  HttpResponse response{.status = 200};
  const std::string first = input.Line();
  const std::string second = input.Line();
  response.headers = {{"etag", first},
                      {"content-md5", second},
                      {"retry-after", first},
                      {"date", second}};
  const std::string url = input.Rest();

  EtagOf(response);
  (void)Acknowledged(response);
  response.body = url;
  for (const int status : {400, 403, 404, 503}) {
    response.status = status;
    const absl::Status error = StoreError("storePut", response);
    testing::Require(!error.ok() && error.message().size() < 1024);
    const auto retry_after = DetailsOf(error).retry_after;
    testing::Require(!retry_after || (retry_after->count() >= 0 &&
                                      *retry_after <= std::chrono::minutes(5)));
  }
  // An ETag as it should be is given back without its quotes.
  const std::string plain = absl::BytesToHexString(url.substr(0, 64));
  for (const char* weak : {"", "W/"}) {
    response.headers = {{"etag", absl::StrCat(weak, "\"", plain, "\" ")}};
    testing::Require(EtagOf(response) == plain);
    const auto stored = Acknowledged(response);
    testing::Require(stored.ok() == !plain.empty());
    testing::Require(!stored.ok() || stored->checksum == plain);
  }
  if (const auto lifetime = UrlLifetime(url, WallTime{})) {
    testing::Require(lifetime->count() >= 0);
  }
  testing::Require(!absl::StrContains(WithoutQuery(url), "?"));
  testing::Require(Decode(PercentEncode(url)) == url);
  return 0;
}
