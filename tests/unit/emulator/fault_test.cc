// Scripted faults, the journal, and stopping.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/emulator/fault_json.h"
#include "tests/unit/emulator/emulator_fixture.h"

namespace lakefs::gateway::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using Kind = Fault::Kind;

const std::map<std::string, std::string> kIfAbsent = {{"If-None-Match", "*"}};

class FaultTest : public EmulatorFixture {
 protected:
  Answer Link(const std::string& path) {
    return client_->Link(path, client_->Mint(path));
  }
  Answer LinkIfAbsent(const std::string& path) {
    return client_->Link(path, client_->Mint(path), kIfAbsent);
  }
  bool Exists(const std::string& path) {
    return client_->Stat(path).status == 200;
  }
  std::vector<int> Statuses() const {
    std::vector<int> statuses;
    for (const JournalEntry& entry : emulator_.Journal()) {
      statuses.push_back(entry.status);
    }
    return statuses;
  }
};

TEST_F(FaultTest, StatusComesWithoutTheEffect) {
  Fault fault;
  fault.operation = "linkPhysicalAddress";
  fault.status = 503;
  fault.headers["Retry-After"] = "2";
  emulator_.AddFault(fault);
  Answer answer = Link("a");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.headers["retry-after"], "2");
  EXPECT_EQ(answer.headers.count("x-request-id"), 1);
  EXPECT_FALSE(Exists("a"));
  EXPECT_EQ(Link("a").status, 200);
  EXPECT_THAT(emulator_.UnconsumedFaults(), IsEmpty());
}

TEST_F(FaultTest, AFaultMayWaitForOneQuery) {
  Fault fault;
  fault.operation = "linkPhysicalAddress";
  fault.query = {{"path", "b"}};
  fault.status = 503;
  emulator_.AddFault(fault);
  EXPECT_EQ(Link("a").status, 200);
  EXPECT_EQ(Link("b").status, 503);
  EXPECT_EQ(Link("b").status, 200);
}

TEST_F(FaultTest, StatusAfterComesWithTheEffect) {
  Break("linkPhysicalAddress", Kind::kStatusAfter);
  EXPECT_EQ(Link("a").status, 500);
  EXPECT_TRUE(Exists("a"));
}

TEST_F(FaultTest, ResetBeforeHasNoEffect) {
  Break("linkPhysicalAddress", Kind::kResetBefore);
  EXPECT_EQ(Link("a").status, 0);
  EXPECT_FALSE(Exists("a"));
  EXPECT_THAT(Statuses(), ElementsAre(200, 0, 404));
}

TEST_F(FaultTest, ResetAfterHasTheEffect) {
  Break("linkPhysicalAddress", Kind::kResetAfter);
  EXPECT_EQ(Link("a").status, 0);
  EXPECT_TRUE(Exists("a"));
}

TEST_F(FaultTest, LateHasTheEffectWhenTheConnectionIsGone) {
  Fault fault;
  fault.operation = "linkPhysicalAddress";
  fault.kind = Kind::kLate;
  fault.delay = std::chrono::milliseconds(200);
  emulator_.AddFault(fault);
  EXPECT_EQ(Link("a").status, 0);
  EXPECT_FALSE(Exists("a"));
  const absl::Time until = absl::Now() + absl::Seconds(10);
  while (!Exists("a") && absl::Now() < until) {
    absl::SleepFor(absl::Milliseconds(20));
  }
  EXPECT_TRUE(Exists("a"));
}

TEST_F(FaultTest, AStoreMayNameNoETag) {
  Break("storePut", Kind::kNoETag);
  nlohmann::json staging;
  Answer put = Put("a", "hello", staging);
  EXPECT_EQ(put.status, 200);
  EXPECT_FALSE(put.headers.contains("etag"));
  EXPECT_EQ(client_->Link("a", staging).status, 200);
  EXPECT_EQ(emulator_.ReadObject("repo", "main", "a"), "hello");
}

// What comes back of a request that is sent as it stands, and how the
// connection ends: 0 in order, else errno.
struct Talk {
  std::string reply;
  int end = 0;
};

Talk TalkTo(const std::string& endpoint, const std::string& request) {
  int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(std::stoi(endpoint.substr(endpoint.rfind(':') + 1)));
  EXPECT_EQ(
      connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)),
      0);
  EXPECT_EQ(send(socket, request.data(), request.size(), 0),
            static_cast<ssize_t>(request.size()));
  Talk talk;
  char buffer[1024];
  ssize_t got;
  while ((got = recv(socket, buffer, sizeof(buffer), 0)) > 0) {
    talk.reply.append(buffer, static_cast<size_t>(got));
  }
  talk.end = got == 0 ? 0 : errno;
  close(socket);
  return talk;
}

int EndOfConnection(const std::string& endpoint) {
  return TalkTo(endpoint,
                "GET /api/v1/healthcheck HTTP/1.1\r\nHost: x\r\n"
                "Connection: close\r\n\r\n")
      .end;
}

TEST_F(FaultTest, TheFirstHeaderCountsLikeTheOthers) {
  const EmulatorOptions keys;
  const std::string basic = absl::Base64Escape(
      absl::StrCat(keys.access_key_id, ":", keys.secret_access_key));
  EXPECT_THAT(TalkTo(emulator_.endpoint(),
                     absl::StrCat("GET /api/v1/config HTTP/1.1\r\n"
                                  "Authorization: Basic ",
                                  basic,
                                  "\r\nHost: x\r\n"
                                  "Connection: close\r\n\r\n"))
                  .reply,
              ::testing::StartsWith("HTTP/1.1 200 "));
}

TEST_F(FaultTest, ResetsAreRealResets) {
  EXPECT_EQ(EndOfConnection(emulator_.endpoint()), 0);
  Break("healthCheck", Kind::kResetBefore);
  EXPECT_EQ(EndOfConnection(emulator_.endpoint()), ECONNRESET);
  Break("healthCheck", Kind::kResetAfter);
  EXPECT_EQ(EndOfConnection(emulator_.endpoint()), ECONNRESET);
}

TEST_F(FaultTest, TruncatedRepliesAreNoReplies) {
  Break("linkPhysicalAddress", Kind::kTruncate);
  EXPECT_EQ(Link("a").status, 0);
  EXPECT_TRUE(Exists("a"));
}

TEST_F(FaultTest, GarbageIsNoJson) {
  Break("linkPhysicalAddress", Kind::kGarbage);
  Answer answer = Link("a");
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.Json().is_null());
}

TEST_F(FaultTest, WrongETagKeepsTheBytes) {
  Break("storePut", Kind::kWrongETag);
  nlohmann::json staging;
  Answer put = Put("a", "hello", staging);
  EXPECT_EQ(put.status, 200);
  EXPECT_NE(put.headers["etag"], "\"5d41402abc4b2a76b9719d911017c592\"");
  client_->Link("a", staging);
  EXPECT_EQ(emulator_.ReadObject("repo", "main", "a"), "hello");
}

TEST_F(FaultTest, CorruptKeepsOtherBytesUnderTheirOwnETag) {
  Break("storePut", Kind::kCorrupt);
  nlohmann::json staging;
  Answer put = Put("a", "hello", staging);
  EXPECT_EQ(put.status, 200);
  EXPECT_NE(put.headers["etag"], "\"5d41402abc4b2a76b9719d911017c592\"");
  client_->Link("a", staging);
  EXPECT_EQ(emulator_.ReadObject("repo", "main", "a")->size(), 5);
  EXPECT_NE(emulator_.ReadObject("repo", "main", "a"), "hello");
}

TEST_F(FaultTest, ConflictBringsAFreshLocation) {
  Break("linkPhysicalAddress", Kind::kConflictWithLocation);
  Answer conflict = Link("a");
  EXPECT_EQ(conflict.status, 409);
  EXPECT_FALSE(Exists("a"));
  nlohmann::json location = conflict.Json();
  EXPECT_EQ(ApiClient::Send("PUT", location["presigned_url"], "hello").status,
            200);
  EXPECT_EQ(client_->Link("a", location).status, 200);
  EXPECT_EQ(emulator_.ReadObject("repo", "main", "a"), "hello");
}

TEST_F(FaultTest, FalsePreconditionHasTheEffect) {
  Break("linkPhysicalAddress", Kind::kFalsePrecondition);
  Break("linkPhysicalAddress", Kind::kFalsePrecondition);
  EXPECT_EQ(Link("unconditional").status, 200);
  Answer refused = LinkIfAbsent("a");
  EXPECT_EQ(refused.status, 412);
  EXPECT_EQ(refused.Message(), "Precondition failed");
  EXPECT_TRUE(Exists("a"));
  EXPECT_TRUE(emulator_.Commit("repo", "main").ok());
  EXPECT_TRUE(Exists("a"));
}

TEST_F(FaultTest, LostWritesAreSeenUntilTheNextCommit) {
  Break("linkPhysicalAddress", Kind::kLoseWrite);
  Break("linkPhysicalAddress", Kind::kLoseWrite);
  EXPECT_EQ(Link("unconditional").status, 200);
  EXPECT_EQ(LinkIfAbsent("a").status, 412);
  EXPECT_TRUE(Exists("a"));
  EXPECT_EQ(Link("b").status, 200);
  EXPECT_TRUE(emulator_.Commit("repo", "main").ok());
  EXPECT_FALSE(Exists("a"));
  EXPECT_TRUE(Exists("b"));
}

TEST_F(FaultTest, ASkippedCreateIsAnsweredAsWrittenAndAnothersStands) {
  Break("linkPhysicalAddress", Kind::kSkipCreate);
  Break("linkPhysicalAddress", Kind::kSkipCreate);
  EXPECT_EQ(Link("unconditional").status, 200);
  nlohmann::json staging = client_->Mint("a");
  EXPECT_EQ(client_->Link("a", staging, kIfAbsent).status, 200);
  EXPECT_TRUE(Exists("a"));
  EXPECT_NE(client_->Stat("a").Json()["physical_address"],
            staging["physical_address"]);
}

TEST_F(FaultTest, AnUnconditionalLinkSavesALostWrite) {
  Break("linkPhysicalAddress", Kind::kLoseWrite);
  nlohmann::json staging = client_->Mint("a");
  EXPECT_EQ(client_->Link("a", staging, kIfAbsent).status, 412);
  EXPECT_EQ(client_->Link("a", staging).status, 200);
  EXPECT_TRUE(emulator_.Commit("repo", "main").ok());
  EXPECT_TRUE(Exists("a"));
}

TEST_F(FaultTest, SkipCountsFromWhenItWasAdded) {
  Fault later;
  later.operation = "statObject";
  later.status = 502;
  later.skip = 2;
  later.times = 2;
  emulator_.AddFault(later);
  Fault first = later;
  first.status = 501;
  first.skip = 0;
  first.times = 1;
  emulator_.AddFault(first);
  std::vector<int> seen;
  for (int i = 0; i < 5; ++i) seen.push_back(client_->Stat("a").status);
  EXPECT_THAT(seen, ElementsAre(501, 404, 502, 502, 404));
}

TEST_F(FaultTest, UnconsumedFaultsAreReported) {
  Break("statObject", Kind::kStatus);
  EXPECT_THAT(emulator_.UnconsumedFaults(), SizeIs(1));
  client_->Stat("a");
  EXPECT_THAT(emulator_.UnconsumedFaults(), IsEmpty());
}

TEST_F(FaultTest, StallsEndWhenTheEmulatorStops) {
  Break("statObject", Kind::kStall);
  int status = -1;
  std::thread caller([this, &status] {
    ApiClient other(emulator_);
    status = other.Stat("a").status;
  });
  while (emulator_.Journal().empty()) std::this_thread::yield();
  auto before = std::chrono::steady_clock::now();
  emulator_.Stop();
  caller.join();
  EXPECT_EQ(status, 0);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(1));
}

TEST_F(FaultTest, SlowSpreadsTheBodyOverItsDelay) {
  Fault slow;
  slow.operation = "storePut";
  slow.kind = Kind::kSlow;
  slow.delay = std::chrono::milliseconds(200);
  emulator_.AddFault(slow);
  nlohmann::json staging;
  auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(Put("a", std::string(100'000, 'x'), staging).status, 200);
  EXPECT_GE(std::chrono::steady_clock::now() - before, slow.delay);
  client_->Link("a", staging);
  EXPECT_EQ(emulator_.ReadObject("repo", "main", "a")->size(), 100'000);
}

TEST_F(FaultTest, SlowBodiesEndWhenTheEmulatorStops) {
  Fault slow;
  slow.operation = "storePut";
  slow.kind = Kind::kSlow;
  slow.delay = std::chrono::minutes(10);
  emulator_.AddFault(slow);
  int status = -1;
  std::thread caller([this, &status] {
    nlohmann::json staging;
    status = Put("a", std::string(100'000, 'x'), staging).status;
  });
  while (emulator_.Journal().size() < 2) std::this_thread::yield();
  auto before = std::chrono::steady_clock::now();
  emulator_.Stop();
  caller.join();
  EXPECT_EQ(status, 0);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(1));
}

TEST_F(FaultTest, JournalKeepsWhatWasSentButNoSecrets) {
  nlohmann::json staging;
  Put("a", "hello", staging);
  client_->Link("a", staging);
  std::vector<JournalEntry> journal = emulator_.Journal();
  ASSERT_THAT(journal, SizeIs(3));
  EXPECT_EQ(journal[0].operation, "getPhysicalAddress");
  EXPECT_EQ(journal[0].query.at("presign"), "true");
  EXPECT_EQ(journal[0].headers.at("authorization"), "Basic");
  EXPECT_EQ(journal[1].operation, "storePut");
  EXPECT_EQ(journal[1].body_bytes, 5);
  EXPECT_EQ(journal[1].body, "");
  EXPECT_THAT(journal[1].target, HasSubstr("X-Amz-Signature="));
  std::string url = staging["presigned_url"];
  EXPECT_THAT(journal[1].target,
              Not(HasSubstr(url.substr(url.rfind('=') + 1))));
  EXPECT_EQ(journal[2].operation, "linkPhysicalAddress");
  EXPECT_THAT(journal[2].body, HasSubstr("\"size_bytes\":5"));
  EXPECT_EQ(journal[2].status, 200);
  emulator_.ClearJournal();
  EXPECT_THAT(emulator_.Journal(), IsEmpty());
}

TEST_F(FaultTest, APortInUseIsAnError) {
  EmulatorOptions options;
  const std::string endpoint = emulator_.endpoint();
  options.port = std::stoi(endpoint.substr(endpoint.rfind(':') + 1));
  Emulator second(options);
  absl::Status started = second.Start();
  EXPECT_EQ(started.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(started.message()),
              HasSubstr(std::to_string(options.port)));
}

TEST(HostTest, UrlsNameTheAddressListenedOn) {
  Emulator emulator({.host = "127.0.0.2"});
  emulator.CreateRepository("repo");
  absl::Status started = emulator.Start();
  ASSERT_TRUE(started.ok()) << started;
  EXPECT_THAT(emulator.endpoint(), HasSubstr("http://127.0.0.2:"));
  ApiClient client(emulator);
  const std::string url = client.Mint("a", true)["presigned_url"];
  EXPECT_THAT(url, HasSubstr(emulator.store_endpoint()));
  EXPECT_EQ(ApiClient::Send("PUT", url, "x").status, 200);
}

TEST(FaultJsonTest, ReadsAllFields) {
  auto fault = ParseFault(
      R"({"operation": "commit", "kind": "stall", "status": 429, "body": "b",
          "headers": {"Retry-After": "1"}, "delay_ms": 5, "skip": 2,
          "times": 3})");
  ASSERT_TRUE(fault.ok()) << fault.status();
  EXPECT_EQ(fault->operation, "commit");
  EXPECT_EQ(fault->kind, Kind::kStall);
  EXPECT_EQ(fault->status, 429);
  EXPECT_EQ(fault->body, "b");
  EXPECT_EQ(fault->headers.at("Retry-After"), "1");
  EXPECT_EQ(fault->delay, std::chrono::milliseconds(5));
  EXPECT_EQ(fault->skip, 2);
  EXPECT_EQ(fault->times, 3);
}

TEST(FaultJsonTest, NamesWhatIsWrong) {
  auto message = [](const char* text) {
    return std::string(ParseFault(text).status().message());
  };
  EXPECT_THAT(message("[]"), HasSubstr("JSON object"));
  EXPECT_THAT(message(R"({"kind": "stall"})"), HasSubstr("operation"));
  EXPECT_THAT(message(R"({"operation": "x", "kind": "y"})"), HasSubstr("y"));
  EXPECT_THAT(message(R"({"operation": "x", "kinds": "y"})"),
              HasSubstr("kinds"));
}

}  // namespace
}  // namespace lakefs::gateway::testing
