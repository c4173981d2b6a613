// What a long UploadMany costs the gateway.
#include <gmock/gmock.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/testing/many_call.h"
#include "tests/testing/stage.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;

#ifdef __SANITIZE_ADDRESS__
constexpr uint64_t kObjects = 5'000;
#else
constexpr uint64_t kObjects = 100'000;
#endif

// Every tenth fails, in turn at the checks, at the bytes, and at lakeFS.
pb::UploadManyRequest ObjectOf(uint64_t id, const std::string& data) {
  pb::UploadManyRequest request;
  request.set_id(id);
  *request.mutable_header() = HeaderFor(absl::StrCat("o/", id % 1000));
  request.set_data(data);
  switch (id % 30) {
    case 0:
      request.mutable_header()->mutable_object()->clear_path();
      break;
    case 10:
      request.set_crc32c(7);
      break;
    case 20:
      request.mutable_header()->mutable_object()->set_branch("nosuch");
      break;
    default:
      break;
  }
  return request;
}

std::string ReasonFor(uint64_t id) {
  switch (id % 30) {
    case 0:
      return "INVALID_REQUEST";
    case 10:
      return "CHECKSUM_MISMATCH";
    case 20:
      return "NOT_FOUND";
    default:
      return "";
  }
}

TEST(ManyMemoryTest, AHundredThousandObjectsTakeNoMoreMemoryThanAFew) {
  constexpr int64_t kMiB = 1 << 20;
  Stage stage({.etag_md5 = false}, {"--log-level=error"});
  ManyCall call(*stage.stub, std::chrono::minutes(14));
  const std::string data = Bytes(1024);
  std::jthread sender([&] {
    for (uint64_t id = 0; id < kObjects; ++id) {
      if (!call.Send(ObjectOf(id, data))) break;
    }
    call.HalfClose();
  });
  std::vector<bool> answered(kObjects);
  uint64_t answers = 0;
  int64_t early = 0;
  while (const auto answer = call.Read()) {
    ASSERT_LT(answer->id(), kObjects);
    ASSERT_FALSE(answered[answer->id()]);
    answered[answer->id()] = true;
    const CallEnd end = EndOf(*answer);
    ASSERT_EQ(end.reason, ReasonFor(answer->id()))
        << end.status.error_message();
    if (++answers == kObjects / 20) early = stage.gateway->RssBytes();
    if (answers % 1000 == 0) stage.emulator.ClearJournal();  // is ours
  }
  EXPECT_TRUE(call.Finish().status.ok());
  EXPECT_EQ(answers, kObjects);
  const int64_t peak = stage.gateway->PeakRssBytes();
  std::cout << "RSS " << early / kMiB << " MiB early, peak " << peak / kMiB
            << " MiB\n";
#ifndef __SANITIZE_ADDRESS__  // which keeps what was freed
  EXPECT_LT(peak, early + 16 * kMiB);
  EXPECT_LT(peak, 96 * kMiB);
#endif
}

}  // namespace
}  // namespace lakefs::gateway::testing
