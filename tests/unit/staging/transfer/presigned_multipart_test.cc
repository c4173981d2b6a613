#include "gateway/staging/transfer/presigned_multipart.h"

#include <gmock/gmock.h>

#include <functional>

#include "absl/random/random.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_lakefs.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// Notes the URLs of its PUTs; refuses those that are scripted so.
class FakeStore final : public ObjectStore {
 public:
  std::vector<std::string> urls;
  int refusals = 0;
  std::function<void()> on_put;

  absl::StatusOr<StoredObject> Put(const CallContext&,
                                   const StagingLocation& location, const Rope&,
                                   const std::string& type) override {
    EXPECT_EQ(type, "") << "a part has none";
    urls.push_back(*location.presigned_url);
    if (on_put) on_put();
    if (refusals > 0) {
      --refusals;
      return MakeError(absl::StatusCode::kPermissionDenied, "expired",
                       Reason::kStoreRejected);
    }
    return StoredObject{.checksum = "md5", .etag = "etag of " + urls.back()};
  }
  absl::StatusOr<std::unique_ptr<PartedUpload>> BeginParts(
      const CallContext&, const StagingLocation&, int64_t,
      const std::string&) override {
    return absl::UnimplementedError("no parts");
  }
};

class PresignedMultipartTest : public ::testing::Test {
 protected:
  // Begins an upload for which lakeFS gives out `urls`.
  void Begin(const Dialect& dialect, std::optional<int64_t> parts,
             std::vector<std::string> urls) {
    lakefs_.multiparts.push_back(
        MultipartUpload{.upload_id = "u",
                        .physical_address = "A",
                        .presigned_urls = std::move(urls)});
    auto begun =
        PresignedMultipart::Begin(context_, {lakefs_, store_, budget_, pool_},
                                  object_, dialect, parts, random_);
    ASSERT_THAT(begun, IsOk());
    multipart_ = *std::move(begun);
  }
  absl::StatusOr<StoredPart> Put(int number) {
    Rope bytes;
    bytes.Append("x");
    return multipart_->PutPart(context_, number, bytes);
  }

  FakeClock clock_;
  CallContext context_{clock_, clock_.Now() + minutes(600), "test"};
  FakeLakefs lakefs_;
  FakeStore store_;
  RetryBudget budget_{{}, clock_};
  // Takes no task, so that nothing is asked ahead.
  WorkerPool pool_{0, 0};
  absl::BitGen random_;
  const ObjectPath object_{"repo", "main", "o"};
  std::unique_ptr<PresignedMultipart> multipart_;
  const Dialect one_by_one_{.part_urls = true};
  const Dialect at_once_{.part_urls = false};
};

TEST_F(PresignedMultipartTest, AsksForAsManyUrlsAsArePlanned) {
  Begin(one_by_one_, 2, {"u1", "u2"});
  Begin(one_by_one_, 100, {"u1", "u2", "u3", "u4"});
  Begin(one_by_one_, std::nullopt, {"u1", "u2", "u3", "u4"});
  Begin(at_once_, 100, {});
  Begin(at_once_, std::nullopt, {});
  EXPECT_THAT(lakefs_.calls, ElementsAre("create 2", "create 4", "create 4",
                                         "create 100", "create 640"));
}

TEST_F(PresignedMultipartTest, PartsGoToTheirOwnUrlsAndKeepTheirEtags) {
  Begin(one_by_one_, 2, {"u1", "u2"});
  EXPECT_EQ(Put(2)->etag, "etag of u2");
  const auto first = Put(1);
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(first->etag, "etag of u1");
  EXPECT_EQ(first->number, 1);
}

TEST_F(PresignedMultipartTest, UrlsBeyondTheFirstAreAskedForOneByOne) {
  Begin(one_by_one_, 3, {"u1", "u2"});
  lakefs_.part_urls.emplace_back("u3");
  EXPECT_EQ(Put(3)->etag, "etag of u3");
  EXPECT_EQ(lakefs_.calls.back(), "part url 3");
}

TEST_F(PresignedMultipartTest, ARefusedUrlIsReplacedByAFreshOne) {
  Begin(one_by_one_, 1, {"u1"});
  store_.refusals = 1;
  lakefs_.part_urls.emplace_back("fresh");
  EXPECT_EQ(Put(1)->etag, "etag of fresh");
  EXPECT_THAT(store_.urls, ElementsAre("u1", "fresh"));
}

TEST_F(PresignedMultipartTest, AStoreThatRefusesFreshUrlsRefusesThePart) {
  Begin(one_by_one_, 1, {"u1"});
  store_.refusals = 10;
  lakefs_.part_urls = {"f1", "f2", "f3"};
  EXPECT_TRUE(UrlRefused(Put(1).status()));
  EXPECT_THAT(store_.urls, ElementsAre("u1", "f1", "f2"));
}

TEST_F(PresignedMultipartTest, AUrlNearItsEndIsNotUsed) {
  Begin(one_by_one_, 2, {"u1?X-Amz-Expires=900", "u2?X-Amz-Expires=900"});
  clock_.Advance(seconds(869));
  EXPECT_THAT(Put(1), IsOk());
  clock_.Advance(seconds(1));  // 30 s before its end
  lakefs_.part_urls.emplace_back("fresh");
  EXPECT_EQ(Put(2)->etag, "etag of fresh");
}

TEST_F(PresignedMultipartTest, AShortLifeIsUsedForHalfOfIt) {
  Begin(one_by_one_, 2, {"u1?X-Amz-Expires=20", "u2?X-Amz-Expires=20"});
  clock_.Advance(seconds(9));
  EXPECT_THAT(Put(1), IsOk());
  clock_.Advance(seconds(1));
  lakefs_.part_urls.emplace_back("fresh");
  EXPECT_EQ(Put(2)->etag, "etag of fresh");
}

TEST_F(PresignedMultipartTest, AUrlThatDoesNotTellLivesAQuarterOfAnHour) {
  Begin(one_by_one_, 1, {"u1"});
  clock_.Advance(seconds(870));
  lakefs_.part_urls.emplace_back("fresh");
  EXPECT_EQ(Put(1)->etag, "etag of fresh");
}

TEST_F(PresignedMultipartTest, WhereAllComeAtOnceAPartMayBeSentAgain) {
  Begin(at_once_, 1, {"u1"});
  EXPECT_THAT(Put(1), IsOk());
  EXPECT_THAT(Put(1), IsOk());
  EXPECT_THAT(store_.urls, ElementsAre("u1", "u1"));
}

TEST_F(PresignedMultipartTest, WhereAllComeAtOnceTheyDieTogether) {
  Begin(at_once_, 2, {"u1?X-Amz-Expires=900&sig=hush", "u2"});
  clock_.Advance(seconds(870));
  const auto late = Put(1);
  EXPECT_THAT(late, HasReason(Reason::kLinkAddressExpired));
  EXPECT_THAT(late.status().ToString(), HasSubstr("part 1"));
  EXPECT_THAT(late.status().ToString(), Not(HasSubstr("hush")));
  EXPECT_THAT(store_.urls, IsEmpty());
  EXPECT_THAT(lakefs_.calls, ElementsAre("create 2")) << "there are no others";
}

TEST_F(PresignedMultipartTest, ARefusalBeforeTheEndIsTheStoresOwn) {
  Begin(at_once_, 1, {"u1"});
  store_.refusals = 1;
  EXPECT_TRUE(UrlRefused(Put(1).status()));
  EXPECT_EQ(store_.urls.size(), 1U);
}

TEST_F(PresignedMultipartTest, ARefusalAfterTheEndIsTheUrls) {
  Begin(at_once_, 1, {"u1"});
  store_.refusals = 1;
  store_.on_put = [this] { clock_.Advance(minutes(15)); };
  EXPECT_THAT(Put(1), HasReason(Reason::kLinkAddressExpired));
}

TEST_F(PresignedMultipartTest, APartBeyondTheUrlsOfTheBeginHasNone) {
  Begin(at_once_, std::nullopt, {"u1"});
  EXPECT_THAT(Put(2), HasReason(Reason::kLinkAddressExpired));
}

TEST_F(PresignedMultipartTest, AnAbortIsLakefssOwn) {
  Begin(one_by_one_, 1, {"u1"});
  EXPECT_THAT(multipart_->Abort(context_), IsOk());
  EXPECT_EQ(lakefs_.calls.back(), "abort A");
}

TEST_F(PresignedMultipartTest, UrlsAreAskedForAheadUpToTheLastPart) {
  WorkerPool pool(1, 1);
  RealClock clock;
  const CallContext context(clock, clock.Now() + minutes(1), "test");
  lakefs_.part_urls = {"u3", "u4", "u5"};
  lakefs_.multiparts.push_back(
      MultipartUpload{.physical_address = "A", .presigned_urls = {"u1", "u2"}});
  {
    absl::Mutex mu;
    int asked = 0;
    lakefs_.on_call = [&](const std::string&) {
      absl::MutexLock lock(&mu);
      ++asked;
    };
    auto multipart =
        *PresignedMultipart::Begin(context, {lakefs_, store_, budget_, pool},
                                   object_, one_by_one_, 4, random_);
    Rope bytes;
    bytes.Append("x");
    EXPECT_THAT(multipart->PutPart(context, 1, bytes), IsOk());
    const auto all = [&]()
                         ABSL_SHARED_LOCKS_REQUIRED(mu) { return asked == 3; };
    absl::MutexLock lock(&mu);
    EXPECT_TRUE(mu.AwaitWithTimeout(absl::Condition(&all), absl::Seconds(10)));
  }
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("create 4", "part url 3", "part url 4"));
}

TEST(CompositeChecksumTest, IsTheMd5OfTheMd5sAndTheirNumber) {
  // What S3 gives an object of two parts "hello".
  const std::string md5 = "5d41402abc4b2a76b9719d911017c592";
  const StoredPart parts[] = {{1, md5}, {2, md5}};
  EXPECT_EQ(CompositeChecksum(parts), "616b22817b80eed9f65c3aa38cd29054-2");
}

}  // namespace
}  // namespace lakefs::gateway::testing
