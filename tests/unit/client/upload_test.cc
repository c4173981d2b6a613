#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "absl/synchronization/notification.h"
#include "client/client.h"
#include "client/failure.h"
#include "client/file_source.h"
#include "client/memory_source.h"
#include "client/reopened_source.h"
#include "tests/unit/client/fake_staging.h"
#include "tests/unit/client/temporary_file.h"

namespace lakefs::staging::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr size_t kMiB = 1 << 20;

std::string Bytes(size_t size) {
  std::string bytes(size, '\0');
  uint32_t state = 1;
  for (char& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

v1::ObjectPath Target() {
  v1::ObjectPath object;
  object.set_repository("quickstart");
  object.set_branch("main");
  object.set_path("data/a.bin");
  return object;
}

// A pipe whose writing end is in the test's hands.
class Pipe {
 public:
  Pipe() {
    EXPECT_EQ(pipe(ends_), 0);
    name_ = "/proc/self/fd/" + std::to_string(ends_[0]);
  }
  ~Pipe() {
    close(ends_[0]);
    CloseWriter();
  }
  void CloseWriter() {
    if (ends_[1] >= 0) close(std::exchange(ends_[1], -1));
  }
  void Write(const std::string& data) {
    ASSERT_EQ(write(ends_[1], data.data(), data.size()),
              static_cast<ssize_t>(data.size()));
  }
  // The same of more than a pipe holds; Join() waits for it.
  void WriteAside(const std::string& data) {
    writer_ = std::thread([this, data] {
      for (size_t done = 0; done < data.size();) {
        const ssize_t n =
            write(ends_[1], data.data() + done, data.size() - done);
        if (n <= 0) return;
        done += static_cast<size_t>(n);
      }
    });
  }
  void Join() { writer_.join(); }
  const std::string& name() const { return name_; }

 private:
  int ends_[2];
  std::string name_;
  std::thread writer_;
};

// Stops a gateway that its own handler wants stopped.
class Stopper {
 public:
  explicit Stopper(FakeStaging& gateway)
      : thread_([this, &gateway] {
          wanted_.WaitForNotification();
          gateway.StopNow();
        }) {}
  ~Stopper() {
    Stop();
    thread_.join();
  }
  void Stop() {
    if (!stopped_.exchange(true)) wanted_.Notify();
  }

 private:
  std::atomic<bool> stopped_ = false;
  absl::Notification wanted_;
  std::thread thread_;
};

class UploadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.attempts = 1;
    auto client = Client::Connect(gateway_.address());
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
  }

  absl::StatusOr<v1::UploadResult> Upload(Source& source) {
    return client_->Upload(source, Target(), options_);
  }
  absl::StatusOr<v1::UploadResult> Upload(const std::string& data) {
    MemorySource source(data);
    return Upload(source);
  }
  Failure FailedUpload(const std::string& data) {
    const auto result = Upload(data);
    EXPECT_FALSE(result.ok());
    return FailureOf(result.status());
  }

  FakeStaging gateway_;
  std::unique_ptr<Client> client_;
  UploadOptions options_;
};

TEST_F(UploadTest, LargeObjectArrivesInChunksOfOneMebibyte) {
  const std::string data = Bytes(3 * kMiB + 5);
  const auto result = Upload(data);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->outcome(), v1::OUTCOME_COMMITTED);
  EXPECT_TRUE(gateway_.data() == data);
  EXPECT_THAT(gateway_.chunk_sizes(), ElementsAre(kMiB, kMiB, kMiB, 5));
  EXPECT_EQ(gateway_.header().size_bytes(), 3 * kMiB + 5);
  EXPECT_TRUE(gateway_.header().can_rewind());
  EXPECT_TRUE(gateway_.half_closed());
  EXPECT_THAT(gateway_.complaints(), IsEmpty());
}

TEST_F(UploadTest, ObjectsUpToOneMebibyteGoInOneMessage) {
  for (const size_t size : {size_t{0}, size_t{1}, kMiB}) {
    const std::string data = Bytes(size);
    ASSERT_TRUE(Upload(data).ok()) << size;
    EXPECT_TRUE(gateway_.data() == data) << size;
    EXPECT_TRUE(gateway_.header().has_size_bytes());
  }
  EXPECT_EQ(gateway_.messages(), 3);
  EXPECT_EQ(gateway_.streams(), 0);
  ASSERT_TRUE(Upload(Bytes(kMiB + 1)).ok());
  EXPECT_EQ(gateway_.streams(), 1);
  EXPECT_THAT(gateway_.complaints(), IsEmpty());
}

TEST_F(UploadTest, PipeThatEndsWithinOneMebibyteGoesInOneMessage) {
  for (const std::string& data : {std::string(), Bytes(4000)}) {
    Pipe pipe;
    pipe.Write(data);
    pipe.CloseWriter();
    const auto source = FileSource::Open(pipe.name());
    ASSERT_TRUE(source.ok()) << source.status();
    const auto result = Upload(**source);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(gateway_.data(), data);
  }
  EXPECT_EQ(gateway_.messages(), 2);
  EXPECT_EQ(gateway_.streams(), 0);
}

TEST_F(UploadTest, LongerPipeGoesAsStreamOfUnknownSizeThatCannotRewind) {
  const std::string data = Bytes(2 * kMiB + 5);
  Pipe pipe;
  const auto source = FileSource::Open(pipe.name());
  ASSERT_TRUE(source.ok()) << source.status();
  pipe.WriteAside(data);
  std::thread end([&] {
    pipe.Join();
    pipe.CloseWriter();
  });
  const auto result = Upload(**source);
  end.join();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(gateway_.data() == data);
  EXPECT_THAT(gateway_.chunk_sizes(), ElementsAre(kMiB, kMiB, 5));
  EXPECT_FALSE(gateway_.header().has_size_bytes());
  EXPECT_FALSE(gateway_.header().can_rewind());
  EXPECT_TRUE(gateway_.half_closed());
  EXPECT_EQ(gateway_.streams(), 1);
  EXPECT_THAT(gateway_.complaints(), IsEmpty());
}

TEST_F(UploadTest, HeaderCarriesWhatWasAsked) {
  options_.content_type = "text/csv";
  options_.user_metadata = {{"team", "data"}};
  options_.if_absent = true;
  options_.force = true;
  options_.mtime = absl::FromUnixMillis(1714564800900);
  options_.request_id = "job-1";
  options_.attempt = 2;
  ASSERT_TRUE(Upload("x").ok());
  const v1::UploadHeader header = gateway_.header();
  EXPECT_EQ(header.object().path(), "data/a.bin");
  EXPECT_EQ(header.content_type(), "text/csv");
  EXPECT_EQ(header.user_metadata().at("team"), "data");
  EXPECT_TRUE(header.if_absent());
  EXPECT_FALSE(header.has_if_match()) << "that would be a checksum";
  EXPECT_TRUE(header.force());
  EXPECT_EQ(header.mtime().seconds(), 1714564800);
  EXPECT_EQ(header.mtime().nanos(), 0);
  EXPECT_EQ(header.request_id(), "job-1");
  EXPECT_EQ(header.attempt(), 2U);
}

TEST_F(UploadTest, HeaderCarriesWhatIsToBeReplaced) {
  options_.if_match = "5d";
  ASSERT_TRUE(Upload("x").ok());
  EXPECT_EQ(gateway_.header().if_match(), "5d");
  options_.if_match = "\xff";
  EXPECT_EQ(FailedUpload("x").reason, kInvalidRequest);
}

TEST_F(UploadTest, TextThatIsNotUtf8IsRefusedBeforeAnythingIsSent) {
  options_.user_metadata = {{"team", "\xff"}};
  const Failure failure = FailedUpload("x");
  EXPECT_EQ(failure.code, absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(failure.reason, kInvalidRequest);
  EXPECT_EQ(gateway_.messages(), 0);
}

TEST_F(UploadTest, RewindInTheMiddleSendsAgainFromItsOffset) {
  const std::string data = Bytes(5 * kMiB + 7);
  gateway_.rewinds = {{3 * kMiB, 1 * kMiB}};
  ASSERT_TRUE(Upload(data).ok());
  EXPECT_TRUE(gateway_.data() == data);
  EXPECT_THAT(gateway_.complaints(), IsEmpty());
}

TEST_F(UploadTest, RewindAfterTheFinishSendsBytesAndFinishAgain) {
  const std::string data = Bytes(3 * kMiB + 7);
  gateway_.rewinds = {{-1, 0}, {-1, 12345}, {2 * kMiB, 3}};
  ASSERT_TRUE(Upload(data).ok());
  EXPECT_TRUE(gateway_.data() == data);
  EXPECT_THAT(gateway_.rewinds, IsEmpty());
  EXPECT_THAT(gateway_.complaints(), IsEmpty());
}

TEST_F(UploadTest, RewindBehindTheBytesSentIsABadReply) {
  gateway_.rewinds = {{-1, 100 * kMiB}};
  const Failure failure = FailedUpload(Bytes(2 * kMiB));
  EXPECT_EQ(failure.reason, kBadReply);
  EXPECT_FALSE(gateway_.linked());
}

TEST_F(UploadTest, ProgressReachesTheCallback) {
  int64_t received = 0;
  options_.progress = [&](const auto& p) { received = p.received_bytes(); };
  ASSERT_TRUE(Upload(Bytes(2 * kMiB)).ok());
  EXPECT_EQ(received, 2 * kMiB);
}

TEST_F(UploadTest, BytesSentAreProgressWhereTheGatewayTellsNone) {
  gateway_.sends_progress = false;
  v1::UploadProgress first;
  options_.progress = [&](const auto& p) {
    if (first.received_bytes() == 0) first = p;
  };
  ASSERT_TRUE(Upload(Bytes(2 * kMiB)).ok());
  EXPECT_EQ(first.received_bytes(), kMiB);
  EXPECT_EQ(first.phase(), v1::UploadProgress::PHASE_UPLOADING);
}

TEST_F(UploadTest, DetailsOfAnErrorAreDecoded) {
  gateway_.on_finish = [](auto&) {
    return FailureStatus(grpc::StatusCode::UNAVAILABLE, "the branch is locked",
                         "BRANCH_LOCKED", v1::OUTCOME_NOT_COMMITTED,
                         v1::UploadFailure::ADVICE_RETRY_CALL);
  };
  for (const size_t size : {size_t{1}, 2 * kMiB}) {
    const Failure failure = FailedUpload(Bytes(size));
    EXPECT_EQ(failure.code, absl::StatusCode::kUnavailable);
    EXPECT_EQ(failure.message, "the branch is locked");
    EXPECT_EQ(failure.reason, "BRANCH_LOCKED");
    EXPECT_EQ(failure.domain, "lakefs.staging");
    EXPECT_EQ(failure.metadata.at("operation"), "link");
    EXPECT_EQ(failure.outcome, v1::OUTCOME_NOT_COMMITTED);
    EXPECT_EQ(failure.advice, v1::UploadFailure::ADVICE_RETRY_CALL);
    EXPECT_EQ(failure.retry_after, absl::Seconds(2));
    ASSERT_EQ(failure.violations.size(), 1);
    EXPECT_EQ(failure.violations[0].field, "header.object.path");
  }
}

TEST_F(UploadTest, EarlyErrorEndsAnUploadThatWaitsForItsSource) {
  gateway_.on_bytes = [](int64_t) {
    return FailureStatus(grpc::StatusCode::NOT_FOUND, "no repository",
                         "NOT_FOUND", v1::OUTCOME_NOT_COMMITTED,
                         v1::UploadFailure::ADVICE_FIX_REQUEST);
  };
  Pipe pipe;  // does not end
  const auto source = FileSource::Open(pipe.name());
  ASSERT_TRUE(source.ok()) << source.status();
  pipe.WriteAside(Bytes(kMiB + 1));
  const auto result = Upload(**source);
  pipe.Join();
  EXPECT_EQ(FailureOf(result.status()).reason, "NOT_FOUND");
}

TEST_F(UploadTest, ConnectionLostBeforeTheFinishLeavesNothingLinked) {
  Pipe pipe;
  const auto source = FileSource::Open(pipe.name());
  ASSERT_TRUE(source.ok()) << source.status();
  pipe.WriteAside(Bytes(kMiB + 1));
  Stopper stopper(gateway_);
  gateway_.on_bytes = [&](int64_t) {
    stopper.Stop();
    return grpc::Status::OK;
  };
  const auto result = Upload(**source);
  pipe.Join();
  const Failure failure = FailureOf(result.status());
  EXPECT_EQ(failure.reason, kGatewayConnectionLost);
  EXPECT_EQ(failure.outcome, v1::OUTCOME_NOT_COMMITTED);
}

TEST_F(UploadTest, ConnectionLostAfterTheFinishLeavesTheOutcomeUnknown) {
  for (const size_t size : {size_t{1}, 2 * kMiB}) {
    FakeStaging gateway;
    Stopper stopper(gateway);
    gateway.on_finish = [&](grpc::ServerContext& context) {
      stopper.Stop();
      while (!context.IsCancelled()) std::this_thread::yield();
      return grpc::Status::OK;
    };
    client_ = *Client::Connect(gateway.address());
    const Failure failure = FailedUpload(Bytes(size));
    EXPECT_EQ(failure.reason, kGatewayConnectionLost);
    EXPECT_THAT(failure.message, HasSubstr(gateway.address()));
    EXPECT_EQ(failure.outcome, v1::OUTCOME_UNKNOWN);
  }
}

TEST_F(UploadTest, StopBeforeTheFinishLeavesNothingLinked) {
  std::stop_source stop;
  options_.stop = stop.get_token();
  Pipe pipe;
  const auto source = FileSource::Open(pipe.name());
  ASSERT_TRUE(source.ok()) << source.status();
  pipe.WriteAside(Bytes(kMiB + 1));
  gateway_.on_bytes = [&](int64_t) {
    stop.request_stop();
    return grpc::Status::OK;
  };
  const Failure failure = FailureOf(Upload(**source).status());
  pipe.Join();
  EXPECT_EQ(failure.reason, kCancelled);
  EXPECT_EQ(failure.outcome, v1::OUTCOME_NOT_COMMITTED);
}

TEST_F(UploadTest, StopAfterTheFinishLeavesTheOutcomeUnknown) {
  for (const size_t size : {size_t{1}, 2 * kMiB}) {
    std::stop_source stop;
    options_.stop = stop.get_token();
    gateway_.on_finish = [&](grpc::ServerContext& context) {
      stop.request_stop();
      while (!context.IsCancelled()) std::this_thread::yield();
      return grpc::Status::OK;
    };
    const Failure failure = FailedUpload(Bytes(size));
    EXPECT_EQ(failure.reason, kCancelled);
    EXPECT_EQ(failure.outcome, v1::OUTCOME_UNKNOWN);
  }
}

TEST_F(UploadTest, DeadlineWhileLinkingLeavesTheOutcomeUnknown) {
  options_.timeout = absl::Milliseconds(300);
  gateway_.on_finish = [&](grpc::ServerContext& context) {
    while (!context.IsCancelled()) std::this_thread::yield();
    return grpc::Status::OK;
  };
  const Failure failure = FailedUpload(Bytes(2 * kMiB));
  EXPECT_EQ(failure.code, absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(failure.outcome, v1::OUTCOME_UNKNOWN);
}

TEST_F(UploadTest, UnreachableGatewayIsNamed) {
  const std::pair<std::string, std::string> cases[] = {
      {"127.0.0.1:1", "Connection refused"},
      {"unix:/nowhere/socket", "No such file or directory"}};
  for (const auto& [address, why] : cases) {
    client_ =
        *Client::Connect(address, {.connect_timeout = absl::Milliseconds(300)});
    const Failure failure = FailedUpload("x");
    EXPECT_EQ(failure.code, absl::StatusCode::kUnavailable);
    EXPECT_EQ(failure.reason, kGatewayUnreachable);
    EXPECT_EQ(failure.outcome, v1::OUTCOME_NOT_COMMITTED);
    EXPECT_THAT(failure.message, HasSubstr(address));
    EXPECT_THAT(failure.message, HasSubstr(why));
  }
}

grpc::Status Draining() {
  return FailureStatus(grpc::StatusCode::UNAVAILABLE, "draining", "DRAINING",
                       v1::OUTCOME_NOT_COMMITTED,
                       v1::UploadFailure::ADVICE_RETRY_CALL);
}

TEST_F(UploadTest, WhatCanBeHadAgainIsSentAgainUnderOneRequestId) {
  for (const size_t size : {size_t{1}, 2 * kMiB}) {
    int calls = 0;
    std::set<std::string> ids;
    std::vector<uint32_t> attempts;
    gateway_.on_finish = [&](auto&) {
      ids.insert(gateway_.header().request_id());
      attempts.push_back(gateway_.header().attempt());
      return ++calls < 3 ? Draining() : grpc::Status::OK;
    };
    std::vector<std::string> told;
    options_.attempts = 5;
    options_.on_repetition = [&](const absl::Status& failure,
                                 absl::Duration wait) {
      told.push_back(FailureOf(failure).reason);
      EXPECT_GE(wait, absl::Seconds(2)) << "what the gateway asked for";
    };
    const std::string data = Bytes(size);
    ASSERT_TRUE(Upload(data).ok());
    EXPECT_TRUE(gateway_.data() == data);
    EXPECT_EQ(ids.size(), 1U);
    EXPECT_EQ(ids.begin()->size(), 36U);
    EXPECT_THAT(attempts, ElementsAre(1, 2, 3));
    EXPECT_THAT(told, ElementsAre("DRAINING", "DRAINING"));
  }
}

TEST_F(UploadTest, RepetitionEndsWithItsAttemptsAndItsTime) {
  gateway_.on_finish = [](auto&) { return Draining(); };
  options_.attempts = 2;
  EXPECT_EQ(FailedUpload("x").attempts, 2);
  EXPECT_EQ(gateway_.messages(), 2);
  options_.attempts = 50;
  options_.timeout = absl::Seconds(1);  // the gateway asks for two
  EXPECT_EQ(FailedUpload("x").attempts, 1);
}

TEST_F(UploadTest, WithoutARequestIdAnUnknownOutcomeStays) {
  options_.attempts = 5;
  options_.request_id = "";
  gateway_.on_finish = [](auto&) {
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "lost");
  };
  const Failure failure = FailedUpload("x");
  EXPECT_EQ(failure.outcome, v1::OUTCOME_UNKNOWN);
  EXPECT_EQ(failure.attempts, 1);
  EXPECT_THAT(failure.Text(), HasSubstr("look at its path"));
}

TEST_F(UploadTest, CheckpointsAndTokensNeedARequestId) {
  options_.resume_token = "t";
  EXPECT_EQ(FailedUpload("x").reason, kInvalidRequest);
  EXPECT_EQ(gateway_.streams() + gateway_.messages(), 0);
}

TEST_F(UploadTest, AnExceptionOfACallbackEndsTheUploadAndIsTheCallers) {
  struct Mine {};
  options_.progress = [](const auto&) { throw Mine(); };
  EXPECT_THROW(Upload(Bytes(20 * kMiB)).IgnoreError(), Mine);
  EXPECT_FALSE(gateway_.linked());
}

TEST_F(UploadTest, AWriterLinksOnlyByItsCommit) {
  const std::string data = Bytes(3 * kMiB + 9);
  for (const size_t size : {size_t{5}, data.size()}) {
    const absl::string_view part = absl::string_view(data).substr(0, size);
    {
      const auto writer = client_->NewWriter(Target(), options_);
      EXPECT_TRUE(writer->Write(part).ok());
    }
    {
      const auto writer = client_->NewWriter(Target(), options_);
      EXPECT_TRUE(writer->Write(part).ok());
      writer->Abort();
      EXPECT_FALSE(writer->Write("more").ok());
      EXPECT_FALSE(writer->Commit().ok());
    }
    EXPECT_FALSE(gateway_.linked());
  }
  FakeStaging gateway;  // the calls of the other may not be over yet
  client_ = *Client::Connect(gateway.address());
  const auto writer = client_->NewWriter(Target(), options_);
  for (size_t i = 0; i < data.size(); i += 70'001) {
    ASSERT_TRUE(writer->Write(absl::string_view(data).substr(i, 70'001)).ok());
  }
  const auto result = writer->Commit();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(gateway.data() == data);
  EXPECT_THAT(gateway.chunk_sizes(), ElementsAre(kMiB, kMiB, kMiB, 9));
  EXPECT_TRUE(writer->Commit().ok()) << "the same again";
  EXPECT_FALSE(writer->Write("more").ok());
  EXPECT_THAT(gateway.complaints(), IsEmpty());
}

TEST_F(UploadTest, AWriterThatCannotBeRepeatedAsksForItsOutcome) {
  gateway_.on_finish = [](auto&) {
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "lost");
  };
  gateway_.outcome.set_outcome(v1::OUTCOME_SUPERSEDED);
  gateway_.outcome.mutable_result()->mutable_object()->set_checksum("found");
  const auto writer = client_->NewWriter(Target(), options_);
  ASSERT_TRUE(writer->Write(Bytes(2 * kMiB)).ok());
  const auto result = writer->Commit();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->outcome(), v1::OUTCOME_SUPERSEDED);
  EXPECT_EQ(result->object().checksum(), "found");
}

TEST_F(UploadTest, ASourceThatIsOpenedAgainIsRepeated) {
  const std::string data = Bytes(2 * kMiB + 1);
  int opened = 0;
  ReopenedSource source([&]() -> absl::StatusOr<std::unique_ptr<Source>> {
    ++opened;
    return std::make_unique<MemorySource>(data);
  });
  gateway_.on_finish = [&](auto&) {
    return opened < 2
               ? FailureStatus(grpc::StatusCode::ABORTED, "again",
                               "LINK_CONFLICT", v1::OUTCOME_NOT_COMMITTED,
                               v1::UploadFailure::ADVICE_RESTART)
               : grpc::Status::OK;
  };
  options_.attempts = 3;
  const auto result = Upload(source);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(opened, 2);
  EXPECT_TRUE(gateway_.data() == data);
}

TEST_F(UploadTest, FileThatChangesWhileItIsReadIsNotLinked) {
  const auto grow = [](const std::string& name) {
    std::ofstream(name, std::ios::app) << "more";
  };
  const auto shrink = [](const std::string& name) {
    std::filesystem::resize_file(name, 2 * kMiB);
  };
  const auto rewrite = [](const std::string& name) {
    std::fstream(name) << "other";
    std::filesystem::last_write_time(
        name, std::filesystem::file_time_type::clock::now() +
                  std::chrono::seconds(1));
  };
  for (const std::function<void(const std::string&)>& change :
       {std::function(grow), std::function(shrink), std::function(rewrite)}) {
    // More than the sockets hold, so that the end is read after the change.
    const TemporaryFile file(Bytes(40 * kMiB));
    const auto source = FileSource::Open(file.name());
    ASSERT_TRUE(source.ok()) << source.status();
    gateway_.on_bytes = [&](int64_t bytes) {
      if (bytes == kMiB) change(file.name());
      return grpc::Status::OK;
    };
    const Failure failure = FailureOf(Upload(**source).status());
    EXPECT_EQ(failure.reason, kSourceChanged);
    EXPECT_EQ(failure.outcome, v1::OUTCOME_NOT_COMMITTED);
    EXPECT_THAT(failure.message, HasSubstr(file.name()));
    EXPECT_FALSE(gateway_.linked());
  }
}

}  // namespace
}  // namespace lakefs::staging::testing
