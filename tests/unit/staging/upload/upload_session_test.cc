// What an upload does when it is repeated, when its call is over, and when
// somebody asks what became of it.
#include "gateway/staging/upload/upload_session.h"

#include <gmock/gmock.h>

#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/staging/link/request_mark.h"
#include "tests/testing/fake_body.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_lakefs.h"
#include "tests/testing/fake_store.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

// A signed address: one that can be linked again.
std::string Address(char name) {
  return absl::StrCat("s3://bucket/data/", std::string(1, name), ",",
                      std::string(43, 's'));
}
std::string Link(char name) { return "link " + Address(name); }

class UploadSessionTest : public ::testing::Test {
 protected:
  UploadSessionTest() {
    lakefs_.config = {.version = "1.84.0",
                      .blockstore_type = "s3",
                      .pre_sign_support = true,
                      .pre_sign_multipart_upload = true};
    lakefs_.on_call = [this](const std::string& line) {
      if (hook_) hook_(line);
      if (line == "stat" && lakefs_.stats.empty()) {
        lakefs_.stats.push_back(stands_);
      }
      if (line == "address" && lakefs_.addresses.empty()) {
        lakefs_.addresses.push_back(
            StagingLocation{.physical_address = Address(next_address_++),
                            .presigned_url = "http://store/x"});
      }
    };
  }

  UploadDependencies Deps(int max_finding_out = 64) {
    return {.clock = clock_,
            .mover = {.lakefs = lakefs_,
                      .presigned_store = store_,
                      .lakefs_budget = budget_,
                      .store_budget = budget_,
                      .background = nobody_,
                      .part_pool = nobody_,
                      .spool = spool_},
            .server_info = server_info_,
            .link_loop = link_loop_,
            .memory = memory_,
            .uploads = uploads_,
            .max_finding_out = max_finding_out};
  }
  UploadReport Run(UploadSession& session, const std::string& request_id,
                   const std::string& data = "hello") {
    return RunIn(CallContext(clock_, clock_.Now() + kCall, "test"), session,
                 request_id, data);
  }
  UploadReport RunIn(const CallContext& context, UploadSession& session,
                     const std::string& request_id,
                     const std::string& data = "hello") {
    UploadRequest request = request_;
    request.request_id = request_id;
    FakeBody source;
    source.Send(data, 1'000);
    source.can_rewind = can_rewind_;
    if (can_rewind_) source.Send(data, 1'000);
    UploadProgress progress;
    return session.Run(context, request, source, progress, random_);
  }
  absl::StatusOr<KnownUpload> Find(UploadSession& session,
                                   const std::string& request_id,
                                   bool with_object = false,
                                   const absl::Status& may = {}) {
    const CallContext context(clock_, clock_.Now() + kCall, "asks");
    std::optional<ObjectPath> object;
    if (with_object) object = request_.object;
    return session.Find(
        context, request_id, object, [&](const ObjectPath&) { return may; },
        random_);
  }

  // An entry that the request with this id has written.
  ObjectStats Entry(char name, const std::string& request_id) {
    return {.path = "p",
            .physical_address = Address(name),
            .checksum = "c",
            .size_bytes = 5,
            .user_metadata = {{kRequestIdKey, request_id}}};
  }
  void Links(char name) {
    lakefs_.links.push_back(
        {.stats = ObjectStats{.path = "p", .physical_address = Address(name)}});
  }
  void LosesLink() {
    lakefs_.links.push_back(
        {.stats = MakeError(absl::StatusCode::kUnavailable, "lost",
                            Reason::kUpstreamConnectionLost)});
  }
  // The call's time is over by the time that its link is lost.
  void LosesLinkWithAllTime() {
    LosesLink();
    hook_ = [this](const std::string& line) {
      if (absl::StartsWith(line, "link")) clock_.Advance(kCall);
    };
  }
  int Count(const std::string& line) const {
    return static_cast<int>(
        std::count(lakefs_.calls.begin(), lakefs_.calls.end(), line));
  }

  static constexpr seconds kCall{60};

  FakeClock clock_;
  std::mt19937_64 random_{1};
  RetryBudget budget_{{.capacity = 1'000}, clock_};
  FakeLakefs lakefs_;
  std::function<void(const std::string&)> hook_;  // on each call of lakeFS
  std::optional<ObjectStats> stands_;             // at the path
  char next_address_ = 'A';
  FakeStore store_;
  WorkerPool nobody_{0, 0};  // takes no task: all is done by who asks
  Spool spool_{SpoolOptions{}};
  MemoryBudget memory_{16 << 20};
  LinkGate gate_;
  LinkLoop link_loop_{lakefs_, budget_, gate_};
  ServerInfo server_info_{lakefs_, budget_};
  UploadRegister uploads_;
  bool can_rewind_ = false;  // to send all a second time
  UploadRequest request_{.object = {"repo", "main", "p"}, .size_bytes = 5};
};

TEST_F(UploadSessionTest, ARepeatedCallGetsTheFirstResultAndAsksNothing) {
  UploadSession session(Deps());
  Links('A');
  const UploadReport first = Run(session, "r");
  ASSERT_THAT(first.link.status, IsOk());
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("config", "stat", "address", Link('A')));
  EXPECT_EQ(lakefs_.linked[0].user_metadata.at(kRequestIdKey), "r");
  lakefs_.calls.clear();
  const UploadReport again = Run(session, "r");
  EXPECT_EQ(again.link.object, first.link.object);
  EXPECT_EQ(again.crc32c, first.crc32c);
  EXPECT_TRUE(lakefs_.calls.empty());
  EXPECT_EQ(store_.puts, 1);
}

TEST_F(UploadSessionTest, WhatStayedUnknownIsLinkedFromWhereItWasStored) {
  UploadSession session(Deps());
  LosesLinkWithAllTime();
  EXPECT_EQ(Run(session, "r").link.outcome, Outcome::kUnknown);
  hook_ = nullptr;
  lakefs_.calls.clear();
  Links('A');
  const UploadReport again = Run(session, "r");
  EXPECT_EQ(again.link.outcome, Outcome::kCommitted);
  EXPECT_EQ(again.plan, Plan::kSinglePut);
  EXPECT_TRUE(again.crc32c);
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat", Link('A')));
  EXPECT_EQ(store_.puts, 1);
}

TEST_F(UploadSessionTest, OtherBytesAreNotLinkedInTheirPlace) {
  request_.size_bytes.reset();
  for (const char* other : {"hallo", "hell"}) {
    UploadSession session(Deps());
    LosesLinkWithAllTime();
    EXPECT_EQ(Run(session, other).link.outcome, Outcome::kUnknown);
    hook_ = nullptr;
    // Its address is good no more: the bytes are needed again.
    lakefs_.links.push_back(
        {.stats = MakeError(absl::StatusCode::kFailedPrecondition, "used",
                            Reason::kLinkAddressExpired)});
    const int linked = static_cast<int>(lakefs_.linked.size());
    const UploadReport again = Run(session, other, other);
    EXPECT_FALSE(again.link.status.ok());
    EXPECT_EQ(again.link.outcome, Outcome::kUnknown);
    EXPECT_THAT(std::string(again.link.status.message()),
                ::testing::HasSubstr("another header"));
    EXPECT_EQ(static_cast<int>(lakefs_.linked.size()), linked + 1);
  }
}

TEST_F(UploadSessionTest, ACallThatIsOverIsFoundOutAndRemembered) {
  UploadSession session(Deps());
  LosesLinkWithAllTime();
  // It comes when the link loop has given up.
  const Duration late = kCall + seconds(12);
  const auto lose = hook_;
  hook_ = [&, lose](const std::string& line) {
    if (absl::StartsWith(line, "link") && lakefs_.linked.empty()) lose(line);
    if (clock_.Elapsed() > late && !stands_) stands_ = Entry('A', "r");
    if (stands_ && lakefs_.links.empty()) Links('A');
  };
  EXPECT_EQ(Run(session, "r").link.outcome, Outcome::kCommitted);
  hook_ = nullptr;
  lakefs_.calls.clear();
  const auto known = Find(session, "r");
  ASSERT_THAT(known, IsOk());
  EXPECT_FALSE(known->running);
  EXPECT_EQ(known->report.link.outcome, Outcome::kCommitted);
  EXPECT_EQ(Run(session, "r").link.outcome, Outcome::kCommitted);
  EXPECT_TRUE(lakefs_.calls.empty());
}

TEST_F(UploadSessionTest, WithoutARequestIdNobodyCanAskAndNothingIsLookedFor) {
  UploadSession session(Deps());
  LosesLinkWithAllTime();
  EXPECT_EQ(Run(session, "").link.outcome, Outcome::kUnknown);
  EXPECT_LE(clock_.Elapsed(), kCall + seconds(6));
}

TEST_F(UploadSessionTest, NoMoreCallsThanAllowedAreFoundOutAtATime) {
  for (const int most : {1, 2}) {
    SCOPED_TRACE(most);
    UploadSession session(Deps(most));
    // How long a call whose link is lost is found out.
    const auto found_out_for = [&](const char* name) {
      LosesLink();
      const TimePoint begun = clock_.Now();
      const UploadReport report = Run(session, absl::StrCat(name, most));
      EXPECT_EQ(report.link.outcome, Outcome::kUnknown);
      return clock_.Now() - begun - kCall;
    };
    // The second one while the first is being found out.
    std::optional<Duration> second;
    const TimePoint late = clock_.Now() + kCall + seconds(6);
    hook_ = [&](const std::string& line) {
      if (absl::StartsWith(line, "link")) clock_.Advance(kCall);
      if (second || line != "stat" || clock_.Now() < late) return;
      second = Duration::zero();
      second = found_out_for("second");
    };
    found_out_for("first");
    ASSERT_TRUE(second);
    if (most == 1) {
      EXPECT_LE(*second, seconds(6)) << "the link loop's own look, no more";
    } else {
      EXPECT_GT(*second, seconds(12));
    }
    EXPECT_GT(found_out_for("third"), seconds(12)) << "there is room again";
  }
}

TEST_F(UploadSessionTest, FindingOutCanBeStopped) {
  UploadSession session(Deps());
  LosesLinkWithAllTime();
  const auto lose = hook_;
  std::optional<TimePoint> stopped;
  hook_ = [&](const std::string& line) {
    lose(line);
    if (stopped || clock_.Elapsed() < kCall + seconds(6)) return;
    stopped = clock_.Now();
    session.StopFindingOut();
  };
  EXPECT_EQ(Run(session, "first").link.outcome, Outcome::kUnknown);
  ASSERT_TRUE(stopped);
  EXPECT_EQ(clock_.Now(), *stopped);
  // And begins no more.
  hook_ = lose;
  LosesLink();
  const TimePoint begun = clock_.Now();
  EXPECT_EQ(Run(session, "second").link.outcome, Outcome::kUnknown);
  EXPECT_LE(clock_.Now() - begun - kCall, seconds(6));
}

TEST_F(UploadSessionTest, WhoWaitedInVainForAnotherCallKnowsNothing) {
  UploadSession session(Deps());
  Links('A');
  std::optional<UploadReport> second;
  hook_ = [&](const std::string& line) {
    if (second || line != Link('A')) return;
    const CallContext soon(clock_, clock_.Now() + seconds(1), "second");
    second = RunIn(soon, session, "r");
  };
  EXPECT_EQ(Run(session, "r").link.outcome, Outcome::kCommitted);
  ASSERT_TRUE(second);
  EXPECT_THAT(second->link.status,
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_EQ(second->link.outcome, Outcome::kUnknown);
  EXPECT_EQ(store_.puts, 1);
}

TEST_F(UploadSessionTest, WhatAnotherReplicaHasLinkedIsProvenAndReturned) {
  UploadSession session(Deps());
  stands_ = Entry('E', "r");
  Links('E');
  const UploadReport report = Run(session, "r");
  EXPECT_EQ(report.link.outcome, Outcome::kCommitted);
  EXPECT_EQ(report.link.object->physical_address, Address('E'));
  EXPECT_FALSE(report.crc32c) << "the bytes of this call were not used";
  EXPECT_THAT(lakefs_.calls, Contains(Link('E')));
  EXPECT_THAT(lakefs_.calls, Not(Contains(Link('A'))));
}

TEST_F(UploadSessionTest, WhatAnotherReplicaLinksMeanwhileIsSeen) {
  UploadSession session(Deps());
  request_.attempt = 1;  // and the other is the second
  store_.on_put = [this](const Rope&) {
    clock_.Advance(seconds(2));
    stands_ = Entry('E', "r");
    return absl::OkStatus();
  };
  Links('E');
  const UploadReport report = Run(session, "r");
  EXPECT_EQ(report.link.object->physical_address, Address('E'));
  EXPECT_THAT(lakefs_.calls, Not(Contains(Link('A'))));
}

// To miss it is to link a second object.
TEST_F(UploadSessionTest, ThatItWasLinkedIsAskedUntilThereIsAnAnswer) {
  const auto busy = MakeError(absl::StatusCode::kUnavailable, "busy",
                              Reason::kUpstreamUnavailable);
  for (const bool meanwhile : {false, true}) {
    UploadSession session(Deps());
    lakefs_.calls.clear();
    stands_.reset();
    const std::string id = meanwhile ? "meanwhile" : "before";
    store_.on_put = [&](const Rope&) {
      if (!meanwhile) return absl::OkStatus();
      clock_.Advance(seconds(2));
      stands_ = Entry('E', id);
      for (int i = 0; i < 2; ++i) lakefs_.stats.push_back(busy);
      return absl::OkStatus();
    };
    if (!meanwhile) {
      stands_ = Entry('E', id);
      for (int i = 0; i < 3; ++i) lakefs_.stats.push_back(busy);
    }
    Links('E');
    const UploadReport report = Run(session, id);
    EXPECT_EQ(report.link.outcome, Outcome::kCommitted) << id;
    ASSERT_TRUE(report.link.object);
    EXPECT_EQ(report.link.object->physical_address, Address('E')) << id;
    EXPECT_EQ(Count(Link('E')), 1) << id;
    EXPECT_EQ(store_.puts, meanwhile ? 2 : 1);
  }
}

// And what stood there before is needed to know who came after a lost link.
TEST_F(UploadSessionTest, WhatStoodThereIsAskedUntilThereIsAnAnswer) {
  UploadSession session(Deps());
  stands_ = Entry('O', "another");
  lakefs_.stats.push_back(MakeError(absl::StatusCode::kUnavailable, "busy",
                                    Reason::kUpstreamUnavailable));
  LosesLink();
  hook_ = [this](const std::string& line) {
    if (line == Link('A')) stands_ = Entry('X', "a third");
  };
  EXPECT_EQ(Run(session, "r").link.outcome, Outcome::kSuperseded);
}

TEST_F(UploadSessionTest, OfASmallObjectOnlyAnEarlierCallIsLookedFor) {
  struct Case {
    const char* request_id;
    uint32_t attempt;
    bool looks;
  };
  for (const auto size :
       {std::optional<int64_t>(5), std::optional<int64_t>()}) {
    for (const Case& one : {Case{"", 0, false}, Case{"first", 1, false},
                            Case{"second", 2, true}, Case{"any", 0, true}}) {
      SCOPED_TRACE(one.request_id);
      UploadSession session(Deps());
      server_info_
          .Get(CallContext(clock_, clock_.Now() + kCall, ""), "repo", random_)
          .IgnoreError();
      request_.size_bytes = size;
      request_.attempt = one.attempt;
      const std::string id = *one.request_id == '\0'
                                 ? ""
                                 : absl::StrCat(one.request_id, size ? 1 : 2);
      lakefs_.calls.clear();
      const char address = next_address_;
      Links(address);
      EXPECT_EQ(Run(session, id).link.outcome, Outcome::kCommitted);
      if (one.looks) {
        EXPECT_THAT(lakefs_.calls,
                    ElementsAre("stat", "address", Link(address)));
      } else {
        EXPECT_THAT(lakefs_.calls, ElementsAre("address", Link(address)));
      }
    }
  }
}

// Then it is judged by time who came first.
TEST_F(UploadSessionTest, WhatNobodyLookedForIsWrittenOverUnlessItIsYoung) {
  for (const bool young : {false, true}) {
    UploadSession session(Deps());
    stands_ = Entry('X', "another");
    stands_->mtime = 1'000;
    stands_->shown_at = FromEpochSeconds(young ? 1'008 : 1'009);
    LosesLink();
    hook_ = [this](const std::string& line) {
      if (absl::StartsWith(line, "link")) clock_.Advance(seconds(10));
    };
    Links('A');
    EXPECT_EQ(Run(session, "").link.outcome,
              young ? Outcome::kSuperseded : Outcome::kCommitted);
  }
}

TEST_F(UploadSessionTest, AnEntryOfTheSameRequestIdAndAnotherHeaderIsRefused) {
  using Change = void (*)(ObjectStats&);
  const Change changes[] = {[](ObjectStats& s) { s.user_metadata["k"] = "v"; },
                            [](ObjectStats& s) { s.size_bytes = 6; },
                            [](ObjectStats& s) { s.content_type = "text/y"; }};
  request_.content_type = "text/x";
  for (const Change change : changes) {
    UploadSession session(Deps());
    stands_ = Entry('E', "r");
    stands_->content_type = "text/x";
    change(*stands_);
    const UploadReport report = Run(session, "r");
    EXPECT_THAT(report.link.status,
                StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_EQ(report.link.outcome, Outcome::kNotCommitted);
    EXPECT_TRUE(lakefs_.linked.empty());
  }
}

TEST_F(UploadSessionTest, ACreateOverWhatStandsThereIsRefusedUnlinked) {
  UploadSession session(Deps());
  request_.if_absent = true;
  stands_ = Entry('X', "another");
  const UploadReport report = Run(session, "r");
  EXPECT_THAT(report.link.status, HasReason(Reason::kObjectExists));
  EXPECT_EQ(report.link.outcome, Outcome::kNotCommitted);
  EXPECT_EQ(report.link.object->physical_address, Address('X'));
  EXPECT_TRUE(lakefs_.linked.empty());
}

TEST_F(UploadSessionTest, ASwapIsLinkedUnderItsConditionAndMarked) {
  UploadSession session(Deps());
  request_.if_match = "x";
  stands_ = Entry('X', "another");
  stands_->checksum = "x";
  Links('A');
  EXPECT_EQ(Run(session, "").link.outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("config", "stat", "address",
                                         Link('A') + " if-match x"));
  EXPECT_EQ(lakefs_.linked[0].user_metadata.at(kReplacesKey), "x");
}

TEST_F(UploadSessionTest, AWrongExpectationCostsNoBytes) {
  UploadSession session(Deps());
  request_.if_match = "x";
  stands_ = Entry('X', "another");
  const UploadReport report = Run(session, "");
  EXPECT_THAT(report.link.status, HasReason(Reason::kObjectChanged));
  EXPECT_EQ(report.link.outcome, Outcome::kNotCommitted);
  EXPECT_EQ(report.link.object->physical_address, Address('X'));
  EXPECT_THAT(lakefs_.calls, ElementsAre("config", "stat"));
}

// After a 412 nobody could tell whether ours had stood there before.
TEST_F(UploadSessionTest, WhatChangesWhileTheBytesMoveIsRefusedUnlinked) {
  UploadSession session(Deps());
  request_.if_match = "x";
  stands_ = Entry('X', "another");
  stands_->checksum = "x";
  store_.on_put = [this](const Rope&) {
    clock_.Advance(seconds(2));
    stands_->checksum = "y";
    return absl::OkStatus();
  };
  const UploadReport report = Run(session, "");
  EXPECT_THAT(report.link.status, HasReason(Reason::kObjectChanged));
  EXPECT_EQ(report.link.outcome, Outcome::kNotCommitted);
  EXPECT_EQ(report.link.object->checksum, "y");
  EXPECT_TRUE(lakefs_.linked.empty());
}

TEST_F(UploadSessionTest, ARepeatedSwapKnowsItsOwnSuccess) {
  request_.if_match = "x";
  stands_ = Entry('E', "r");
  stands_->user_metadata[kReplacesKey] = "x";
  {
    UploadSession session(Deps());
    lakefs_.links.push_back({.stats = *stands_});
    const UploadReport report = Run(session, "r");
    EXPECT_EQ(report.link.outcome, Outcome::kCommitted);
    EXPECT_EQ(report.link.object->physical_address, Address('E'));
    EXPECT_THAT(lakefs_.calls, ElementsAre("config", "stat", "stat",
                                           Link('E') + " if-match c"));
    EXPECT_EQ(Run(session, "r").link.outcome, Outcome::kCommitted)
        << "from memory";
    EXPECT_EQ(lakefs_.calls.size(), 4U);
  }
  // Nor does who only asks link it over what was built upon it.
  UploadSession session(Deps());
  stands_->physical_address = Address('F');
  stands_->user_metadata[kRequestIdKey] = "not remembered";
  lakefs_.links.push_back({.stats = *stands_});
  const auto known = Find(session, "not remembered", /*with_object=*/true);
  ASSERT_THAT(known, IsOk());
  EXPECT_EQ(known->report.link.outcome, Outcome::kCommitted);
  EXPECT_EQ(lakefs_.calls.back(), Link('F') + " if-match c");
}

TEST_F(UploadSessionTest, ARequestIdOfAnotherSwapIsRefused) {
  request_.if_match = "x";
  stands_ = Entry('E', "r");
  stands_->user_metadata[kReplacesKey] = "w";
  UploadSession session(Deps());
  EXPECT_THAT(Run(session, "r").link.status,
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_TRUE(lakefs_.linked.empty());
}

TEST_F(UploadSessionTest, ASwapIsNotSentWhereItWouldOverwrite) {
  lakefs_.config.version = "1.70.0";
  UploadSession session(Deps());
  request_.if_match = "x";
  EXPECT_THAT(Run(session, "").link.status,
              HasReason(Reason::kUpstreamUnimplemented));
  EXPECT_THAT(lakefs_.calls, ElementsAre("config"));
}

TEST_F(UploadSessionTest, WhatIsUndecidedIsLookedForWhenSomebodyAsks) {
  UploadSession session(Deps());
  LosesLinkWithAllTime();
  ASSERT_EQ(Run(session, "r").link.outcome, Outcome::kUnknown);
  hook_ = nullptr;
  auto known = Find(session, "r");
  ASSERT_THAT(known, IsOk());
  EXPECT_EQ(known->report.link.outcome, Outcome::kUnknown);
  lakefs_.calls.clear();
  EXPECT_THAT(Find(session, "r", false, absl::PermissionDeniedError("no")),
              StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_TRUE(lakefs_.calls.empty());
  stands_ = Entry('A', "r");
  Links('A');
  known = Find(session, "r");
  ASSERT_THAT(known, IsOk());
  EXPECT_EQ(known->report.link.outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat", Link('A')));
}

TEST_F(UploadSessionTest, WhatIsNotRememberedIsLookedForAtItsPath) {
  UploadSession session(Deps());
  EXPECT_THAT(Find(session, "r"), HasReason(Reason::kNotFound));
  EXPECT_TRUE(lakefs_.calls.empty());
  stands_ = Entry('E', "another");
  EXPECT_THAT(Find(session, "r", true), HasReason(Reason::kNotFound));
  stands_ = Entry('E', "r");
  lakefs_.calls.clear();
  Links('E');
  const auto known = Find(session, "r", true);
  ASSERT_THAT(known, IsOk());
  EXPECT_EQ(known->report.link.outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, Contains(Link('E'))) << "seeing it is no proof";
}

TEST_F(UploadSessionTest, WhatIsUndecidedStaysSoWhileTheServerIsNotKnown) {
  UploadSession session(Deps());
  LosesLinkWithAllTime();
  ASSERT_EQ(Run(session, "r").link.outcome, Outcome::kUnknown);
  hook_ = nullptr;
  clock_.Advance(std::chrono::minutes(10));
  lakefs_.configs.push_back(MakeError(absl::StatusCode::kPermissionDenied, "no",
                                      Reason::kPermissionDenied));
  EXPECT_EQ(Run(session, "r").link.outcome, Outcome::kUnknown);
  Links('A');
  EXPECT_EQ(Run(session, "r").link.outcome, Outcome::kCommitted);
  EXPECT_EQ(store_.puts, 1);
}

// A lakeFS with a store that presigns and one that does not.
class StoresSessionTest : public UploadSessionTest {
 protected:
  StoresSessionTest() {
    lakefs_.config = {};
    lakefs_.stores = {{.version = "1.84.0",
                       .blockstore_type = "s3",
                       .pre_sign_support = true,
                       .blockstore_id = "signing"},
                      {.version = "1.84.0",
                       .blockstore_type = "s3",
                       .pre_sign_support = false,
                       .blockstore_id = "plain"}};
    lakefs_.storage_id = "signing";
  }
  // The repository is made anew in the other store, as soon as it is known.
  void Moves() {
    lakefs_.addresses.push_back(MakeError(absl::StatusCode::kUnimplemented,
                                          "no such operation",
                                          Reason::kUpstreamUnimplemented));
    hook_ = [this](const std::string& line) {
      if (line == "address") lakefs_.storage_id = "plain";
    };
  }
};

TEST_F(StoresSessionTest, EachRepositoryGoesByThePlanOfItsStore) {
  UploadSession session(Deps());
  Links('A');
  EXPECT_EQ(Run(session, "").plan, Plan::kSinglePut);
  lakefs_.storage_id = "plain";
  request_.object.repository = "other";
  lakefs_.uploads.push_back(Entry('U', ""));
  const UploadReport other = Run(session, "");
  EXPECT_EQ(other.link.outcome, Outcome::kCommitted);
  EXPECT_EQ(other.plan, Plan::kThroughLakefs);
}

TEST_F(StoresSessionTest, NothingIsRefusedForAStoreThatARepositoryHasLeft) {
  UploadSession session(Deps());
  Moves();
  can_rewind_ = true;
  lakefs_.uploads.push_back(Entry('U', ""));
  const UploadReport report = Run(session, "");
  EXPECT_THAT(report.link.status, IsOk());
  EXPECT_EQ(report.plan, Plan::kThroughLakefs);
}

TEST_F(StoresSessionTest, WhoHasSentInVainIsToldToCallAgain) {
  UploadSession session(Deps());
  Moves();
  const UploadReport report = Run(session, "");
  EXPECT_THAT(report.link.status, HasReason(Reason::kLinkConflict));
  EXPECT_THAT(report.link.status.ToString(), ::testing::HasSubstr("has moved"));
  EXPECT_EQ(report.link.outcome, Outcome::kNotCommitted);
  lakefs_.uploads.push_back(Entry('U', ""));
  EXPECT_THAT(Run(session, "").link.status, IsOk());
}

TEST_F(StoresSessionTest, ARefusalOfTheStoreThatItIsInStands) {
  UploadSession session(Deps());
  lakefs_.addresses.push_back(MakeError(absl::StatusCode::kUnimplemented,
                                        "no such operation",
                                        Reason::kUpstreamUnimplemented));
  EXPECT_THAT(Run(session, "").link.status,
              HasReason(Reason::kUpstreamUnimplemented));
  EXPECT_EQ(Count("repository"), 2);
  EXPECT_EQ(Count("address"), 1);
}

// Where nothing is presigned.
class ThroughLakefsSessionTest : public UploadSessionTest {
 protected:
  ThroughLakefsSessionTest() {
    lakefs_.config = {.version = "1.84.0",
                      .blockstore_type = "s3",
                      .pre_sign_support = false};
  }
  void LosesUpload() {
    lakefs_.uploads.push_back(MakeError(absl::StatusCode::kUnavailable, "lost",
                                        Reason::kUpstreamConnectionLost));
  }
  // What the present call has sent, as a stat shows it.
  ObjectStats Sent() {
    ObjectStats entry = Entry('S', "r");
    entry.physical_address = "s3://bucket/data/unsigned";
    entry.user_metadata = lakefs_.upload_options.user_metadata;
    return entry;
  }
};

TEST_F(ThroughLakefsSessionTest, ThePathIsLookedAtBeforeTheBytesGo) {
  UploadSession session(Deps());
  lakefs_.uploads.push_back(Entry('U', "r"));
  EXPECT_EQ(Run(session, "r").link.outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("config", "stat", "upload"));

  lakefs_.calls.clear();
  request_.if_absent = true;
  stands_ = Entry('X', "another");
  EXPECT_THAT(Run(session, "s").link.status,
              StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat"));
}

TEST_F(ThroughLakefsSessionTest, OnlyAnEarlierCallIsLookedForOrALargeObject) {
  UploadSession session(Deps());
  for (const char* id : {"", "first"}) {
    lakefs_.calls.clear();
    request_.attempt = *id == '\0' ? 0 : 1;
    lakefs_.uploads.push_back(Entry('U', id));
    EXPECT_EQ(Run(session, id).link.outcome, Outcome::kCommitted);
    EXPECT_EQ(Count("stat"), 0);
    EXPECT_EQ(Count("upload"), 1);
  }
  // It may be large, and that shows when its bytes have gone.
  request_.size_bytes.reset();
  lakefs_.uploads.push_back(Entry('U', "unknown"));
  EXPECT_EQ(Run(session, "unknown").link.outcome, Outcome::kCommitted);
  EXPECT_EQ(Count("stat"), 1);
}

// Ours is not to be known again, so that no other is believed to have come.
TEST_F(ThroughLakefsSessionTest, WhereMarksAreDroppedYoungOnesAreWrittenOver) {
  lakefs_.config.version = "0.101.0";
  UploadSession session(Deps());
  LosesUpload();
  stands_ = Entry('X', "another");
  stands_->user_metadata.clear();
  stands_->mtime = 1'000;
  stands_->shown_at = FromEpochSeconds(1'000);
  hook_ = [this](const std::string& line) {
    if (line == "upload") clock_.Advance(seconds(10));
  };
  lakefs_.uploads.push_back(Entry('U', ""));
  EXPECT_EQ(Run(session, "").link.outcome, Outcome::kCommitted);
  EXPECT_EQ(Count("upload"), 2);
}

TEST_F(ThroughLakefsSessionTest, WhatTheServerWouldDropIsRefusedUnread) {
  lakefs_.config.version = "0.101.0";
  UploadSession session(Deps());
  EXPECT_THAT(Run(session, "r").link.status,
              HasReason(Reason::kUpstreamUnimplemented));
  EXPECT_THAT(lakefs_.calls, ElementsAre("config"));
}

TEST_F(ThroughLakefsSessionTest, WhatStaysUnknownIsFoundByItsMark) {
  UploadSession session(Deps());
  LosesUpload();
  hook_ = [this](const std::string& line) {
    if (line == "upload") clock_.Advance(kCall);
  };
  EXPECT_EQ(Run(session, "r").link.outcome, Outcome::kUnknown);
  hook_ = nullptr;
  auto known = Find(session, "r");
  ASSERT_THAT(known, IsOk());
  EXPECT_EQ(known->report.link.outcome, Outcome::kUnknown);
  stands_ = Sent();
  known = Find(session, "r");
  ASSERT_THAT(known, IsOk());
  EXPECT_EQ(known->report.link.outcome, Outcome::kCommitted);
  EXPECT_EQ(Run(session, "r").link.outcome, Outcome::kCommitted);
  EXPECT_EQ(Count("upload"), 1);
}

TEST_F(ThroughLakefsSessionTest, WhatStaysUnknownIsSentAgainByARepetition) {
  UploadSession session(Deps());
  LosesUpload();
  hook_ = [this](const std::string& line) {
    if (line == "upload") clock_.Advance(kCall);
  };
  EXPECT_EQ(Run(session, "r").link.outcome, Outcome::kUnknown);
  hook_ = nullptr;
  const UserMetadata first = lakefs_.upload_options.user_metadata;
  lakefs_.uploads.push_back(Entry('U', "r"));
  const UploadReport again = Run(session, "r");
  EXPECT_EQ(again.link.outcome, Outcome::kCommitted);
  EXPECT_EQ(again.plan, Plan::kThroughLakefs);
  EXPECT_EQ(lakefs_.upload_options.user_metadata, first) << "both are ours";
}

TEST_F(ThroughLakefsSessionTest, OtherBytesAreNotSentInTheirPlace) {
  UploadSession session(Deps());
  LosesUpload();
  hook_ = [this](const std::string& line) {
    if (line == "upload") clock_.Advance(kCall);
  };
  EXPECT_EQ(Run(session, "r").link.outcome, Outcome::kUnknown);
  hook_ = nullptr;
  const UploadReport again = Run(session, "r", "HELLO");
  EXPECT_EQ(again.link.outcome, Outcome::kUnknown);
  EXPECT_EQ(lakefs_.uploaded, "hello");
}

// As a commit that takes long does it.
TEST_F(ThroughLakefsSessionTest, ADoubtIsTheSameToARepetitionAndToWhoAsks) {
  request_.if_absent = true;
  UploadSession session(Deps());
  lakefs_.uploads.push_back(MakeError(absl::StatusCode::kAlreadyExists, "412",
                                      Reason::kObjectExists));
  std::optional<ObjectStats> committed;
  hook_ = [&](const std::string& line) {
    if (line == "upload") stands_ = Sent();
    if (line == "stat@") lakefs_.committed.push_back(committed);
  };
  // The mark is known when the body goes.
  lakefs_.on_call = [this, before = lakefs_.on_call](const std::string& line) {
    if (line == "stat" && Count("upload") > 0 && stands_) stands_ = Sent();
    before(line);
  };
  EXPECT_EQ(Run(session, "r").link.outcome, Outcome::kUnknown);
  EXPECT_EQ(Find(session, "r")->report.link.outcome, Outcome::kUnknown);
  EXPECT_EQ(Run(session, "r").link.outcome, Outcome::kUnknown);
  EXPECT_EQ(Find(session, "r")->report.link.outcome, Outcome::kUnknown);
  committed = Sent();
  EXPECT_EQ(Find(session, "r")->report.link.outcome, Outcome::kCommitted);
  EXPECT_EQ(Run(session, "r").link.outcome, Outcome::kCommitted);
  EXPECT_EQ(Count("upload"), 1);
}

// By the same call, on another replica.
TEST_F(ThroughLakefsSessionTest, WhatAnotherReplicaHasWrittenIsNotSentAgain) {
  UploadSession session(Deps());
  stands_ = Entry('E', "r");
  stands_->physical_address = "s3://bucket/data/unsigned";
  stands_->user_metadata[kUploadIdKey] = "of the other";
  const UploadReport report = Run(session, "r");
  EXPECT_EQ(report.link.outcome, Outcome::kCommitted);
  EXPECT_EQ(report.link.rescue, "");
  EXPECT_FALSE(report.crc32c);
  EXPECT_EQ(Count("upload"), 0);
}

TEST_F(ThroughLakefsSessionTest, AnotherHeaderOfTheSameIdIsRefused) {
  UploadSession session(Deps());
  stands_ = Entry('E', "r");
  request_.content_type = "text/x";
  EXPECT_THAT(Run(session, "r").link.status,
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(Count("upload"), 0);
}

TEST_F(ThroughLakefsSessionTest, WhatAnotherReplicaWritesMeanwhileIsOurs) {
  request_.if_absent = true;
  UploadSession session(Deps());
  lakefs_.uploads.push_back(MakeError(absl::StatusCode::kAlreadyExists, "412",
                                      Reason::kObjectExists));
  hook_ = [&](const std::string& line) {
    if (line == "upload") {
      stands_ = Entry('E', "r");
      stands_->user_metadata[kUploadIdKey] = "of the other";
    }
    if (line == "stat@") lakefs_.committed.push_back(stands_);
  };
  const UploadReport report = Run(session, "r");
  EXPECT_EQ(report.link.outcome, Outcome::kCommitted);
  EXPECT_FALSE(report.crc32c);
  EXPECT_EQ(Count("upload"), 1);
}

// The look is a help, and no condition.
TEST_F(ThroughLakefsSessionTest, WhoMayNotReadMayWrite) {
  for (const bool presigns : {false, true}) {
    lakefs_.config.pre_sign_support = presigns;
    clock_.Advance(std::chrono::minutes(10));
    UploadSession session(Deps());
    lakefs_.stats.push_back(MakeError(absl::StatusCode::kPermissionDenied, "no",
                                      Reason::kPermissionDenied));
    lakefs_.uploads.push_back(Entry('U', ""));
    Links('A');
    const std::string id = absl::StrCat("r", presigns);
    EXPECT_EQ(Run(session, id).link.outcome, Outcome::kCommitted) << presigns;
  }
}

TEST_F(UploadSessionTest, WhatFailedForCertainRunsAnew) {
  UploadSession session(Deps());
  lakefs_.links.push_back(
      {.stats = MakeError(absl::StatusCode::kPermissionDenied, "no",
                          Reason::kPermissionDenied)});
  EXPECT_EQ(Run(session, "r").link.outcome, Outcome::kNotCommitted);
  Links('B');
  const UploadReport again = Run(session, "r");
  EXPECT_EQ(again.link.outcome, Outcome::kCommitted);
  EXPECT_EQ(again.link.object->physical_address, Address('B'));
}

}  // namespace
}  // namespace lakefs::gateway::testing
