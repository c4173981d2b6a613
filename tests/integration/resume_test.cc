// Uploads that outlive their caller, their gateway, or both: what was stored is
// gone on with at another replica, and nothing else comes of it.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/crc32c.h"
#include "tests/testing/await.h"
#include "tests/testing/http_get.h"
#include "tests/testing/places.h"
#include "tests/testing/resumable.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;
using std::chrono::seconds;

class ResumeTest : public ::testing::TestWithParam<Way> {
 protected:
  Replicas replicas_{GetParam()};
};

TEST_P(ResumeTest, AnotherReplicaGoesOnAfterTheGatewayWasKilled) {
  const std::string data = Bytes(88 * kMiB + 5);
  std::string token;
  {
    const auto killed = replicas_.NewGateway();
    ResumableCall call(*killed, replicas_.Header(data), data);
    token = replicas_.FirstToken(call, 80 * kMiB);
    killed->Kill();
    EXPECT_FALSE(call.End().status.ok());
  }
  EXPECT_EQ(replicas_.Read(), std::nullopt);
  replicas_.emulator.ClearJournal();

  const auto other = replicas_.NewGateway();
  ResumableCall call(*other, replicas_.Header(data, token), data);
  const auto offset = call.AwaitRewind();
  ASSERT_TRUE(offset);
  EXPECT_GE(*offset, kDue);
  call.SendRest();
  const CallEnd end = call.End();
  ASSERT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_EQ(end.result.outcome(), pb::OUTCOME_COMMITTED);
  EXPECT_EQ(end.result.crc32c(), Crc32c(data));
  EXPECT_EQ(end.result.plan(),
            GetParam().direct ? pb::PLAN_DIRECT_S3 : pb::PLAN_MULTIPART);
  EXPECT_TRUE(replicas_.Read() == data);
  EXPECT_EQ(replicas_.emulator.AddressesLinked("quickstart", "o").size(), 1U);
  EXPECT_EQ(replicas_.emulator.OpenMultipartUploads(), 0);
  // Nothing that was stored goes a second time.
  const int64_t rest = static_cast<int64_t>(data.size()) - *offset;
  EXPECT_EQ(replicas_.Count("storePutPart"), (rest + kPart - 1) / kPart);
  EXPECT_THAT(other->Log(),
              ::testing::HasSubstr(absl::StrCat("\"offset\":", *offset)));
}

TEST_P(ResumeTest, ADrainCostsNoStoredByte) {
  const std::string data = Bytes(40 * kMiB);
  std::string token;
  {
    const auto drained = replicas_.NewGateway({"--drain-timeout=8s"});
    pb::UploadHeader header = replicas_.Header(data);
    header.set_progress(true);
    ResumableCall call(*drained, header, data);
    call.SendTo(3 * kPart);
    call.AwaitStored(3 * kPart);
    drained->Terminate();
    const auto checkpoint = call.AwaitCheckpoint();
    ASSERT_TRUE(checkpoint);
    EXPECT_EQ(checkpoint->offset(), 3 * kPart);
    token = checkpoint->token();
    const CallEnd end = call.End();
    EXPECT_FALSE(end.status.ok());
  }
  const auto other = replicas_.NewGateway();
  ResumableCall call(*other, replicas_.Header(data, token), data);
  EXPECT_EQ(call.AwaitRewind(), 3 * kPart);
  call.SendRest();
  const CallEnd end = call.End();
  ASSERT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_TRUE(replicas_.Read() == data);
  EXPECT_EQ(replicas_.Count("storePutPart"), 5);
  EXPECT_EQ(replicas_.emulator.OpenMultipartUploads(), 0);
}

TEST_P(ResumeTest, WhereAllIsStoredOnlyTheEndIsSent) {
  const std::string data = Bytes(kDue);
  const auto gateway = replicas_.NewGateway();
  // The last part of a known size goes to the store with the end.
  pb::UploadHeader header = replicas_.Header(data);
  header.clear_size_bytes();
  std::string token;
  {
    ResumableCall call(*gateway, header, data);
    token = replicas_.FirstToken(call, kDue);
  }
  header.set_resume_token(token);
  ResumableCall call(*gateway, header, data);
  EXPECT_EQ(call.AwaitRewind(), kDue);
  call.SendRest();
  const CallEnd end = call.End();
  ASSERT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_TRUE(replicas_.Read() == data);
  EXPECT_EQ(replicas_.Count("storePutPart"), 8);
}

TEST_P(ResumeTest, WhatNobodyGoesOnWithIsDiscarded) {
  const std::string data = Bytes(80 * kMiB);
  const auto gateway = replicas_.NewGateway();
  std::string token;
  {
    ResumableCall call(*gateway, replicas_.Header(data), data);
    token = replicas_.FirstToken(call, 72 * kMiB);
  }
  EXPECT_TRUE(replicas_.AwaitUploadsLeft(1));
  EXPECT_TRUE(replicas_.Discard(*gateway, token).ok());
  EXPECT_EQ(replicas_.emulator.OpenMultipartUploads(), 0);
  EXPECT_TRUE(replicas_.Discard(*gateway, token).ok());

  // It is said so to who comes after all.
  ResumableCall call(*gateway, replicas_.Header(data, token), data);
  EXPECT_TRUE(call.AwaitRewind());
  call.SendRest();
  const CallEnd end = call.End();
  EXPECT_EQ(end.reason, "RESUME_EXPIRED");
  ASSERT_TRUE(end.failure);
  EXPECT_EQ(end.failure->advice(), pb::UploadFailure::ADVICE_RESTART);
  EXPECT_EQ(end.failure->outcome(), pb::OUTCOME_UNKNOWN);
  EXPECT_EQ(replicas_.Read(), std::nullopt);
}

TEST_P(ResumeTest, ATokenAfterTheLinkGetsTheResultAgain) {
  const std::string data = Bytes(72 * kMiB);
  const auto gateway = replicas_.NewGateway();
  ResumableCall call(*gateway, replicas_.Header(data), data);
  const std::string token = replicas_.FirstToken(call, 72 * kMiB);
  call.SendRest();
  const CallEnd first = call.End();
  ASSERT_TRUE(first.status.ok()) << first.status.error_message();

  ResumableCall again(*gateway, replicas_.Header(data, token), data);
  EXPECT_EQ(again.AwaitRewind(), std::nullopt);
  const CallEnd end = again.End();
  ASSERT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_EQ(end.result.outcome(), pb::OUTCOME_COMMITTED);
  EXPECT_EQ(end.result.object().physical_address(),
            first.result.object().physical_address());
  // Nor does it harm the object to discard what is left of its upload.
  EXPECT_TRUE(replicas_.Discard(*gateway, token).ok());
  EXPECT_TRUE(replicas_.Read() == data);
  EXPECT_EQ(replicas_.emulator.AddressesLinked("quickstart", "o").size(), 1U);
}

TEST_P(ResumeTest, TwoWhoSendTheSameBytesMakeOneObject) {
  const std::string data = Bytes(80 * kMiB);
  const auto gateway = replicas_.NewGateway();
  const auto other = replicas_.NewGateway();
  ResumableCall first(*gateway, replicas_.Header(data), data);
  const std::string token = replicas_.FirstToken(first, 72 * kMiB);
  ResumableCall second(*other, replicas_.Header(data, token), data);
  ASSERT_TRUE(second.AwaitRewind());
  second.SendTo(72 * kMiB);
  first.SendRest();
  const CallEnd end = first.End();
  ASSERT_TRUE(end.status.ok()) << end.status.error_message();
  second.SendRest();
  const CallEnd late = second.End();
  // Its parts come too late, or its complete does: it says which.
  if (late.status.ok()) {
    EXPECT_EQ(late.result.object().physical_address(),
              end.result.object().physical_address());
  } else {
    EXPECT_EQ(late.reason, "RESUME_EXPIRED");
  }
  EXPECT_TRUE(replicas_.Read() == data);
  EXPECT_EQ(replicas_.emulator.AddressesLinked("quickstart", "o").size(), 1U);
}

TEST_P(ResumeTest, OfTwoWhoSendOtherBytesTheOneWithoutPartsIsTold) {
  const std::string data = Bytes(80 * kMiB);
  const std::string others = data.substr(0, kDue) + Bytes(16 * kMiB, 2);
  const auto gateway = replicas_.NewGateway();
  std::string token;
  {
    ResumableCall call(*gateway, replicas_.Header(data), data);
    token = replicas_.FirstToken(call, kDue);
  }
  pb::UploadHeader header = replicas_.Header(data, token);
  header.set_progress(true);
  ResumableCall first(*gateway, header, data);
  ASSERT_EQ(first.AwaitRewind(), kDue);
  first.SendTo(72 * kMiB);
  first.AwaitStored(72 * kMiB);
  // The other one puts part 9 in the place of the first one's.
  ResumableCall second(*gateway, header, others);
  ASSERT_EQ(second.AwaitRewind(), kDue);
  second.SendTo(72 * kMiB);
  second.AwaitStored(72 * kMiB);
  first.SendRest();
  const CallEnd lost = first.End();
  EXPECT_FALSE(lost.status.ok());
  EXPECT_EQ(replicas_.Read(), std::nullopt);
  second.SendRest();
  const CallEnd won = second.End();
  ASSERT_TRUE(won.status.ok()) << won.status.error_message();
  EXPECT_TRUE(replicas_.Read() == others);
}

INSTANTIATE_TEST_SUITE_P(
    Ways, ResumeTest,
    ::testing::Values(Way{"Multipart", {}},
                      Way{"MultipartOfUnknownSize", {}, false, false},
                      Way{"DirectS3", {.dialect = Dialect::kV0_66}, true},
                      Way{"DirectS3OfUnknownSize",
                          {.dialect = Dialect::kV0_66},
                          true,
                          false}),
    [](const auto& info) { return info.param.name; });

TEST(ResumeEndTest, BeforeTheFirstCheckpointACallerWhoGoesLeavesNothing) {
  Replicas replicas;
  const std::string data = Bytes(40 * kMiB);
  const auto gateway = replicas.NewGateway();
  pb::UploadHeader header = replicas.Header(data);
  header.set_progress(true);
  {
    ResumableCall call(*gateway, header, data);
    call.SendTo(3 * kPart);
    call.AwaitStored(3 * kPart);
  }
  EXPECT_TRUE(replicas.AwaitUploadsLeft(0));
}

TEST(ResumeEndTest, PlansWithoutPartsSendNoCheckpoint) {
  Replicas replicas;
  const std::string data = Bytes(72 * kMiB);
  const auto gateway = replicas.NewGateway();
  pb::UploadHeader spooled = replicas.Header(data);
  spooled.set_if_absent(true);
  ResumableCall call(*gateway, spooled, data);
  call.SendRest();
  EXPECT_EQ(call.AwaitCheckpoint(), std::nullopt);
  const CallEnd end = call.End();
  EXPECT_TRUE(end.status.ok()) << end.status.error_message();
}

TEST(ResumeEndTest, WithADigestThatFollowsThereIsNoCheckpoint) {
  Replicas replicas;
  const std::string data = Bytes(72 * kMiB);
  const auto gateway = replicas.NewGateway();
  pb::UploadHeader header = replicas.Header(data);
  header.set_sha256_follows(true);
  ResumableCall call(*gateway, header, data);
  call.SendRest();
  EXPECT_EQ(call.AwaitCheckpoint(), std::nullopt);
  EXPECT_TRUE(call.End().status.ok());
}

// Each in one call, since they need the same token.
TEST(ResumeEndTest, ATokenThatIsNotForThisCallIsRefusedByName) {
  Replicas replicas;
  Emulator elsewhere{EmulatorOptions{}};
  ASSERT_TRUE(elsewhere.Start().ok());
  elsewhere.CreateRepository("quickstart");
  replicas.WriteKey("others", 'o');
  const std::string data = Bytes(80 * kMiB);
  const auto gateway = replicas.NewGateway();
  std::string token;
  {
    ResumableCall call(*gateway, replicas.Header(data), data);
    token = replicas.FirstToken(call, 72 * kMiB);
  }
  const auto refusal = [&](const GatewayProcess& at, pb::UploadHeader header) {
    ResumableCall call(at, std::move(header), data);
    EXPECT_EQ(call.AwaitRewind(), std::nullopt);
    const CallEnd end = call.End();
    EXPECT_EQ(end.status.error_message().find(token.substr(0, 16)),
              std::string::npos);
    return absl::StrCat(end.reason, " ", end.status.error_code());
  };
  const std::string refused =
      absl::StrCat("RESUME_REFUSED ", grpc::StatusCode::PERMISSION_DENIED);
  const pb::UploadHeader good = replicas.Header(data, token);

  pb::UploadHeader other_path = good;
  other_path.mutable_object()->set_path("p");
  EXPECT_EQ(refusal(*gateway, other_path), refused);
  pb::UploadHeader forged = good;
  (*forged.mutable_resume_token())[40] ^= 1;
  EXPECT_EQ(refusal(*gateway, forged), refused);
  pb::UploadHeader cut = good;
  cut.mutable_resume_token()->pop_back();
  EXPECT_EQ(refusal(*gateway, cut), refused);
  EXPECT_EQ(refusal(*replicas.NewGateway({}, "others"), good), refused);
  EXPECT_EQ(
      refusal(*replicas.NewGateway({}, "keys", elsewhere.endpoint()), good),
      refused);
  pb::UploadHeader large = good;
  large.mutable_resume_token()->resize(700'000);
  EXPECT_EQ(
      refusal(*gateway, large),
      absl::StrCat("INVALID_REQUEST ", grpc::StatusCode::INVALID_ARGUMENT));
  EXPECT_EQ(replicas.Read(), std::nullopt);
  EXPECT_THAT(
      Fetch(absl::StrCat("http://", gateway->admin(), "/metrics")).second,
      ::testing::HasSubstr("resume_refusals_total{reason=\"unsealed\"} "
                           "2\n"));

  // It is as good as it was.
  ResumableCall call(*gateway, good, data);
  EXPECT_TRUE(call.AwaitRewind());
  call.SendRest();
  EXPECT_TRUE(call.End().status.ok());
  EXPECT_TRUE(replicas.Read() == data);
  EXPECT_EQ(gateway->Log().find(token), std::string::npos);
}

TEST(ResumeEndTest, OneMessageCannotBeGoneOnWith) {
  Replicas replicas;
  const auto gateway = replicas.NewGateway();
  pb::UploadHeader header = HeaderFor("o");
  header.set_resume_token("t");
  const CallEnd end = UploadUnary(*gateway->NewStub(), header, "x");
  EXPECT_EQ(end.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(end.reason, "INVALID_REQUEST");
}

// Of a connection that was lost, before the end of standard input or behind it.
const auto kLost = ::testing::AnyOf(7, 9);

// The command line, with bytes that come by a pipe. It goes on to the end of
// these unless it is killed.
class CommandLineTest : public ::testing::Test {
 protected:
  CommandLineTest() {
    std::string name = ::testing::TempDir() + "/resume_cli_XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~CommandLineTest() override { std::filesystem::remove_all(folder_); }

  // Its standard input.
  FILE* Start(const GatewayProcess& gateway) {
    const std::string command = absl::StrCat(
        "exec timeout 60 ", BinaryDir(), "/bin/lakefs-staging upload - ",
        "lakefs://quickstart/main/o --gateway=", gateway.address(),
        " --resume=", state_file(), " 2>", folder_, "/said");
    return popen(command.c_str(), "w");
  }
  // Sends, and ends it; its exit code.
  static int Finish(FILE* input, absl::string_view data) {
    fwrite(data.data(), 1, data.size(), input);
    return WEXITSTATUS(pclose(input));
  }
  int Discard(const GatewayProcess& gateway) {
    const std::string command =
        absl::StrCat("timeout 60 ", BinaryDir(), "/bin/lakefs-staging discard ",
                     state_file(), " --gateway=", gateway.address(), " 2>",
                     folder_, "/said");
    return WEXITSTATUS(system(command.c_str()));
  }
  std::string Said() const {
    std::ifstream file(folder_ + "/said");
    return {std::istreambuf_iterator<char>(file), {}};
  }
  bool AwaitState() const {
    return Await([this] { return std::filesystem::exists(state_file()); });
  }
  std::string state_file() const { return folder_ + "/state"; }

  std::string folder_;
  Replicas replicas_;
  const std::string data_ = Bytes(80 * kMiB);
};

TEST_F(CommandLineTest, GoesOnAtAnotherGatewayFromItsStateFile) {
  auto killed = replicas_.NewGateway();
  FILE* input = Start(*killed);
  fwrite(data_.data(), 1, 76 * kMiB, input);
  fflush(input);
  ASSERT_TRUE(AwaitState());
  EXPECT_EQ(
      std::filesystem::status(state_file()).permissions(),
      std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  killed->Kill();
  EXPECT_THAT(WEXITSTATUS(pclose(input)), kLost) << Said();
  ASSERT_TRUE(std::filesystem::exists(state_file()));
  replicas_.emulator.ClearJournal();

  const auto other = replicas_.NewGateway();
  EXPECT_EQ(Finish(Start(*other), data_), 0) << Said();
  EXPECT_TRUE(replicas_.Read() == data_);
  EXPECT_LE(replicas_.Count("storePutPart"), 2);
  EXPECT_FALSE(std::filesystem::exists(state_file()));
}

TEST_F(CommandLineTest, BytesThatHaveChangedSinceAreNotLinked) {
  auto killed = replicas_.NewGateway();
  FILE* input = Start(*killed);
  fwrite(data_.data(), 1, 76 * kMiB, input);
  fflush(input);
  ASSERT_TRUE(AwaitState());
  killed->Kill();
  EXPECT_THAT(WEXITSTATUS(pclose(input)), kLost) << Said();

  std::string changed = data_;
  changed[5] ^= 1;
  const auto other = replicas_.NewGateway();
  EXPECT_EQ(Finish(Start(*other), changed), 8) << Said();
  EXPECT_EQ(replicas_.Read(), std::nullopt);

  EXPECT_EQ(replicas_.emulator.OpenMultipartUploads(), 1);
  EXPECT_EQ(Discard(*other), 0) << Said();
  EXPECT_EQ(replicas_.emulator.OpenMultipartUploads(), 0);
  EXPECT_FALSE(std::filesystem::exists(state_file()));
  EXPECT_EQ(Discard(*other), 3) << Said();
}

TEST_F(CommandLineTest, AFileThatIsNoStateFileIsNotTouched) {
  std::ofstream(state_file()) << "precious";
  const auto gateway = replicas_.NewGateway();
  EXPECT_EQ(Finish(Start(*gateway), ""), 2) << Said();
  std::ifstream file(state_file());
  std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(text, "precious");
}

}  // namespace
}  // namespace lakefs::gateway::testing
