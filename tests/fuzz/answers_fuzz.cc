// Refusals of lakeFS and of what stands between: each becomes an error that is
// one short line without control characters.
//
// Input: the status's last two digits as a byte each, a line of Retry-After, a
// line of X-Request-Id, the body.
#include "absl/strings/ascii.h"
#include "gateway/base/error.h"
#include "gateway/lakefs/answers.h"
#include "tests/fuzz/fuzz_input.h"

using namespace lakefs::gateway;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  testing::FuzzInput input(data, size);
  HttpResponse response;
  response.status = 300 + 100 * (input.Byte() % 4);
  response.status += input.Byte() % 32;
  response.headers = {{"date", "Tue, 24 Nov 2026 12:00:00 GMT"},
                      {"retry-after", input.Line()},
                      {"x-request-id", input.Line()}};
  response.body = input.Rest();

  for (const absl::Status& status :
       {AnswerToStatus("linkPhysicalAddress", response),
        UnreadableAnswer("linkPhysicalAddress", response)}) {
    testing::Require(!status.ok());
    testing::Require(status.message().size() < 1024);
    for (const char c : status.message())
      testing::Require(!absl::ascii_iscntrl(c));
    const ErrorDetails details = DetailsOf(status);
    if (details.retry_after) {
      testing::Require(details.retry_after->count() >= 0 &&
                       *details.retry_after <= std::chrono::minutes(5));
    }
    for (const auto& [key, value] : details.metadata) {
      // 256 bytes, each of which can have become a U+FFFD.
      testing::Require(value.size() <= 3 * 256);
    }
  }
  return 0;
}
