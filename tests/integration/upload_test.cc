// The gateway program against the emulated lakeFS: what callers are promised.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "gateway/base/crc32c.h"
#include "tests/emulator/emulator.h"
#include "tests/testing/gateway_process.h"
#include "tests/testing/upload_call.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class UploadTest : public ::testing::Test {
 protected:
  explicit UploadTest(EmulatorOptions options = {})
      : emulator_(std::move(options)) {
    EXPECT_TRUE(emulator_.Start().ok());
    emulator_.CreateRepository("quickstart");
    gateway_ = std::make_unique<GatewayProcess>(emulator_.endpoint());
    stub_ = gateway_->NewStub();
  }

  void TearDown() override {
    EXPECT_THAT(emulator_.UnconsumedFaults(), IsEmpty())
        << "a scripted fault did not strike";
  }

  std::optional<std::string> Read(const std::string& path) {
    return emulator_.ReadObject("quickstart", "main", path);
  }
  bool NothingLinked() {
    return emulator_.ListPaths("quickstart", "main").empty();
  }
  int Count(const std::string& operation) {
    int count = 0;
    for (const JournalEntry& entry : emulator_.Journal()) {
      count += entry.operation == operation;
    }
    return count;
  }
  void AddFault(const std::string& operation, Fault::Kind kind, int times = 1,
                int status = 0) {
    Fault fault;
    fault.operation = operation;
    fault.kind = kind;
    fault.times = times;
    fault.status = status;
    emulator_.AddFault(fault);
  }

  Emulator emulator_;
  std::unique_ptr<GatewayProcess> gateway_;
  std::unique_ptr<pb::Staging::Stub> stub_;
};

class LocalUploadTest : public UploadTest {
 protected:
  LocalUploadTest() : UploadTest({.store = StoreKind::kLocal}) {}
};

constexpr size_t kSizes[] = {0, 1, (8 << 20) - 1};

TEST_F(UploadTest, ObjectsOfKnownAndUnknownSizeArriveByteForByte) {
  for (const size_t size : kSizes) {
    const std::string data = Bytes(size);
    for (const bool known : {false, true}) {
      pb::UploadHeader header = HeaderFor("o");
      if (known) header.set_size_bytes(static_cast<int64_t>(size));
      const CallEnd end = Upload(*stub_, header, data);
      ASSERT_TRUE(end.status.ok()) << end.status.error_message();
      EXPECT_EQ(end.result.outcome(), pb::OUTCOME_COMMITTED);
      EXPECT_EQ(end.result.plan(), pb::PLAN_SINGLE_PUT);
      EXPECT_EQ(end.result.crc32c(), Crc32c(data));
      EXPECT_TRUE(Read("o") == data) << size;
    }
  }
}

TEST_F(LocalUploadTest, ObjectsGoThroughLakefsWhereTheStoreCannotPresign) {
  for (const size_t size : kSizes) {
    const std::string data = Bytes(size);
    const CallEnd end = Upload(*stub_, HeaderFor("o"), data);
    ASSERT_TRUE(end.status.ok()) << end.status.error_message();
    EXPECT_EQ(end.result.plan(), pb::PLAN_THROUGH_LAKEFS);
    EXPECT_EQ(end.result.crc32c(), Crc32c(data));
    EXPECT_TRUE(Read("o") == data) << size;
  }
}

TEST_F(LocalUploadTest, MetadataGoesThroughLakefsInHeaders) {
  pb::UploadHeader header = HeaderFor("o");
  (*header.mutable_user_metadata())["made_by"] = "me";
  const CallEnd end = UploadUnary(*stub_, header, "x");
  ASSERT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_EQ(end.result.object().user_metadata().at("made_by"), "me");
}

TEST_F(UploadTest, MetadataContentTypeMtimeAndChecksumAreWhatWasAsked) {
  pb::UploadHeader header = HeaderFor("meta");
  header.set_content_type("text/x-test");
  (*header.mutable_user_metadata())["Key"] = "välue";
  header.mutable_mtime()->set_seconds(1'000'000'000);
  const CallEnd end = UploadUnary(*stub_, header, "hello");
  ASSERT_TRUE(end.status.ok()) << end.status.error_message();
  const pb::ObjectStats& object = end.result.object();
  EXPECT_EQ(object.content_type(), "text/x-test");
  EXPECT_EQ(object.user_metadata().at("Key"), "välue");
  EXPECT_EQ(object.mtime().seconds(), 1'000'000'000);
  EXPECT_EQ(object.checksum(), "5d41402abc4b2a76b9719d911017c592");
  EXPECT_EQ(object.size_bytes(), 5);
  EXPECT_EQ(object.path(), "meta");
}

TEST_F(UploadTest, AConflictWithALocationPutsTheBytesThereAndLinksAtOnce) {
  AddFault("linkPhysicalAddress", Fault::Kind::kConflictWithLocation);
  const std::string data = Bytes(3 << 20);
  const CallEnd end = Upload(*stub_, HeaderFor("moved"), data);
  ASSERT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_EQ(end.result.rounds(), 2);
  EXPECT_EQ(end.result.bytes_resent(), 3 << 20);
  EXPECT_TRUE(Read("moved") == data);
  EXPECT_EQ(Count("storePut"), 2);
  EXPECT_EQ(Count("getPhysicalAddress"), 1) << "the location was lakeFS's own";
}

TEST_F(UploadTest, MoreConflictsThanRoundsAreAborted) {
  AddFault("linkPhysicalAddress", Fault::Kind::kConflictWithLocation, 8);
  const CallEnd end = UploadUnary(*stub_, HeaderFor("never"), "x");
  EXPECT_EQ(end.status.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(end.reason, "LINK_CONFLICT");
  EXPECT_EQ(end.failure->outcome(), pb::OUTCOME_NOT_COMMITTED);
  EXPECT_EQ(end.failure->advice(), pb::UploadFailure::ADVICE_RESTART);
  EXPECT_EQ(end.failure->rounds(), 8);
  EXPECT_TRUE(NothingLinked());
}

TEST_F(UploadTest, ALostReplyToALinkThatWorkedIsSuccess) {
  AddFault("linkPhysicalAddress", Fault::Kind::kResetAfter);
  const CallEnd end = UploadUnary(*stub_, HeaderFor("o"), "x");
  EXPECT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_EQ(Read("o"), "x");
  EXPECT_EQ(Count("linkPhysicalAddress"), 2);
  EXPECT_EQ(Count("storePut"), 1) << "the bytes were there already";
}

TEST_F(UploadTest, ALinkThatNeverTookEffectIsRepeated) {
  AddFault("linkPhysicalAddress", Fault::Kind::kResetBefore, 2);
  const CallEnd end = UploadUnary(*stub_, HeaderFor("o"), "x");
  EXPECT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_EQ(Read("o"), "x");
}

TEST_F(UploadTest, ALostReplyUnderIfAbsentIsNotMistakenForAnothersObject) {
  AddFault("linkPhysicalAddress", Fault::Kind::kStatusAfter, 1, 500);
  const CallEnd end = UploadUnary(*stub_, HeaderFor("o", true), "x");
  EXPECT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_EQ(Read("o"), "x");
}

TEST_F(UploadTest, AFalsePreconditionIsFoundOut) {
  AddFault("linkPhysicalAddress", Fault::Kind::kFalsePrecondition);
  const CallEnd end = UploadUnary(*stub_, HeaderFor("o", true), "x");
  EXPECT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_EQ(Read("o"), "x");
}

TEST_F(UploadTest, AWriteThatACommitDropsAfterAStatHasShownItIsNotLost) {
  AddFault("linkPhysicalAddress", Fault::Kind::kLoseWrite);
  const CallEnd end = UploadUnary(*stub_, HeaderFor("o", true), "x");
  EXPECT_TRUE(end.status.ok()) << end.status.error_message();
  ASSERT_TRUE(emulator_.Commit("quickstart", "main").ok());
  EXPECT_EQ(Read("o"), "x");
}

TEST_F(UploadTest, StoreAndAddressFailuresAreRepeated) {
  AddFault("storePut", Fault::Kind::kStatus, 2, 503);
  AddFault("getPhysicalAddress", Fault::Kind::kStatus, 1, 502);
  const CallEnd end = UploadUnary(*stub_, HeaderFor("o"), "x");
  EXPECT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_EQ(end.result.bytes_resent(), 2);
  EXPECT_EQ(Read("o"), "x");
}

TEST_F(UploadTest, IfAbsentOverAnObjectIsRefusedWithItsStats) {
  ASSERT_TRUE(UploadUnary(*stub_, HeaderFor("o"), "first").status.ok());
  const CallEnd end = UploadUnary(*stub_, HeaderFor("o", true), "second");
  EXPECT_EQ(end.status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(end.reason, "OBJECT_EXISTS");
  EXPECT_EQ(end.failure->object().size_bytes(), 5);
  EXPECT_EQ(Read("o"), "first");
}

// Bad input: each gets its error, and nothing is linked.

struct BadCase {
  const char* name;
  std::function<void(std::vector<pb::UploadAndLinkRequest>&)> spoil;
  grpc::StatusCode code;
  const char* reason;
  const char* message;
};

class BadInputTest : public UploadTest {};

TEST_F(BadInputTest, EachMistakeIsNamedAndNothingIsLinked) {
  const auto invalid = grpc::StatusCode::INVALID_ARGUMENT;
  using Messages = std::vector<pb::UploadAndLinkRequest>;
  const std::vector<BadCase> cases = {
      {"empty path",
       [](Messages& m) {
         m[0].mutable_header()->mutable_object()->clear_path();
       },
       invalid, "INVALID_REQUEST", "header.object.path: is required"},
      {"bad repository name",
       [](Messages& m) {
         m[0].mutable_header()->mutable_object()->set_repository("No_");
       },
       invalid, "INVALID_REQUEST", "header.object.repository"},
      {"missing repository",
       [](Messages& m) {
         m[0].mutable_header()->mutable_object()->set_repository("nosuch");
       },
       grpc::StatusCode::NOT_FOUND, "NOT_FOUND", "repository nosuch"},
      {"missing branch",
       [](Messages& m) {
         m[0].mutable_header()->mutable_object()->set_branch("nosuch");
       },
       grpc::StatusCode::NOT_FOUND, "NOT_FOUND", "branch quickstart/nosuch"},
      {"no header", [](Messages& m) { m.erase(m.begin()); }, invalid,
       "BAD_FRAME_ORDER", "first message is not a header"},
      {"two headers", [](Messages& m) { m.insert(m.begin(), m[0]); }, invalid,
       "BAD_FRAME_ORDER", "second header"},
      {"no message", [](Messages& m) { m.clear(); }, invalid,
       "INCOMPLETE_UPLOAD", "before its header"},
      {"no finish", [](Messages& m) { m.pop_back(); }, invalid,
       "INCOMPLETE_UPLOAD", "without finish"},
      {"header alone", [](Messages& m) { m.resize(1); }, invalid,
       "INCOMPLETE_UPLOAD", "without finish"},
      {"chunk after finish", [](Messages& m) { m.push_back(m[1]); }, invalid,
       "BAD_FRAME_ORDER", "after finish"},
      {"finish twice", [](Messages& m) { m.push_back(m.back()); }, invalid,
       "BAD_FRAME_ORDER", "after finish"},
      {"empty message", [](Messages& m) { m[1].Clear(); }, invalid,
       "BAD_FRAME_ORDER", "neither header"},
      {"wrong offset",
       [](Messages& m) { m[2].mutable_chunk()->set_write_offset(7); }, invalid,
       "BAD_FRAME_ORDER", "write_offset is 7, but 1048576 was due"},
      {"empty chunk", [](Messages& m) { m[1].mutable_chunk()->clear_data(); },
       invalid, "INVALID_REQUEST", "chunk.data"},
      {"wrong crc32c of a chunk",
       [](Messages& m) { m[1].mutable_chunk()->set_crc32c(7); }, invalid,
       "CHECKSUM_MISMATCH", "chunk.crc32c"},
      {"wrong crc32c of the whole",
       [](Messages& m) { m.back().mutable_finish()->set_crc32c(7); }, invalid,
       "CHECKSUM_MISMATCH", "finish.crc32c"},
      {"wrong sha256",
       [](Messages& m) {
         m.back().mutable_finish()->set_sha256(std::string(32, 'x'));
       },
       invalid, "CHECKSUM_MISMATCH", "finish.sha256"},
      {"wrong md5",
       [](Messages& m) {
         m.back().mutable_finish()->set_md5(std::string(16, 'x'));
       },
       invalid, "CHECKSUM_MISMATCH", "finish.md5"},
      {"wrong size at the end",
       [](Messages& m) { m.back().mutable_finish()->set_size_bytes(7); },
       invalid, "SIZE_MISMATCH", "finish.size_bytes is 7"},
      {"more than announced",
       [](Messages& m) { m[0].mutable_header()->set_size_bytes(7); }, invalid,
       "SIZE_MISMATCH", "more bytes came"},
      {"less than announced",
       [](Messages& m) { m[0].mutable_header()->set_size_bytes(9 << 20); },
       invalid, "SIZE_MISMATCH", "header.size_bytes"},
      {"announced too large",
       [](Messages& m) {
         m[0].mutable_header()->set_size_bytes((5ll << 30) + 1);
         m[0].mutable_header()->set_if_absent(true);
       },
       grpc::StatusCode::FAILED_PRECONDITION, "OBJECT_TOO_LARGE",
       "at most 5368709120 bytes"},
      {"message over 4 MiB",
       [](Messages& m) {
         m[1].mutable_chunk()->set_data(std::string(5 << 20, 'x'));
       },
       invalid, "INVALID_REQUEST", "chunk.data"},
      {"message over 16 MiB",
       [](Messages& m) {
         m[1].mutable_chunk()->set_data(std::string(17 << 20, 'x'));
       },
       grpc::StatusCode::RESOURCE_EXHAUSTED, "", "larger than max"},
      {"chunk just over 4 MiB",
       [](Messages& m) {
         m[1].mutable_chunk()->set_data(std::string((4 << 20) + 1, 'x'));
       },
       invalid, "INVALID_REQUEST", "chunk.data"},
  };
  const auto good = MessagesOf(HeaderFor("bad"), Bytes(3 << 20));
  for (const BadCase& bad : cases) {
    SCOPED_TRACE(bad.name);
    auto messages = good;
    bad.spoil(messages);
    const CallEnd end = Send(*stub_, messages);
    EXPECT_EQ(end.status.error_code(), bad.code) << end.status.error_message();
    EXPECT_EQ(end.reason, bad.reason);
    EXPECT_THAT(end.status.error_message(), HasSubstr(bad.message));
    if (*bad.reason != '\0') {
      ASSERT_TRUE(end.failure.has_value());
      EXPECT_EQ(end.failure->outcome(), pb::OUTCOME_NOT_COMMITTED);
    }
  }
  EXPECT_TRUE(NothingLinked());
  EXPECT_TRUE(Send(*stub_, good).status.ok()) << "the good one is taken";
}

TEST_F(BadInputTest, OneBadRequestListsAllViolations) {
  pb::UploadHeader header = HeaderFor("");
  header.mutable_object()->set_repository("X");
  header.set_request_id("\n");
  const CallEnd end = UploadUnary(*stub_, header, "x");
  ASSERT_TRUE(end.bad_request.has_value());
  EXPECT_EQ(end.bad_request->field_violations_size(), 3);
}

TEST_F(UploadTest, WrongKeysAreSaidAndNotShown) {
  GatewayProcess other(
      emulator_.endpoint(), {},
      {{"LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", "marked-secret"}});
  const CallEnd end = UploadUnary(*other.NewStub(), HeaderFor("o"), "x");
  EXPECT_EQ(end.status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(end.reason, "CREDENTIALS_REJECTED");
  EXPECT_THAT(end.status.error_message(), Not(HasSubstr("marked-secret")));
  EXPECT_THAT(other.Log(), Not(HasSubstr("marked-secret")));
  EXPECT_TRUE(NothingLinked());
}

TEST_F(UploadTest, ALakefsThatIsDownIsNotHammered) {
  AddFault("*", Fault::Kind::kStatus, -1, 503);
  constexpr int kCallers = 8;
  constexpr int kCalls = 25;
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&] {
      const auto stub = gateway_->NewStub();
      for (int n = 0; n < kCalls; ++n) {
        const CallEnd end = UploadUnary(*stub, HeaderFor("o"), "x");
        EXPECT_EQ(end.reason, "UPSTREAM_UNAVAILABLE");
        EXPECT_EQ(end.failure->advice(), pb::UploadFailure::ADVICE_RETRY_CALL);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  // A question or two a call, and the retries that there is a budget for;
  // without it there would be five for each.
  EXPECT_LT(emulator_.Journal().size(), kCallers * kCalls * 3U);
  emulator_.ClearFaults();
}

TEST_F(UploadTest, WhatIsMoreThanOnePartOutlastsALakefsThatIsAway) {
  const std::string data = Bytes((8 << 20) + 1);
  AddFault("getPhysicalAddress", Fault::Kind::kStatus, 6, 503);
  EXPECT_TRUE(Upload(*stub_, HeaderFor("spooled", true), data).status.ok());
  AddFault("createPresignMultipartUpload", Fault::Kind::kStatus, 6, 503);
  EXPECT_TRUE(Upload(*stub_, HeaderFor("parts"), data).status.ok());
  EXPECT_TRUE(Read("spooled") == data);
  EXPECT_TRUE(Read("parts") == data);
}

TEST_F(UploadTest, AnUnreachableLakefsIsNamed) {
  GatewayProcess other("http://127.0.0.1:1");
  auto stub = other.NewStub();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::seconds(5));
  pb::UploadObjectRequest request;
  *request.mutable_header() = HeaderFor("o");
  pb::UploadObjectResponse response;
  const CallEnd end = EndOf(stub->UploadObject(&context, request, &response));
  EXPECT_EQ(end.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(end.reason, "UPSTREAM_UNREACHABLE");
  EXPECT_THAT(end.status.error_message(), HasSubstr("http://127.0.0.1:1/"));
}

// The two plain calls.

TEST_F(UploadTest, AnAddressCanBeHadFilledAndLinked) {
  pb::GetPhysicalAddressRequest get;
  *get.mutable_object() = HeaderFor("plain").object();
  get.set_presign(true);
  pb::GetPhysicalAddressResponse got;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(stub_->GetPhysicalAddress(&context, get, &got).ok());
  }
  EXPECT_THAT(got.location().presigned_url(), HasSubstr("X-Amz-Signature"));
  EXPECT_THAT(gateway_->Log(), Not(HasSubstr("X-Amz-Signature")));

  pb::LinkPhysicalAddressRequest link;
  *link.mutable_object() = get.object();
  *link.mutable_metadata()->mutable_staging() = got.location();
  link.mutable_metadata()->set_checksum("abc");
  link.mutable_metadata()->set_size_bytes(5);
  pb::LinkPhysicalAddressResponse linked;
  {
    grpc::ClientContext context;
    const auto status = stub_->LinkPhysicalAddress(&context, link, &linked);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  EXPECT_EQ(linked.outcome(), pb::OUTCOME_COMMITTED);
  EXPECT_EQ(linked.object().checksum(), "abc");
}

TEST_F(UploadTest, AnAddressOutsideTheRepositoryIsNotLinked) {
  pb::LinkPhysicalAddressRequest link;
  *link.mutable_object() = HeaderFor("o").object();
  link.mutable_metadata()->mutable_staging()->set_physical_address(
      "s3://lake/another/data/x");
  link.mutable_metadata()->set_checksum("abc");
  pb::LinkPhysicalAddressResponse linked;
  grpc::ClientContext context;
  const CallEnd end =
      EndOf(stub_->LinkPhysicalAddress(&context, link, &linked));
  EXPECT_EQ(end.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(end.status.error_message(), HasSubstr("storage namespace"));
  EXPECT_EQ(Count("linkPhysicalAddress"), 0);
}

TEST_F(UploadTest, AnAddressOutsideTheRepositoryIsLinkedWhereASettingSaysSo) {
  GatewayProcess gateway(emulator_.endpoint(), {"--allow-any-address"});
  pb::LinkPhysicalAddressRequest link;
  *link.mutable_object() = HeaderFor("o").object();
  link.mutable_metadata()->mutable_staging()->set_physical_address(
      "s3://lake/another/data/x");
  link.mutable_metadata()->set_checksum("abc");
  pb::LinkPhysicalAddressResponse linked;
  grpc::ClientContext context;
  const CallEnd end =
      EndOf(gateway.NewStub()->LinkPhysicalAddress(&context, link, &linked));
  EXPECT_NE(end.reason, "INVALID_REQUEST") << end.status.error_message();
  EXPECT_EQ(Count("linkPhysicalAddress"), 1) << "lakeFS was not asked";
}

TEST_F(UploadTest, ALinkInConflictNamesTheNewLocation) {
  AddFault("linkPhysicalAddress", Fault::Kind::kConflictWithLocation);
  pb::GetPhysicalAddressRequest get;
  *get.mutable_object() = HeaderFor("o").object();
  pb::GetPhysicalAddressResponse got;
  grpc::ClientContext first;
  ASSERT_TRUE(stub_->GetPhysicalAddress(&first, get, &got).ok());
  pb::LinkPhysicalAddressRequest link;
  *link.mutable_object() = get.object();
  *link.mutable_metadata()->mutable_staging() = got.location();
  link.mutable_metadata()->set_checksum("abc");
  pb::LinkPhysicalAddressResponse linked;
  grpc::ClientContext second;
  const CallEnd end = EndOf(stub_->LinkPhysicalAddress(&second, link, &linked));
  EXPECT_EQ(end.status.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(end.reason, "LINK_CONFLICT");
  ASSERT_TRUE(end.try_here.has_value());
  EXPECT_NE(end.try_here->physical_address(),
            got.location().physical_address());
}

}  // namespace
}  // namespace lakefs::gateway::testing
