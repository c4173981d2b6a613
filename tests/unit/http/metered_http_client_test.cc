#include "gateway/http/metered_http_client.h"

#include <gtest/gtest.h>

#include "gateway/base/error.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_http_client.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::seconds;

class MeteredHttpClientTest : public ::testing::Test {
 protected:
  FakeClock clock_;
  CallContext context_{clock_, clock_.Now() + seconds(60), "test"};
  FakeHttpClient http_;
  Metrics metrics_{"1"};
  MeteredHttpClient client_{http_, metrics_};

  bool Counted(const std::string& line) {
    return metrics_.Text().find("staging_gateway_" + line + "\n") !=
           std::string::npos;
  }
};

TEST_F(MeteredHttpClientTest, EachAttemptIsCountedByTheClassOfItsAnswer) {
  http_.Answer(204);
  http_.Answer(404);
  http_.Answer(503);
  http_.answers.push_back(MakeError(absl::StatusCode::kUnavailable, "x",
                                    Reason::kUpstreamUnreachable));
  http_.answers.push_back(MakeError(absl::StatusCode::kUnavailable, "x",
                                    Reason::kUpstreamConnectionLost));
  http_.answers.push_back(absl::CancelledError());
  http_.answers.push_back(absl::DeadlineExceededError("x"));
  for (int i = 0; i < 7; ++i) {
    (void)client_.Send(context_, {.operation = "statObject"});
  }
  for (const char* result :
       {"2xx", "4xx", "5xx", "unreachable", "lost", "cancelled", "deadline"}) {
    EXPECT_TRUE(Counted(std::string("upstream_requests_total{operation="
                                    "\"statObject\",result=\"") +
                        result + "\",upstream=\"lakefs\"} 1"))
        << result;
  }
}

TEST_F(MeteredHttpClientTest, OnlyAcknowledgedBytesOfObjectsAreStored) {
  const auto send = [&](absl::string_view operation, int status) {
    http_.Answer(status);
    (void)client_.Send(context_,
                       {.operation = operation, .body = "0123456789"});
  };
  send("storePut", 200);
  send("storePut", 500);
  send("storePutBlockList", 201);
  send("linkPhysicalAddress", 200);
  EXPECT_TRUE(Counted("stored_bytes_total 10"));
}

TEST_F(MeteredHttpClientTest, ABodyOfUnknownSizeIsCountedWhileItIsRead) {
  http_.Answer(201);
  std::string rest = "some bytes";
  HttpRequest request{.operation = "uploadObject"};
  request.stream = HttpBody{
      .read = [&rest](std::span<char> buffer) -> absl::StatusOr<size_t> {
        const size_t n = rest.copy(buffer.data(), buffer.size());
        rest.erase(0, n);
        return n;
      }};
  (void)client_.Send(context_, request);
  EXPECT_TRUE(Counted("stored_bytes_total 10"));
  EXPECT_EQ(http_.requests[0].body, "some bytes");
}

}  // namespace
}  // namespace lakefs::gateway::testing
