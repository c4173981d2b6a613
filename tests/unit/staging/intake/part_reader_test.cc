#include "gateway/staging/intake/part_reader.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "absl/strings/escaping.h"
#include "gateway/base/crc32c.h"
#include "tests/testing/fake_body.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using Door = MemoryBudget::Door;

std::string TextOf(const Rope& rope) {
  std::string text;
  const auto read = rope.Reader();
  char buffer[7];
  while (true) {
    const auto n = read(buffer);
    EXPECT_THAT(n, IsOk());
    if (!n.ok() || *n == 0) return text;
    text.append(buffer, *n);
  }
}

constexpr PartReaderOptions kOptions{.first_bytes = 20,
                                     .patience = milliseconds(20)};

class PartReaderTest : public ::testing::Test {
 protected:
  PartReader& Reader() {
    if (!reader_) {
      reader_.emplace(context_, request_, body_, budget_, spool_, progress_,
                      kOptions);
    }
    return *reader_;
  }
  // All parts that there are, one behind the other with a bar in between.
  std::string ReadAll(int64_t part_bytes) {
    std::string text;
    while (!Reader().ended()) {
      const auto part = Reader().Next(part_bytes);
      EXPECT_THAT(part, IsOk());
      if (!part.ok()) break;
      EXPECT_EQ(part->memory.bytes(),
                static_cast<int64_t>(part->bytes.size_bytes()) -
                    (part->file ? part->file->size_bytes() : 0));
      text += TextOf(part->bytes) + "|";
    }
    return text;
  }
  // Somebody who waits for all the memory, and then holds it, as long as this
  // lives.
  class Press {
   public:
    explicit Press(PartReaderTest& test)
        : budget_(test.budget_), scope_(test.context_), thread_([this] {
            all_ = budget_.Reserve(scope_.context(), Door::kLarge,
                                   budget_.capacity_bytes());
          }) {
      while (!budget_.pressed()) std::this_thread::yield();
    }
    ~Press() {
      scope_.Cancel();
      thread_.join();
    }
    // Waits until it has all.
    void AwaitAll() {
      while (budget_.pressed() && scope_.context().Over().ok()) {
        std::this_thread::yield();
      }
      EXPECT_EQ(budget_.used_bytes(), budget_.capacity_bytes());
    }

   private:
    MemoryBudget& budget_;
    CallScope scope_;
    absl::StatusOr<MemoryBudget::Reservation> all_;
    std::thread thread_;
  };

  RealClock clock_;
  CallContext context_{clock_, clock_.Now() + seconds(30), "test"};
  UploadRequest request_{.object = {"repo", "main", "p"}};
  FakeBody body_;
  MemoryBudget budget_{100};
  Spool spool_{{.capacity_bytes = 1000}};
  UploadProgress progress_;
  std::optional<PartReader> reader_;
};

TEST_F(PartReaderTest, ChunksBecomePartsOfEqualSize) {
  body_.Send("abcdefghijklmnopqrstuvwxyz", 4);
  EXPECT_EQ(ReadAll(10), "abcdefghij|klmnopqrst|uvwxyz|");
  EXPECT_EQ(Reader().integrity().size_bytes(), 26);
  EXPECT_EQ(Reader().integrity().crc32c(),
            Crc32c("abcdefghijklmnopqrstuvwxyz"));
  EXPECT_EQ(progress_.received_bytes, 26);
  EXPECT_EQ(budget_.used_bytes(), 0);
}

TEST_F(PartReaderTest, AChunkMayBeLargerThanAPart) {
  body_.Send("abcdefghijklmnopqrstuvwxyz", 26);
  EXPECT_EQ(ReadAll(5), "abcde|fghij|klmno|pqrst|uvwxy|z|");
}

TEST_F(PartReaderTest, AnEmptyObjectIsOneEmptyPart) {
  body_.Send("", 1);
  EXPECT_EQ(ReadAll(10), "|");
}

TEST_F(PartReaderTest, TheEndOfAKnownSizeComesWithItsLastPart) {
  request_.size_bytes = 20;
  body_.Send("abcdefghijklmnopqrst", 10);
  EXPECT_EQ(ReadAll(10), "abcdefghij|klmnopqrst|");
}

TEST_F(PartReaderTest, AnUnknownSizeMayEndWithAnEmptyPart) {
  body_.Send("abcdefghijklmnopqrst", 10);
  EXPECT_EQ(ReadAll(10), "abcdefghij|klmnopqrst||");
}

TEST_F(PartReaderTest, NothingIsReadThatWasNotReservedBefore) {
  int64_t received = 0;
  body_.on_next = [&] {
    EXPECT_GT(body_.granted, received);
    EXPECT_LE(body_.granted - received, budget_.used_bytes());
    received += 4;
  };
  body_.Send(std::string(64, 'x'), 4);
  std::vector<Part> held;
  for (int i = 0; i < 2; ++i) {
    auto part = Reader().Next(30);
    ASSERT_THAT(part, IsOk());
    held.push_back(*std::move(part));
  }
  EXPECT_LE(budget_.used_bytes(), 100);
  EXPECT_GE(budget_.used_bytes(), 60);
}

TEST_F(PartReaderTest, WithoutMemoryTheCallerIsNotRead) {
  const auto all = budget_.TryReserve(100);
  ASSERT_TRUE(all.has_value());
  body_.Send("abc", 1);
  const CallContext soon =
      context_.WithDeadline(clock_.Now() + milliseconds(20));
  PartReader reader(soon, request_, body_, budget_, spool_, progress_);
  EXPECT_THAT(reader.Next(10), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_EQ(body_.granted, 0);
  EXPECT_EQ(body_.events.size(), 4U);
}

TEST_F(PartReaderTest, BytesThatComeWithTheirMemoryReserveNoneAgain) {
  class Paid final : public BodySource {
   public:
    explicit Paid(MemoryBudget::Reservation memory)
        : memory_(std::move(memory)) {}
    MemoryBudget::Reservation TakeMemory() override {
      return std::move(memory_);
    }
    void Grant(int64_t) override {}
    void Withdraw() override {}
    bool CanRewind() const override { return false; }
    void Rewind(int64_t) override {}
    absl::StatusOr<BodyEvent> Next(const CallContext&, TimePoint) override {
      if (!std::exchange(sent_, true)) return Chunk{.data = "paid for"};
      return Finish{.size_bytes = 8};
    }

   private:
    MemoryBudget::Reservation memory_;
    bool sent_ = false;
  };
  auto memory = budget_.Reserve(context_, Door::kSmall, 8);
  ASSERT_THAT(memory, IsOk());
  Paid source(*std::move(memory));
  const int64_t used = budget_.used_bytes();
  request_.size_bytes = 8;
  PartReader reader(context_, request_, source, budget_, spool_, progress_,
                    kOptions);
  {
    const auto part = reader.Next(100);
    ASSERT_THAT(part, IsOk());
    EXPECT_EQ(TextOf(part->bytes), "paid for");
    EXPECT_EQ(part->memory.bytes(), 8);
    EXPECT_EQ(budget_.used_bytes(), used);
  }
  EXPECT_EQ(budget_.used_bytes(), 0);
}

TEST_F(PartReaderTest, OneThatStallsGoesToTheSpoolWhileOthersWait) {
  std::optional<Press> press;
  std::string how;
  budget_.SetObserver(
      [&how](absl::string_view told) { how = std::string(told); });
  body_.events.push_back(Chunk{.write_offset = 0, .data = "abcd"});
  body_.events.push_back(Silence{});
  body_.Send("abcdefghijkl", 4, 4);
  body_.on_next = [&, n = 0]() mutable {
    if (++n == 2) press.emplace(*this);
    if (n == 3) {
      press->AwaitAll();
      EXPECT_EQ(spool_.used_bytes(), 4);
      EXPECT_EQ(body_.withdrawals, 1);
      press.reset();
    }
  };
  EXPECT_EQ(ReadAll(10), "abcdefghij|kl|");
  EXPECT_EQ(how, "spool");
  EXPECT_EQ(Reader().integrity().crc32c(), Crc32c("abcdefghijkl"));
  EXPECT_EQ(spool_.used_bytes(), 0);
}

TEST_F(PartReaderTest, OneThatStallsKeepsItsPartAsLongAsNobodyWaits) {
  body_.events.push_back(Chunk{.write_offset = 0, .data = "abcd"});
  body_.events.push_back(Silence{});
  body_.Send("abcdefghijkl", 4, 4);
  EXPECT_EQ(ReadAll(20), "abcdefghijkl|");
  EXPECT_EQ(body_.withdrawals, 1) << "at the end";
}

TEST_F(PartReaderTest, OneThatCanSendAgainIsAskedTo) {
  std::optional<Press> press;
  body_.can_rewind = true;
  body_.Send("0123456789abcd", 14);
  body_.events.pop_back();
  body_.events.push_back(Silence{});
  body_.Send("0123456789abcdef", 2, 10);
  body_.on_next = [&, n = 0]() mutable {
    if (++n == 2) press.emplace(*this);
    if (n == 3) {
      press->AwaitAll();
      press.reset();
    }
  };
  const auto first = Reader().Next(10);
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(TextOf(first->bytes), "0123456789");
  const_cast<Part&>(*first) = Part();
  EXPECT_EQ(ReadAll(10), "abcdef|");
  EXPECT_THAT(body_.rewinds, ElementsAre(10));
  EXPECT_EQ(Reader().integrity().crc32c(), Crc32c("0123456789abcdef"));
}

TEST_F(PartReaderTest, WhatComesUnaskedWhileOthersWaitGoesToTheSpool) {
  std::thread end;
  std::optional<Press> press;
  body_.events.push_back(Chunk{.write_offset = 0, .data = "abcd"});
  body_.events.push_back(Silence{});
  body_.Send("abcdefghijkl", 4, 4);
  body_.on_next = [&, n = 0]() mutable {
    if (++n == 2) press.emplace(*this);
    if (n == 3) {
      press->AwaitAll();
      end = std::thread([&] {
        // It waits with empty hands.
        while (spool_.used_bytes() != 8 && context_.Over().ok()) {
          std::this_thread::yield();
        }
        EXPECT_EQ(spool_.used_bytes(), 8);
        press.reset();
      });
    }
  };
  EXPECT_EQ(ReadAll(10), "abcdefghij|kl|");
  end.join();
}

TEST_F(PartReaderTest, WithoutASpoolTheUploadEndsWithAClearError) {
  std::optional<Press> press;
  Spool none{{.capacity_bytes = 3}};
  PartReader reader(context_, request_, body_, budget_, none, progress_,
                    kOptions);
  body_.events.push_back(Chunk{.write_offset = 0, .data = "abcd"});
  body_.events.push_back(Silence{});
  body_.on_next = [&, n = 0]() mutable {
    if (++n == 2) press.emplace(*this);
  };
  const auto part = reader.Next(10);
  EXPECT_THAT(part, HasReason(Reason::kSpoolFull));
  EXPECT_THAT(std::string(part.status().message()),
              ::testing::HasSubstr("other uploads waited"));
}

// It sends something all the time, but would keep its part for minutes.
TEST_F(PartReaderTest, OneThatDawdlesGivesWayToo) {
  FakeClock clock;
  const CallContext context(clock, clock.Now() + seconds(30), "test");
  PartReaderOptions options = kOptions;
  options.patience = milliseconds(1'000);
  options.least_bytes_per_second = 10;
  for (const bool dawdles : {true, false}) {
    PartReader reader(context, request_, body_, budget_, spool_, progress_,
                      options);
    std::optional<Press> press;
    body_.Send(std::string(20, 'x'), dawdles ? 4 : 10);
    int64_t spooled = 0;
    body_.on_next = [&, n = 0]() mutable {
      clock.Advance(milliseconds(600));
      if (++n == 1) press.emplace(*this);
      if (spool_.used_bytes() > 0 && spooled == 0) {
        spooled = spool_.used_bytes();
        press.reset();
      }
    };
    ASSERT_THAT(reader.Next(20), IsOk());
    EXPECT_EQ(spooled, dawdles ? 8 : 0);
    body_.events.clear();
  }
}

// Two chunks are more than an upload begins with, and all of them together too
// much for anybody's part.
TEST_F(PartReaderTest, ChunksThatFitNoPartDoNotLockAllUploadsUp) {
  constexpr int kUploads = 4;
  MemoryBudget budget(168);
  const auto others = budget.TryReserve(40);
  PartReaderOptions options = kOptions;
  options.first_bytes = 21;
  std::vector<std::thread> uploads;
  std::vector<std::string> texts(kUploads);
  std::atomic<int> begun = 0;
  const std::string data(200, 'x');
  for (int i = 0; i < kUploads; ++i) {
    uploads.emplace_back([&, i] {
      FakeBody body;
      body.on_next = [&begun, n = 0]() mutable {
        if (++n == 1) ++begun;
        while (n == 2 && begun < kUploads) std::this_thread::yield();
      };
      body.Send(data, 15);
      UploadProgress progress;
      PartReader reader(context_, request_, body, budget, spool_, progress,
                        options);
      while (!reader.ended()) {
        const auto part = reader.Next(84);
        ASSERT_THAT(part, IsOk());
        texts[i] += TextOf(part->bytes);
      }
    });
  }
  for (std::thread& upload : uploads) upload.join();
  for (const std::string& text : texts) EXPECT_EQ(text, data);
  EXPECT_EQ(budget.used_bytes(), 40);
  EXPECT_EQ(spool_.used_bytes(), 0);
}

TEST_F(PartReaderTest, OneThatCanSendAgainIsAskedToOnceAPart) {
  std::vector<std::string> how;
  budget_.SetObserver(
      [&how](absl::string_view told) { how.emplace_back(told); });
  body_.can_rewind = true;
  body_.events = {Chunk{.write_offset = 0, .data = "abcd"}, Silence{},
                  Chunk{.write_offset = 0, .data = "abcd"}, Silence{}};
  body_.Send("abcdefghij", 4, 4);
  std::optional<Press> press;
  body_.on_next = [&, n = 0]() mutable {
    ++n;
    if (n == 2 || n == 4) press.emplace(*this);
    if (n == 3 || n == 5) {
      press->AwaitAll();
      press.reset();
    }
  };
  EXPECT_EQ(ReadAll(10), "abcdefghij||");
  EXPECT_THAT(body_.rewinds, ElementsAre(0));
  EXPECT_THAT(how, ElementsAre("rewind", "spool"));
}

TEST(SpoolTest, AFileHasAllOfWhatIsAppendedOrNoneOfIt) {
  Spool spool({.capacity_bytes = 10});
  auto file = spool.Create();
  ASSERT_THAT(file, IsOk());
  EXPECT_THAT((*file)->Append("0123456"), IsOk());
  EXPECT_THAT((*file)->Append("789a"), HasReason(Reason::kSpoolFull));
  EXPECT_EQ((*file)->size_bytes(), 7);
  EXPECT_EQ(spool.used_bytes(), 7);
  EXPECT_THAT((*file)->Append("xyz"), IsOk());
  Rope rope;
  rope.AppendFile((*file)->fd(), 0, 10);
  EXPECT_EQ(TextOf(rope), "0123456xyz");
  struct stat info;
  ASSERT_EQ(fstat((*file)->fd(), &info), 0);
  EXPECT_EQ(info.st_nlink, 0U) << "it has no name";
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  file->reset();
  EXPECT_EQ(spool.used_bytes(), 0);
}

// A full disk, not the cap.
TEST(SpoolTest, AWriteThatFailsIsNotCounted) {
  Spool spool({});
  const int full = open("/dev/full", O_RDWR | O_CLOEXEC);
  ASSERT_GE(full, 0);
  SpoolFile file(spool, full);
  EXPECT_THAT(file.Append("abc"), HasReason(Reason::kSpoolFull));
  EXPECT_EQ(file.size_bytes(), 0);
  EXPECT_EQ(spool.used_bytes(), 0);
}

TEST_F(PartReaderTest, ARestartTakesTheSameBytesOnly) {
  body_.can_rewind = true;
  body_.Send("abcdefghijkl", 5);
  EXPECT_EQ(ReadAll(10), "abcdefghij|kl|");
  ASSERT_TRUE(Reader().Restart());
  body_.Send("abcdefghijkl", 7);
  EXPECT_EQ(ReadAll(10), "abcdefghij|kl|");
  ASSERT_TRUE(Reader().Restart());
  body_.Send("abcdefghijkX", 7);
  ASSERT_THAT(Reader().Next(10), IsOk());
  EXPECT_THAT(Reader().Next(10), HasReason(Reason::kChecksumMismatch));
  EXPECT_THAT(body_.rewinds, ElementsAre(0, 0));
}

TEST_F(PartReaderTest, WithoutRewindThereIsNoRestart) {
  body_.Send("abc", 5);
  EXPECT_EQ(ReadAll(10), "abc|");
  EXPECT_FALSE(Reader().Restart());
}

// Source: md5sum of "hello".
TEST_F(PartReaderTest, DigestsAreCheckedOverTheWholeOrAlongTheWay) {
  Finish finish{
      .size_bytes = 5,
      .md5 = absl::HexStringToBytes("5d41402abc4b2a76b9719d911017c592")};
  for (const bool follows : {false, true}) {
    reader_.reset();
    request_.md5_follows = follows;
    body_.events.push_back(Chunk{.write_offset = 0, .data = "hello"});
    body_.events.push_back(finish);
    const auto part = Reader().Next(10);
    ASSERT_THAT(part, IsOk());
    EXPECT_THAT(Reader().CheckDigests(&part->bytes), IsOk());
    Rope other;
    other.Append("hellO");
    EXPECT_THAT(Reader().CheckDigests(&other),
                HasReason(Reason::kChecksumMismatch));
    if (follows) {
      EXPECT_THAT(Reader().CheckDigests(nullptr), IsOk());
    } else {
      EXPECT_THAT(Reader().CheckDigests(nullptr),
                  HasReason(Reason::kInvalidRequest));
    }
  }
}

}  // namespace
}  // namespace lakefs::gateway::testing
