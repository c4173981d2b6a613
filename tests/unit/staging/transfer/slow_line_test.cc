// Large objects over a line that is slower than the time-outs were made for.
#include <gmock/gmock.h>
#include <httplib.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "gateway/http/curl_http_client.h"
#include "gateway/objectstore/presigned_store.h"
#include "gateway/staging/transfer/part_sender.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr size_t kMiB = 1 << 20;

// A store behind a line that all its connections share.
class StoreBehindALine {
 public:
  explicit StoreBehindALine(double bytes_per_second)
      : bytes_per_second_(bytes_per_second) {
    server_.set_payload_max_length(1 << 30);
    server_.Put("/part",
                [this](const httplib::Request&, httplib::Response& response,
                       const httplib::ContentReader& reader) {
                  size_t bytes = 0;
                  const bool whole = reader([&](const char*, size_t size) {
                    bytes += size;
                    Pass(size);
                    return true;
                  });
                  if (whole) stored_ += bytes;
                  response.set_header("ETag", "\"e\"");
                });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~StoreBehindALine() {
    server_.stop();
    thread_.join();
  }

  std::string url() const {
    return absl::StrCat("http://127.0.0.1:", port_, "/part");
  }
  size_t stored() const { return stored_; }

 private:
  // Blocks until the line has carried so many bytes more.
  void Pass(size_t bytes) {
    std::chrono::steady_clock::time_point until;
    {
      absl::MutexLock lock(&mu_);
      const auto now = std::chrono::steady_clock::now();
      const std::chrono::duration<double> takes(static_cast<double>(bytes) /
                                                bytes_per_second_);
      free_ = std::max(free_, now) +
              std::chrono::duration_cast<std::chrono::nanoseconds>(takes);
      until = free_;
    }
    std::this_thread::sleep_until(until);
  }

  const double bytes_per_second_;
  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
  std::atomic<size_t> stored_{0};
  absl::Mutex mu_;
  std::chrono::steady_clock::time_point free_;
};

// The part of a multipart upload that goes to its URL.
class PartsAtOneUrl final : public PartTarget {
 public:
  PartsAtOneUrl(ObjectStore& store, std::string url)
      : store_(store), url_(std::move(url)) {}

  absl::StatusOr<StoredPart> PutPart(const CallContext& context, int number,
                                     const Rope& bytes) override {
    const auto stored = store_.Put(
        context, {.physical_address = "s3://b/k", .presigned_url = url_}, bytes,
        "");
    if (!stored.ok()) return stored.status();
    return StoredPart{.number = number, .etag = stored->etag};
  }
  absl::Status Abort(const CallContext&) override { return absl::OkStatus(); }

 private:
  ObjectStore& store_;
  const std::string url_;
};

TEST(SlowLineTest, WhatMovesIsNotCutHoweverLongItTakes) {
  constexpr int kParts = 12;
  RealClock clock;
  const CallContext context(clock, clock.Now() + seconds(120), "test");
  CurlHttpClient http;
  // 12 MiB take 3 s; eight parts at a time each 2 s, ten times the time-out.
  StoreBehindALine line(4.0 * kMiB);
  PresignedStore store(http, {.timeout = milliseconds(200)});
  PartsAtOneUrl target(store, line.url());
  WorkerPool pool(8, 8);
  RetryBudget budget({}, clock);
  UploadProgress progress;
  PartSender sender(context, target, pool, budget, progress);
  for (int n = 1; n <= kParts; ++n) {
    Part part{.number = n};
    part.bytes.Append(std::string(kMiB, 'x'));
    ASSERT_THAT(sender.Send(std::move(part)), IsOk());
  }
  ASSERT_THAT(sender.Finish(), IsOk());
  EXPECT_EQ(line.stored(), kParts * kMiB);
  EXPECT_EQ(sender.resent_bytes(), 0);
}

}  // namespace
}  // namespace lakefs::gateway::testing
