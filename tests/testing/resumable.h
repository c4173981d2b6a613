// Uploads that are gone on with: their calls, and replicas before one lakeFS.
#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/testing/await.h"
#include "tests/testing/key_file.h"
#include "tests/testing/stage.h"

namespace lakefs::gateway::testing {

inline constexpr int64_t kMiB = 1 << 20;
inline constexpr int64_t kPart = 8 * kMiB;
// The first checkpoint is due then: 8 parts.
inline constexpr int64_t kDue = 64 * kMiB;

// An UploadAndLink, message by message.
class ResumableCall {
 public:
  ResumableCall(const GatewayProcess& gateway,
                ::lakefs::staging::v1::UploadHeader header,
                const std::string& data, const std::string& authorization = "")
      : data_(data), stub_(gateway.NewStub()) {
    context_.set_deadline(std::chrono::system_clock::now() +
                          std::chrono::seconds(60));
    if (!authorization.empty()) {
      context_.AddMetadata("authorization", authorization);
    }
    stream_ = stub_->UploadAndLink(&context_);
    ::lakefs::staging::v1::UploadAndLinkRequest first;
    *first.mutable_header() = std::move(header);
    stream_->Write(first);
  }
  ~ResumableCall() {
    if (!over_) Leave();
  }

  // Sends what comes before `end`, from where the last one ended.
  void SendTo(int64_t end) {
    while (offset_ < end) {
      ::lakefs::staging::v1::UploadAndLinkRequest message;
      ::lakefs::staging::v1::UploadChunk& chunk = *message.mutable_chunk();
      chunk.set_write_offset(offset_);
      chunk.set_data(
          data_.substr(static_cast<size_t>(offset_),
                       static_cast<size_t>(std::min(kMiB, end - offset_))));
      if (!stream_->Write(message)) return;
      offset_ += static_cast<int64_t>(chunk.data().size());
    }
  }
  void SendRest() {
    SendTo(static_cast<int64_t>(data_.size()));
    stream_->Write(FinishOf(data_));
    stream_->WritesDone();
  }
  // The next checkpoint; without one, if the call ends first.
  std::optional<::lakefs::staging::v1::UploadCheckpoint> AwaitCheckpoint() {
    ::lakefs::staging::v1::UploadAndLinkResponse response;
    while (stream_->Read(&response)) {
      if (response.has_checkpoint()) return response.checkpoint();
    }
    return std::nullopt;
  }
  // Goes to the offset that the gateway asks for, if it does.
  std::optional<int64_t> AwaitRewind() {
    ::lakefs::staging::v1::UploadAndLinkResponse response;
    while (stream_->Read(&response)) {
      if (response.has_rewind()) return offset_ = response.rewind().offset();
      if (response.has_result()) result_ = response.result();
    }
    return std::nullopt;
  }
  void AwaitStored(int64_t bytes) {
    ::lakefs::staging::v1::UploadAndLinkResponse response;
    while (stream_->Read(&response)) {
      if (response.progress().stored_bytes() >= bytes) return;
    }
    ADD_FAILURE() << "the call has ended";
  }
  CallEnd End() {
    over_ = true;
    ::lakefs::staging::v1::UploadAndLinkResponse response;
    while (stream_->Read(&response)) {
      if (response.has_result()) result_ = response.result();
    }
    CallEnd end = EndOf(stream_->Finish());
    end.result = result_;
    return end;
  }
  // As a caller that is killed.
  CallEnd Leave() {
    context_.TryCancel();
    return End();
  }

 private:
  const std::string& data_;
  const std::unique_ptr<::lakefs::staging::v1::Staging::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<
      grpc::ClientReaderWriter<::lakefs::staging::v1::UploadAndLinkRequest,
                               ::lakefs::staging::v1::UploadAndLinkResponse>>
      stream_;
  int64_t offset_ = 0;
  bool over_ = false;
  ::lakefs::staging::v1::UploadResult result_;
};

// What parts go to.
struct Way {
  const char* name;
  EmulatorOptions options;
  bool direct = false;
  bool known_size = true;
};
inline void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }

// An emulated lakeFS, and gateways before it that have one file of keys.
class Replicas {
 public:
  explicit Replicas(Way way = {}) : way_(way), emulator(way.options) {
    EXPECT_TRUE(emulator.Start().ok());
    emulator.CreateRepository("quickstart");
    std::string name = ::testing::TempDir() + "/resume_test_XXXXXX";
    folder_ = mkdtemp(name.data());
    WriteKey("keys", 'k');
  }
  ~Replicas() { std::filesystem::remove_all(folder_); }

  std::unique_ptr<GatewayProcess> NewGateway(
      std::vector<std::string> flags = {}, const std::string& keys = "keys",
      const std::string& endpoint = "") {
    flags.push_back("--resume-key-file=" + folder_ + "/" + keys);
    std::map<std::string, std::string> environment;
    if (way_.direct) {
      flags.push_back("--s3-endpoint=" + emulator.store_endpoint());
      environment = {
          {"AWS_ACCESS_KEY_ID", way_.options.store_access_key_id},
          {"AWS_SECRET_ACCESS_KEY", way_.options.store_secret_access_key}};
    }
    return std::make_unique<GatewayProcess>(
        endpoint.empty() ? emulator.endpoint() : endpoint, std::move(flags),
        environment);
  }
  void WriteKey(const std::string& name, char fill) {
    WriteKeyFile(folder_ + "/" + name, fill);
  }
  ::lakefs::staging::v1::UploadHeader Header(
      const std::string& data, const std::string& token = "") const {
    ::lakefs::staging::v1::UploadHeader header = HeaderFor("o");
    if (way_.known_size) {
      header.set_size_bytes(static_cast<int64_t>(data.size()));
    }
    header.set_resumable(true);
    header.set_resume_token(token);
    return header;
  }
  // A call that has sent `sent` bytes, and its first checkpoint.
  std::string FirstToken(ResumableCall& call, int64_t sent) {
    call.SendTo(sent);
    const auto checkpoint = call.AwaitCheckpoint();
    EXPECT_TRUE(checkpoint);
    if (!checkpoint) return "";
    EXPECT_GE(checkpoint->offset(), kDue);
    EXPECT_EQ(checkpoint->offset() % kPart, 0);
    return checkpoint->token();
  }
  std::optional<std::string> Read() {
    return emulator.ReadObject("quickstart", "main", "o");
  }
  // How often it was asked for.
  int Count(const std::string& operation) {
    int count = 0;
    for (const JournalEntry& entry : emulator.Journal()) {
      count += entry.operation == operation;
    }
    return count;
  }
  // Ends when nothing that a gateway has begun is under way any more.
  bool AwaitUploadsLeft(int count) {
    return Await([&] { return emulator.OpenMultipartUploads() == count; });
  }
  grpc::Status Discard(const GatewayProcess& gateway,
                       const std::string& token) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::seconds(60));
    ::lakefs::staging::v1::DiscardUploadRequest request;
    request.set_resume_token(token);
    ::lakefs::staging::v1::DiscardUploadResponse response;
    return gateway.NewStub()->DiscardUpload(&context, request, &response);
  }

 private:
  const Way way_;
  std::string folder_;

 public:
  Emulator emulator;
};

}  // namespace lakefs::gateway::testing
