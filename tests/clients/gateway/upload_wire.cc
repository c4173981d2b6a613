#include "tests/clients/gateway/upload_wire.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/escaping.h"
#include "tests/clients/gateway/json_messages.h"
#include "tests/clients/gateway/object_check.h"

namespace lakefs::staging::testing {
namespace {

using nlohmann::json;

// Beyond this the checksum of the whole is not looked at.
constexpr size_t kKept = 64 << 20;

}  // namespace

bool UploadWire::Begin() {
  v1::UploadAndLinkRequest request;
  if (!reader_.Next(request)) return false;
  header_ = request.header();
  call_.Begin(header_.object().branch());
  source_ = SourceOf(call_.content());
  call_.Tell("header",
             {{"header", ToJson(header_)}, {"first", request.has_header()}});
  return true;
}

bool UploadWire::Has(const std::string& step, const json& value) {
  if (step == "read_finish") return finished_;
  return step == "read_until" && (finished_ || offset_ >= value);
}

bool UploadWire::Receive() {
  v1::UploadAndLinkRequest request;
  if (!reader_.Next(request)) return false;
  if (request.has_chunk()) {
    Take(request.chunk());
  } else if (request.has_finish()) {
    Take(request.finish());
  } else {
    call_.Tell("second_header");
  }
  return true;
}

bool UploadWire::ReceiveWithin(int ms) {
  return reader_.Await(std::chrono::milliseconds(ms));
}

void UploadWire::Take(const v1::UploadChunk& chunk) {
  const std::string& data = chunk.data();
  const auto offset = static_cast<uint64_t>(chunk.write_offset());
  const bool takes = offset == offset_;
  json event = {{"offset", offset},
                {"size", data.size()},
                {"crc32c", CheckCrc32c(data, chunk.has_crc32c()
                                                 ? std::optional(chunk.crc32c())
                                                 : std::nullopt)},
                {"bytes", CheckBytes(source_, call_.content(), offset, data)},
                {"taken", takes},
                {"in_flight", !takes && rewinds_}};
  if (finished_) event["after_finish"] = true;
  call_.Tell("chunk", std::move(event));
  if (!takes) return;
  rewinds_ = false;
  if (taken_.size() == offset_ && offset_ + data.size() <= kKept) {
    taken_ += data;
  }
  offset_ += data.size();
  if (call_.slow() > 0) {
    call_.Pause(static_cast<int>(data.size() * 1000 / call_.slow()));
  }
}

void UploadWire::Take(const v1::UploadFinish& finish) {
  const auto size = static_cast<uint64_t>(finish.size_bytes());
  const bool in_flight = rewinds_ && size != offset_;
  json event = {{"size_bytes", finish.size_bytes()},
                {"in_flight", in_flight},
                {"again", finished_},
                {"size_right", size == offset_}};
  event["crc32c"] =
      taken_.size() < offset_
          ? "unchecked"
          : CheckCrc32c(taken_, finish.has_crc32c()
                                    ? std::optional(finish.crc32c())
                                    : std::nullopt);
  if (finish.has_sha256()) {
    event["sha256"] = absl::BytesToHexString(finish.sha256());
  }
  if (finish.has_md5()) event["md5"] = absl::BytesToHexString(finish.md5());
  if (!in_flight) {
    finished_ = true;
    rewinds_ = false;
  }
  call_.Tell("finish", std::move(event));
}

void UploadWire::Rewind(int64_t offset) {
  const auto to = static_cast<uint64_t>(offset);
  if (offset_ == 0 && !header_.resume_token().empty()) {
    if (source_) taken_ = source_->Read(0, to);
    offset_ = to;
    return;
  }
  // Beyond what came nothing is expected, but a client that objects.
  if (to < offset_) offset_ = to;
  taken_.resize(std::min<size_t>(taken_.size(), offset_));
  // What the caller sent before it knew of this is dropped.
  rewinds_ = true;
  finished_ = false;
}

bool UploadWire::Send(const std::string& step, const json& value) {
  v1::UploadAndLinkResponse response;
  if (step == "rewind") {
    response.mutable_rewind()->set_offset(value);
    Rewind(value);
  } else if (step == "progress") {
    MergeJson(value, *response.mutable_progress());
  } else if (step == "checkpoint") {
    MergeJson(value, *response.mutable_checkpoint());
  } else if (step == "result") {
    *response.mutable_result() = MakeResult(header_, taken_, value);
  } else {
    return false;
  }
  stream_.Write(response);
  return true;
}

}  // namespace lakefs::staging::testing
