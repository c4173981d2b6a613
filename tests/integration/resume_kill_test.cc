// Uploads of 200 MiB whose caller, gateway, or both are killed at each step, or
// whose gateway is drained: they are gone on with at another replica, and what
// goes to the store a second time is little.
#include <gmock/gmock.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/testing/await.h"
#include "tests/testing/resumable.h"
#include "tests/testing/resumable_upload.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;
using std::chrono::milliseconds;

constexpr int64_t kSize = 200 * kMiB;
constexpr int kParts = 25;
// Sent again at most: 64 MiB, and what was on its way to the store.
constexpr int kAgain = 8 + 8;

enum class Death { kCaller, kGateway, kBoth, kDrain };

struct Step {
  const char* name;
  const char* operation;
  int skip = 0;
  Fault::Kind kind = Fault::Kind::kStall;  // which takes no effect any more
};

constexpr char kFirstPart[] = "FirstPart";

const Step kSteps[] = {
    {"Create", "createPresignMultipartUpload"},
    {"Url", "uploadPart"},
    {kFirstPart, "storePutPart"},
    {"MiddlePart", "storePutPart", 14},
    {"LastPart", "storePutPart", kParts - 1},
    {"Complete", "completePresignMultipartUpload"},
    // It takes effect after the death.
    {"LateComplete", "completePresignMultipartUpload", 0, Fault::Kind::kLate},
};

using Case = std::tuple<Step, Death, bool>;

std::string NameOf(const ::testing::TestParamInfo<Case>& info) {
  const auto& [step, death, known] = info.param;
  const char* const deaths[] = {"Caller", "Gateway", "Both", "Drain"};
  return absl::StrCat(step.name, deaths[static_cast<int>(death)],
                      known ? "" : "OfUnknownSize");
}

class ResumeKillTest : public ::testing::TestWithParam<Case> {
 protected:
  ResumeKillTest() {
    header_.set_request_id("r");
    Fault fault;
    fault.operation = step_.operation;
    fault.kind = step_.kind;
    fault.skip = step_.skip;
    // Longer than a busy machine takes to notice it and to kill.
    if (fault.kind == Fault::Kind::kLate) fault.delay = milliseconds(2'000);
    replicas_.emulator.AddFault(fault);
  }

  // An upload in which somebody dies in the middle of the step's request.
  void Die(std::string& token) {
    const auto gateway = replicas_.NewGateway({"--drain-timeout=4s"});
    ResumableUpload upload(*gateway, header_, data_, token);
    // A drain has the time to repeat a request that hangs.
    const bool may_end_well = death_ == Death::kDrain;
    std::thread call([&] {
      const CallEnd end = upload.Run(data_.size());
      EXPECT_TRUE(may_end_well || !end.status.ok());
    });
    EXPECT_TRUE(Await(
        [this] { return replicas_.Count(step_.operation) > step_.skip; }));
    if (death_ == Death::kDrain) gateway->Terminate();
    if (death_ == Death::kGateway || death_ == Death::kBoth) gateway->Kill();
    if (death_ == Death::kCaller || death_ == Death::kBoth) upload.Cancel();
    call.join();
    if (step_.kind == Fault::Kind::kLate) {
      EXPECT_TRUE(
          Await([this] { return replicas_.emulator.RequestsUnderWay() == 0; }));
    }
    replicas_.emulator.ClearFaults();
  }

  const Step step_ = std::get<0>(GetParam());
  const Death death_ = std::get<1>(GetParam());
  const std::string data_ = Bytes(kSize);
  Replicas replicas_{Way{"", {}, false, std::get<2>(GetParam())}};
  pb::UploadHeader header_ = replicas_.Header(data_);
};

TEST_P(ResumeKillTest, IsGoneOnWithAndLinkedOnce) {
  std::string token;
  Die(token);
  const bool had_token = !token.empty();
  const auto other = replicas_.NewGateway();
  CallEnd end;
  for (int i = 0; i < 3 && (i == 0 || !end.status.ok()); ++i) {
    end = ResumableUpload(*other, header_, data_, token).Run(data_.size());
    if (end.reason == "RESUME_EXPIRED") token.clear();
  }
  ASSERT_TRUE(end.status.ok()) << end.reason << end.status.error_message();
  EXPECT_EQ(end.result.outcome(), pb::OUTCOME_COMMITTED);
  EXPECT_TRUE(replicas_.Read() == data_);
  EXPECT_EQ(replicas_.emulator.AddressesLinked("quickstart", "o").size(), 1U);
  // While the first part hangs, none that follows is stored without a gap.
  if (death_ != Death::kDrain || step_.name != kFirstPart) {
    EXPECT_LE(replicas_.Count("storePutPart"), kParts + kAgain);
  }
  // What a gateway was killed over before it could send a token.
  const bool killed = death_ == Death::kGateway || death_ == Death::kBoth;
  const int left = killed && !had_token ? 1 : 0;
  EXPECT_TRUE(
      Await([&] { return replicas_.emulator.OpenMultipartUploads() <= left; }));
}

class ResumeDiscardTest : public ResumeKillTest {};

TEST_P(ResumeDiscardTest, LeavesNoRest) {
  std::string token;
  Die(token);
  if (token.empty()) GTEST_SKIP() << "no token yet";
  const auto other = replicas_.NewGateway();
  EXPECT_TRUE(replicas_.Discard(*other, token).ok());
  EXPECT_TRUE(
      Await([&] { return replicas_.emulator.OpenMultipartUploads() == 0; }));
}

// The steps at which a token has been sent, most often.
const Step kLateSteps[] = {kSteps[3], kSteps[5]};
const auto kDeaths = ::testing::Values(Death::kCaller, Death::kGateway,
                                       Death::kBoth, Death::kDrain);

INSTANTIATE_TEST_SUITE_P(Steps, ResumeKillTest,
                         ::testing::Combine(::testing::ValuesIn(kSteps),
                                            kDeaths, ::testing::Values(true)),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(LateSteps, ResumeKillTest,
                         ::testing::Combine(::testing::ValuesIn(kLateSteps),
                                            kDeaths, ::testing::Values(false)),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(LateSteps, ResumeDiscardTest,
                         ::testing::Combine(::testing::ValuesIn(kLateSteps),
                                            kDeaths, ::testing::Values(true)),
                         NameOf);

}  // namespace
}  // namespace lakefs::gateway::testing
