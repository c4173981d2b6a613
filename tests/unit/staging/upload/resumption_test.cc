// Which resume tokens are gone on with.
#include "gateway/staging/upload/resumption.h"

#include <gmock/gmock.h>

#include <functional>

#include "absl/strings/str_cat.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using ::testing::HasSubstr;

std::string Label(const absl::Status& status) {
  return DetailsOf(status).metadata["resumeRefusal"];
}

class ResumptionTest : public ::testing::Test {
 protected:
  ResumptionTest() {
    request_ = {.object = {"repo", "main", "a/b"},
                .content_type = "text/plain",
                .user_metadata = {{"k", "v"}},
                .size_bytes = 100,
                .request_id = "r",
                .caller = "uid 1"};
    point_ = {.plan = Plan::kMultipart,
              .location = {.physical_address = "s3://lake/x"},
              .upload_id = "u",
              .part_bytes = 8 << 20,
              .parts = {{1, std::string(32, 'a')}, {2, "odd-etag"}},
              .crc32c = 7,
              .link_before = clock_.WallNow() + hours(24)};
  }
  CallContext Context(const std::string& authorization = "") {
    return {clock_, clock_.Now() + hours(1),
            CallInfo{.authorization = authorization}};
  }
  std::string Token(const std::string& authorization = "") {
    return resumption_.Seal(Context(authorization), request_, "store", point_);
  }
  absl::StatusOr<ResumeToken> Open(const std::string& token,
                                   const std::string& authorization = "") {
    UploadRequest request = request_;
    request.resume_token = token;
    return resumption_.Open(Context(authorization), request);
  }
  // Opens one for a request that `change` was done to.
  absl::Status OpenChanged(const std::function<void(UploadRequest&)>& change) {
    UploadRequest request = request_;
    request.resume_token = Token();
    change(request);
    return resumption_.Open(Context(), request).status();
  }

  FakeClock clock_;
  UploadRequest request_;
  ResumePoint point_;
  const std::unique_ptr<ResumeKeys> keys_ = *ResumeKeys::Open("", clock_);
  Resumption resumption_{*keys_, "http://lakefs", clock_};
};

TEST_F(ResumptionTest, ATokenBringsBackAllThatItTakesToGoOn) {
  const auto token = Open(Token());
  ASSERT_THAT(token, IsOk());
  const ResumePoint& point = token->point;
  EXPECT_EQ(point.plan, Plan::kMultipart);
  EXPECT_EQ(point.location, point_.location);
  EXPECT_EQ(point.upload_id, "u");
  EXPECT_EQ(point.part_bytes, 8 << 20);
  ASSERT_EQ(point.parts.size(), 2U);
  EXPECT_EQ(point.parts[0].etag, std::string(32, 'a'));
  EXPECT_EQ(point.parts[1].etag, "odd-etag");
  EXPECT_EQ(point.parts[1].number, 2);
  EXPECT_EQ(point.crc32c, 7U);
  EXPECT_EQ(point.link_before, point_.link_before);
  EXPECT_EQ(point.offset(), 16 << 20);
  EXPECT_EQ(token->blockstore_id, "store");
  EXPECT_EQ(token->object, request_.object);
}

TEST_F(ResumptionTest, TheTokenOfAnAddressWithATokenKeepsIt) {
  point_.location.token = "t";
  point_.link_before.reset();
  const auto token = Open(Token());
  ASSERT_THAT(token, IsOk());
  EXPECT_EQ(token->point.location.token, "t");
  EXPECT_EQ(token->point.link_before, std::nullopt);
}

TEST_F(ResumptionTest, TheLargestTokenIsWithinTheBoundAndALargerOneIsNoToken) {
  point_.parts.clear();
  for (int number = 1; number <= 10'000; ++number) {
    point_.parts.push_back({number, std::string(32, 'a')});
  }
  EXPECT_LT(Token().size(), 175'000U);
  for (StoredPart& part : point_.parts) {
    part.etag = std::string(RequestLimits::kResumeEtagBytes, 'e');
  }
  const std::string largest = Token();
  EXPECT_GT(largest.size(), 650'000U);
  EXPECT_LE(largest.size(), RequestLimits::kResumeTokenBytes);
  EXPECT_THAT(Open(largest), IsOk());
  point_.parts.back().etag += "e";
  EXPECT_EQ(Token(), "");
}

TEST_F(ResumptionTest, HowTheCallIsMadeMayChange) {
  EXPECT_THAT(OpenChanged([](UploadRequest& request) {
                request.attempt = 2;
                request.resumable = true;
              }),
              IsOk());
}

TEST_F(ResumptionTest, AnotherHeaderIsRefused) {
  const std::function<void(UploadRequest&)> changes[] = {
      [](UploadRequest& r) { r.object.path = "a/c"; },
      [](UploadRequest& r) { r.object.branch = "dev"; },
      [](UploadRequest& r) { r.object.repository = "other"; },
      [](UploadRequest& r) { r.content_type = ""; },
      [](UploadRequest& r) { r.user_metadata["k"] = "w"; },
      [](UploadRequest& r) { r.user_metadata["l"] = ""; },
      [](UploadRequest& r) { r.size_bytes = 101; },
      [](UploadRequest& r) { r.size_bytes.reset(); },
      [](UploadRequest& r) { r.if_absent = true; },
      [](UploadRequest& r) { r.if_match = ""; },
      [](UploadRequest& r) { r.force = true; },
      [](UploadRequest& r) { r.mtime = WallTime(); },
      [](UploadRequest& r) { r.request_id = "s"; },
      [](UploadRequest& r) { r.sha256_follows = true; },
      [](UploadRequest& r) { r.md5_follows = true; }};
  int number = 0;
  for (const auto& change : changes) {
    SCOPED_TRACE(number++);
    const absl::Status status = OpenChanged(change);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kPermissionDenied));
    EXPECT_THAT(status, HasReason(Reason::kResumeRefused));
    EXPECT_EQ(Label(status), "header");
  }
}

TEST_F(ResumptionTest, WhoWasNotGivenItIsRefused) {
  const std::string token = Token("Basic a");
  EXPECT_THAT(Open(token, "Basic a"), IsOk());
  EXPECT_EQ(Label(Open(token, "Basic b").status()), "caller");
  EXPECT_EQ(Label(Open(token).status()), "caller");
  EXPECT_EQ(Label(OpenChanged([](UploadRequest& r) { r.caller = "uid 2"; })),
            "caller");
}

TEST_F(ResumptionTest, ATokenHoldsNoAuthorization) {
  const auto token = Open(Token("Basic sesame"), "Basic sesame");
  ASSERT_THAT(token, IsOk());
  EXPECT_THAT(Encode(*token), ::testing::Not(HasSubstr("sesame")));
}

TEST_F(ResumptionTest, ATokenOfAnotherLakefsIsRefused) {
  UploadRequest request = request_;
  request.resume_token = Token();
  const Resumption elsewhere(*keys_, "http://other", clock_);
  const absl::Status status = elsewhere.Open(Context(), request).status();
  EXPECT_THAT(status, HasReason(Reason::kResumeRefused));
  EXPECT_EQ(Label(status), "lakefs");
}

TEST_F(ResumptionTest, WhatIsNoTokenOfThisKeyIsRefused) {
  const auto other_keys = *ResumeKeys::Open("", clock_);
  const Resumption other(*other_keys, "http://lakefs", clock_);
  for (const std::string& token :
       {std::string("forged"), Token().substr(1), Token() + "x",
        other.Seal(Context(), request_, "store", point_),
        keys_->Seal("no token")}) {
    const absl::Status status = Open(token).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kPermissionDenied));
    EXPECT_EQ(Label(status), "unsealed");
  }
}

TEST_F(ResumptionTest, ATokenIsGoodForAsLongAsItsAddress) {
  const std::string token = Token();
  clock_.Advance(hours(24) - seconds(1));
  EXPECT_THAT(Open(token), IsOk());
  clock_.Advance(seconds(1));
  const absl::Status status = Open(token).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(status, HasReason(Reason::kResumeExpired));
  EXPECT_EQ(Label(status), "expired");
}

TEST_F(ResumptionTest, WhereAddressesHaveNoLimitAWeekIsOne) {
  point_.link_before.reset();
  const std::string token = Token();
  clock_.Advance(hours(7 * 24) - seconds(1));
  EXPECT_THAT(Open(token), IsOk());
  clock_.Advance(seconds(1));
  EXPECT_EQ(Label(Open(token).status()), "expired");
}

TEST_F(ResumptionTest, ToDiscardItIsNeverTooLateAndTheHeaderDoesNotMatter) {
  const std::string token = Token("Basic a");
  clock_.Advance(hours(8 * 24));
  const auto opened =
      resumption_.OpenToDiscard(Context("Basic a"), token, "uid 1");
  ASSERT_THAT(opened, IsOk());
  EXPECT_EQ(opened->point.upload_id, "u");
  EXPECT_EQ(
      Label(resumption_.OpenToDiscard(Context(), token, "uid 1").status()),
      "caller");
}

TEST(ResumeTokenTest, NoBeginningOfItsBytesIsATokenOfItsOwn) {
  const ResumeToken token{
      .point = {.plan = Plan::kDirectS3,
                .upload_id = "u",
                .part_bytes = 1,
                .parts = {{1, "a"}, {2, std::string(32, '0')}}},
      .header = std::string(32, 'h')};
  const std::string bytes = Encode(token);
  ASSERT_TRUE(Decode(bytes));
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(Decode(bytes.substr(0, size))) << size;
  }
  EXPECT_FALSE(Decode(bytes + "x"));
}

}  // namespace
}  // namespace lakefs::gateway::testing
