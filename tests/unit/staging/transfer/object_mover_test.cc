#include "gateway/staging/transfer/object_mover.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <functional>
#include <random>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gateway/staging/intake/part_reader.h"
#include "tests/testing/fake_body.h"
#include "tests/testing/fake_lakefs.h"
#include "tests/testing/fake_store.h"
#include "tests/testing/matchers.h"
#include "tests/testing/shifted_clock.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kMiB = 1 << 20;

// Sends so many bytes, and then stalls, but not for ever.
class StallingBody final : public BodySource {
 public:
  explicit StallingBody(int64_t bytes) : left_(bytes) {}
  void Grant(int64_t) override {}
  void Withdraw() override {}
  bool CanRewind() const override { return false; }
  void Rewind(int64_t) override {}
  absl::StatusOr<BodyEvent> Next(const CallContext& context,
                                 TimePoint until) override {
    if (left_ > 0) {
      Chunk chunk{.write_offset = sent_, .data = std::string(kMiB, 'x')};
      sent_ += kMiB;
      left_ -= kMiB;
      return chunk;
    }
    (void)context.Sleep(
        std::max(Duration::zero(), Duration(until - context.clock().Now())));
    if (auto over = context.Over(); !over.ok()) return over;
    if (++silences_ > 20) return absl::CancelledError("waited for in vain");
    return Silence{};
  }

 private:
  int64_t left_;
  int64_t sent_ = 0;
  int silences_ = 0;
};

class ObjectMoverTest : public ::testing::Test {
 protected:
  // An address on Azure, whose URL ends by the store's clock then.
  StagingLocation SasFor(Duration life) {
    const absl::Time now = absl::FromUnixSeconds(1'795'521'600);
    return {.physical_address = "https://acc.blob.core.windows.net/c/data/x",
            .presigned_url = absl::StrCat(
                "https://acc.blob.core.windows.net/c/data/x?sig=hush&se=",
                absl::FormatTime("%E4Y-%m-%dT%H:%M:%SZ",
                                 now + absl::FromChrono(life),
                                 absl::UTCTimeZone())),
            .signed_at = absl::ToChronoTime(now)};
  }
  // Moves the object, and if it is to be moved again once more, to `where`.
  absl::StatusOr<Placement> Move(
      BodySource& source, bool again = false,
      const std::optional<StagingLocation>& where = std::nullopt) {
    PartReader reader(context_, request_, source, memory_, spool_, progress_);
    const MoverDependencies deps{.lakefs = lakefs_,
                                 .presigned_store = store_,
                                 .lakefs_budget = budget_,
                                 .store_budget = budget_,
                                 .background = background_,
                                 .part_pool = pool_,
                                 .spool = spool_,
                                 .plan = plan_};
    ObjectMover mover(
        deps, context_, request_, server_, reader, progress_,
        [] { return absl::OkStatus(); }, random_);
    auto placement = mover.Move();
    if (placement.ok() && again) placement = mover.MoveAgain(where);
    if (!placement.ok()) mover.Abandon();
    plan_made_ = mover.plan();
    return placement;
  }

  ShiftedClock clock_;
  CallContext context_{clock_, clock_.Now() + minutes(600), "test"};
  FakeLakefs lakefs_;
  FakeStore store_;
  FakeBody body_;
  RetryBudget budget_{{}, clock_};
  // One part at a time, so that what is stored keeps up with the clock.
  WorkerPool pool_{1, 8};
  WorkerPool background_{0, 0};  // takes no task, so nothing is asked ahead
  Spool spool_{SpoolOptions{}};
  MemoryBudget memory_{64 * kMiB};
  UploadProgress progress_;
  PlanOptions plan_{.part_bytes = kMiB};
  Plan plan_made_ = Plan::kNone;
  std::mt19937_64 random_{1};
  UploadRequest request_{.object = {"repo", "main", "o"}};
  ServerConfig server_{.version = "1.84.0",
                       .blockstore_type = "azure",
                       .pre_sign_support = true};
};

TEST_F(ObjectMoverTest, PartsThatTheStorePutsTogetherMakeAPlacement) {
  lakefs_.addresses.push_back(SasFor(minutes(15)));
  body_.Send(std::string(5 * kMiB, 'x'), kMiB);
  const auto placement = Move(body_);
  ASSERT_THAT(placement, IsOk());
  EXPECT_EQ(placement->checksum, "together");
}

TEST_F(ObjectMoverTest, AnUploadThatWillNotBeInTimeEndsBeforeTheTimeIsLost) {
  lakefs_.addresses.push_back(SasFor(minutes(15)));
  request_.size_bytes = 20 * kMiB;
  int parts = 0;
  store_.on_part = [&](int) {
    ++parts;
    clock_.Advance(minutes(1));
    return absl::OkStatus();
  };
  body_.Send(std::string(20 * kMiB, 'x'), kMiB);
  const auto placement = Move(body_);
  EXPECT_THAT(placement, HasReason(Reason::kLinkAddressExpired));
  EXPECT_THAT(placement.status().ToString(),
              HasSubstr("would expire before all bytes are up"));
  EXPECT_LT(parts, 10) << "a minute or two would have told";
}

TEST_F(ObjectMoverTest, AnUploadThatWillBeInTimeGoesOn) {
  lakefs_.addresses.push_back(SasFor(minutes(15)));
  request_.size_bytes = 20 * kMiB;
  store_.on_part = [&](int) {
    clock_.Advance(seconds(20));
    return absl::OkStatus();
  };
  body_.Send(std::string(20 * kMiB, 'x'), kMiB);
  EXPECT_THAT(Move(body_), IsOk());
}

TEST_F(ObjectMoverTest, ALifeThatCannotBeIsTakenForTheUsualOne) {
  for (const Duration life :
       {Duration(minutes(-5)), Duration(seconds(0)), Duration(minutes(3000))}) {
    lakefs_.addresses.push_back(SasFor(life));
    body_.events.clear();
    body_.Send(std::string(5 * kMiB, 'x'), kMiB);
    EXPECT_THAT(Move(body_), IsOk());
    lakefs_.addresses.push_back(SasFor(life));
    body_.Send(std::string(5 * kMiB, 'x'), kMiB);
    store_.on_complete = [&] {
      clock_.Advance(minutes(16));
      return MakeError(absl::StatusCode::kPermissionDenied, "denied",
                       Reason::kStoreRejected);
    };
    EXPECT_THAT(Move(body_), HasReason(Reason::kLinkAddressExpired));
    store_.on_complete = [] { return absl::OkStatus(); };
  }
}

TEST_F(ObjectMoverTest, ARefusalNearTheEndIsTheUrlsAndBeforeItTheStoresOwn) {
  for (const auto& [at, reason] :
       {std::pair(seconds(869), Reason::kStoreRejected),
        std::pair(seconds(871), Reason::kLinkAddressExpired)}) {
    lakefs_.addresses.push_back(SasFor(minutes(15)));
    body_.events.clear();
    body_.Send(std::string(3 * kMiB, 'x'), kMiB);
    store_.on_complete = [this, span = at] {
      clock_.Advance(span);
      return MakeError(absl::StatusCode::kPermissionDenied, "denied",
                       Reason::kStoreRejected);
    };
    EXPECT_THAT(Move(body_), HasReason(reason)) << at.count();
  }
}

TEST_F(ObjectMoverTest, WhatTheStoreHasLostIsAskedForAgainWhereItCanBe) {
  const std::string data(3 * kMiB, 'x');
  for (const bool can_rewind : {true, false}) {
    lakefs_.addresses = {SasFor(minutes(15)), SasFor(minutes(15))};
    int completes = 0;
    store_.on_complete = [&completes] {
      if (++completes > 1) return absl::OkStatus();
      return MakeError(absl::StatusCode::kDataLoss, "InvalidBlockList",
                       Reason::kChecksumMismatch);
    };
    FakeBody body;
    body.can_rewind = can_rewind;
    body.Send(data, kMiB);
    body.Send(data, kMiB);
    const auto placement = Move(body);
    EXPECT_EQ(placement.ok(), can_rewind);
    EXPECT_EQ(body.rewinds.size(), can_rewind ? 1U : 0U);
    if (!can_rewind) {
      EXPECT_THAT(placement, StatusIs(absl::StatusCode::kDataLoss));
    }
  }
}

TEST_F(ObjectMoverTest, TheSpoolIsHeldAgainstWhatCame) {
  server_.blockstore_type = "gs";
  for (const bool hurt : {false, true}) {
    lakefs_.addresses.push_back(
        StagingLocation{.physical_address = "gs://b/x", .presigned_url = ""});
    body_.events.clear();
    body_.Send(std::string(3 * kMiB, 'x'), kMiB);
    store_.on_put = [hurt](const Rope& bytes) {
      if (hurt) {
        EXPECT_EQ(pwrite(bytes.pieces()[0].fd, "y", 1, 5), 1);
      }
      HttpRequest request;
      bytes.AttachTo(request);
      std::string buffer(kMiB, '\0');
      while (true) {
        const auto n = request.stream->read({buffer.data(), buffer.size()});
        if (!n.ok() || *n == 0) return n.status();
      }
    };
    const auto placement = Move(body_);
    EXPECT_EQ(placement.ok(), !hurt) << placement.status();
    if (hurt) {
      EXPECT_THAT(placement, HasReason(Reason::kChecksumMismatch));
    }
  }
}

TEST_F(ObjectMoverTest, TheCallersMd5GoesToTheStoreWithTheWhole) {
  const std::string md5 =
      absl::HexStringToBytes("5d41402abc4b2a76b9719d911017c592");
  lakefs_.addresses = {SasFor(minutes(15))};
  body_.Send("hello", 5);
  std::get<Finish>(*body_.events.back()).md5 = md5;
  std::string told;
  store_.on_put = [&told](const Rope& bytes) {
    told = bytes.md5();
    return absl::OkStatus();
  };
  EXPECT_THAT(Move(body_), IsOk());
  EXPECT_EQ(told, md5);
}

TEST_F(ObjectMoverTest, WithoutUrlsOfSinglePartsItBeginsAnewWithAll) {
  server_ = {.version = "dev",
             .blockstore_type = "s3",
             .pre_sign_support = true,
             .pre_sign_multipart_upload = true,
             .has_storage_list = true};
  const std::string data(6 * kMiB, 'x');
  const MultipartUpload few{.physical_address = "A",
                            .presigned_urls = {"1", "2", "3", "4"}};
  MultipartUpload all = few;
  all.presigned_urls.insert(all.presigned_urls.end(), {"5", "6"});
  for (const bool can_rewind : {true, false}) {
    lakefs_.calls.clear();
    lakefs_.multiparts = {few, all};
    lakefs_.part_urls = {MakeError(absl::StatusCode::kUnimplemented,
                                   "invalid API endpoint",
                                   Reason::kUpstreamUnimplemented)};
    FakeBody body;
    body.can_rewind = can_rewind;
    body.Send(data, kMiB);
    // The rest of the first time is not read any more.
    body.on_next = [&body, &data, again = false]() mutable {
      if (body.rewinds.empty() || std::exchange(again, true)) return;
      body.events.clear();
      body.Send(data, kMiB);
    };
    const auto placement = Move(body);
    if (can_rewind) {
      ASSERT_THAT(placement, IsOk());
      EXPECT_EQ(placement->multipart->parts.size(), 6U);
      EXPECT_THAT(lakefs_.calls, ElementsAre("create 4", "part url 5",
                                             "abort A", "create 640"));
    } else {
      EXPECT_THAT(placement, HasReason(Reason::kUpstreamUnimplemented));
      EXPECT_THAT(placement.status().ToString(), HasSubstr("can_rewind"));
    }
  }
}

TEST_F(ObjectMoverTest, WhereAllUrlsComeAtOnceAnUnknownSizeHasALimit) {
  server_ = {.version = "1.21.0",
             .blockstore_type = "s3",
             .pre_sign_support = true,
             .pre_sign_multipart_upload = true};
  plan_.part_bytes = 10;
  constexpr size_t kMost = 640 * 10;
  for (const bool too_large : {false, true}) {
    lakefs_.calls.clear();
    lakefs_.multiparts = {
        MultipartUpload{.physical_address = "A",
                        .presigned_urls = std::vector<std::string>(640, "u")}};
    FakeBody body;
    body.Send(std::string(kMost + (too_large ? 1 : 0), 'x'), 1000);
    const auto placement = Move(body);
    if (!too_large) {
      ASSERT_THAT(placement, IsOk());
      EXPECT_EQ(placement->multipart->parts.size(), 640U);
      EXPECT_THAT(lakefs_.calls, ElementsAre("create 640"));
      continue;
    }
    EXPECT_THAT(placement, StatusIs(absl::StatusCode::kFailedPrecondition));
    EXPECT_THAT(placement, HasReason(Reason::kObjectTooLarge));
    EXPECT_THAT(placement.status().ToString(), HasSubstr("at most 6400 bytes"));
    EXPECT_THAT(placement.status().ToString(), HasSubstr("header.size_bytes"));
    EXPECT_THAT(lakefs_.calls, ElementsAre("create 640", "abort A"));
  }
}

// Source: the references of S3 and of Azure Blob Storage.
TEST_F(ObjectMoverTest, AnUnknownSizeMayHaveAsManyPartsAsTheStoreTakes) {
  plan_.part_bytes = 1;
  plan_.own_ways.usual.direct_s3 = &store_;
  for (const auto& [server, most] :
       {std::pair(ServerConfig{.blockstore_type = "s3"}, 10'000),
        std::pair(server_, 50'000)}) {
    server_ = server;
    for (const bool too_large : {false, true}) {
      lakefs_.addresses.push_back(SasFor(minutes(15)));
      FakeBody body;
      body.Send(std::string(static_cast<size_t>(most + too_large), 'x'), 500);
      const auto placement = Move(body);
      EXPECT_EQ(placement.ok(), !too_large) << placement.status();
      if (!too_large) continue;
      EXPECT_THAT(placement, HasReason(Reason::kObjectTooLarge));
      EXPECT_THAT(placement.status().ToString(),
                  HasSubstr(absl::StrCat("at most ", most, " bytes")));
    }
  }
}

TEST_F(ObjectMoverTest, OfAKnownSizeAsManyUrlsAreAskedForAsThereAreParts) {
  server_ = {.version = "1.21.0",
             .blockstore_type = "s3",
             .pre_sign_support = true,
             .pre_sign_multipart_upload = true};
  plan_.part_bytes = 10;
  request_.size_bytes = 700 * 10 - 1;
  lakefs_.multiparts = {
      MultipartUpload{.physical_address = "A",
                      .presigned_urls = std::vector<std::string>(700, "u")}};
  body_.Send(std::string(700 * 10 - 1, 'x'), 1000);
  const auto placement = Move(body_);
  ASSERT_THAT(placement, IsOk());
  EXPECT_EQ(placement->multipart->parts.size(), 700U);
  EXPECT_THAT(lakefs_.calls, ElementsAre("create 700"));
}

TEST_F(ObjectMoverTest, OtherBytesThanTheCallersDigestSaysAreNotPlaced) {
  request_.md5_follows = true;
  for (const int64_t size : {kMiB / 2, 3 * kMiB}) {
    lakefs_.addresses = {SasFor(minutes(15))};
    FakeBody body;
    body.Send(std::string(static_cast<size_t>(size), 'x'), kMiB);
    std::get<Finish>(*body.events.back()).md5 = std::string(16, 'm');
    bool placed = false;
    store_.on_put = [&placed](const Rope&) {
      placed = true;
      return absl::OkStatus();
    };
    store_.on_complete = [&placed] {
      placed = true;
      return absl::OkStatus();
    };
    EXPECT_THAT(Move(body), HasReason(Reason::kChecksumMismatch)) << size;
    EXPECT_FALSE(placed) << size;
  }
}

// Such a release would overwrite what stands at the path.
TEST_F(ObjectMoverTest, WithoutConditionalLinksACreateIsNotPlaced) {
  request_.if_absent = true;
  for (const char* version : {"0.101.0", "1.11.0", "dev"}) {
    server_.version = version;
    lakefs_.calls.clear();
    lakefs_.addresses = {SasFor(minutes(15))};
    FakeBody body;
    body.Send(std::string(3 * kMiB, 'x'), kMiB);
    const size_t events = body.events.size();
    bool put = false;
    store_.on_part = [&put](int) {
      put = true;
      return absl::OkStatus();
    };
    EXPECT_THAT(Move(body), HasReason(Reason::kUpstreamUnimplemented));
    EXPECT_FALSE(put);
    if (server_.version == "dev") {
      EXPECT_THAT(lakefs_.calls, ElementsAre("address"));
    } else {
      EXPECT_EQ(body.events.size(), events) << "no byte had to be read for it";
      EXPECT_TRUE(lakefs_.calls.empty());
    }
  }
}

// Such a release would drop it, and say nothing.
TEST_F(ObjectMoverTest, WithoutMtimesOfLinksAnObjectWithOneIsNotPlaced) {
  request_.mtime = WallTime(std::chrono::seconds(7));
  for (const char* version : {"0.101.0", "1.21.0", "1.41.0"}) {
    server_.version = version;
    FakeBody body;
    body.Send(std::string(3 * kMiB, 'x'), kMiB);
    const size_t events = body.events.size();
    EXPECT_THAT(Move(body), HasReason(Reason::kUpstreamUnimplemented));
    EXPECT_EQ(body.events.size(), events) << "no byte had to be read for it";
    EXPECT_TRUE(lakefs_.calls.empty());
  }
}

TEST_F(ObjectMoverTest, PartsOfAMoveThatIsRepeatedAreDropped) {
  server_ = {.version = "1.84.0",
             .blockstore_type = "s3",
             .pre_sign_support = true,
             .pre_sign_multipart_upload = true};
  lakefs_.multiparts = {
      MultipartUpload{.physical_address = "A", .presigned_urls = {"1", "2"}},
      MultipartUpload{.physical_address = "B", .presigned_urls = {"1", "2"}}};
  body_.can_rewind = true;
  for (int i = 0; i < 2; ++i) body_.Send(std::string(2 * kMiB, 'x'), kMiB);
  const auto placement = Move(body_, /*again=*/true);
  ASSERT_THAT(placement, IsOk());
  EXPECT_EQ(placement->location.physical_address, "B");
  EXPECT_THAT(lakefs_.calls, ElementsAre("create 4", "abort A", "create 4"));
}

TEST_F(ObjectMoverTest, AUrlOfAWholeObjectThatIsRefusedIsReplacedTwice) {
  for (const int refusals : {1, 2, 3}) {
    lakefs_.calls.clear();
    lakefs_.addresses.clear();
    for (int i = 0; i < 4; ++i)
      lakefs_.addresses.push_back(SasFor(minutes(15)));
    store_.on_put = [left = refusals](const Rope&) mutable {
      if (left-- <= 0) return absl::OkStatus();
      return MakeError(absl::StatusCode::kPermissionDenied, "denied",
                       Reason::kStoreRejected);
    };
    FakeBody body;
    body.Send("hello", 5);
    const auto placement = Move(body);
    EXPECT_EQ(placement.ok(), refusals < 3) << placement.status();
    EXPECT_EQ(lakefs_.calls.size(),
              static_cast<size_t>(std::min(refusals + 1, 3)));
  }
}

TEST_F(ObjectMoverTest, SoIsOneThatCameWithAConflict) {
  lakefs_.addresses = {SasFor(minutes(15)), SasFor(minutes(15))};
  store_.on_put = [put = 0](const Rope&) mutable {
    if (++put != 2) return absl::OkStatus();
    return MakeError(absl::StatusCode::kPermissionDenied, "denied",
                     Reason::kStoreRejected);
  };
  body_.Send("hello", 5);
  EXPECT_THAT(Move(body_, /*again=*/true, SasFor(minutes(15))), IsOk());
  EXPECT_THAT(lakefs_.calls, ElementsAre("address", "address"));
}

TEST_F(ObjectMoverTest, WhatOutgrowsTheSpoolIsRefusedBeforeItIsPut) {
  server_.blockstore_type = "gs";
  plan_.spool_bytes = 3 * kMiB;
  for (const int64_t size : {3 * kMiB, 3 * kMiB + 1}) {
    lakefs_.calls.clear();
    lakefs_.addresses = {SasFor(minutes(15))};
    FakeBody body;
    body.Send(std::string(static_cast<size_t>(size), 'x'), kMiB);
    const auto placement = Move(body);
    EXPECT_EQ(plan_made_, Plan::kSpooledPut);
    if (size == 3 * kMiB) {
      EXPECT_THAT(placement, IsOk());
      EXPECT_THAT(lakefs_.calls, ElementsAre("address"));
    } else {
      EXPECT_THAT(placement, HasReason(Reason::kObjectTooLarge));
      EXPECT_TRUE(lakefs_.calls.empty());
    }
    EXPECT_EQ(spool_.used_bytes(), 0);
  }
}

TEST_F(ObjectMoverTest, AnUnknownSizeThatTurnsOutSmallIsPutAtOnce) {
  for (const char* store : {"azure", "gs", "s3"}) {
    server_.blockstore_type = store;
    lakefs_.addresses = {SasFor(minutes(15))};
    FakeBody body;
    body.Send(std::string(kMiB - 1, 'x'), kMiB);
    EXPECT_THAT(Move(body), IsOk());
    EXPECT_EQ(plan_made_, Plan::kSinglePut) << store;
  }
}

TEST_F(ObjectMoverTest, APartThatIsRefusedEndsTheWaitForTheCaller) {
  lakefs_.addresses.push_back(SasFor(minutes(15)));
  store_.on_part = [](int) {
    return MakeError(absl::StatusCode::kInternal, "no such container",
                     Reason::kStoreRejected);
  };
  StallingBody body(2 * kMiB);
  const TimePoint start = clock_.Now();
  EXPECT_THAT(Move(body), HasReason(Reason::kStoreRejected));
  EXPECT_LT(clock_.Now() - start, seconds(30));
}

TEST_F(ObjectMoverTest, TheEndOfTheUrlEndsTheWaitForTheCaller) {
  lakefs_.addresses.push_back(SasFor(seconds(1)));
  StallingBody body(2 * kMiB);
  const TimePoint start = clock_.Now();
  EXPECT_THAT(Move(body), HasReason(Reason::kLinkAddressExpired));
  EXPECT_LT(clock_.Now() - start, seconds(30));
}

}  // namespace
}  // namespace lakefs::gateway::testing
