// Every operation of an upload, broken in every way, once and for good: what
// the caller may be told is in the table, and is held against what is there.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <span>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/stage.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr size_t kLarge = (8 << 20) + 1;  // two parts
constexpr int kWorkers = 4;

struct Break {
  const char* name;
  Fault::Kind kind;
  int status = 0;
  int delay_ms = 0;
};
const Break kBreaks[] = {
    {"500", Fault::Kind::kStatus, 500},
    {"503", Fault::Kind::kStatus, 503},  // with Retry-After
    {"429", Fault::Kind::kStatus, 429},
    {"423", Fault::Kind::kStatus, 423},
    {"500 after", Fault::Kind::kStatusAfter, 500},
    {"reset before", Fault::Kind::kResetBefore},
    {"reset after", Fault::Kind::kResetAfter},
    {"late", Fault::Kind::kLate, 0, 200},
    {"stall", Fault::Kind::kStall, 0, 150},
    {"truncated", Fault::Kind::kTruncate},
    {"garbage", Fault::Kind::kGarbage},
};

// How an object goes: one PUT, parts, or a spooled PUT; under the condition or
// not.
struct Way {
  const char* name;
  EmulatorOptions options;
  size_t size;
  bool if_absent;
  std::vector<const char*> operations;
};

const std::vector<const char*> kSingle = {"statObject", "getPhysicalAddress",
                                          "storePut", "linkPhysicalAddress"};
const std::vector<const char*> kParts = {
    "uploadPart",   "statObject",
    "getBranch",    "createPresignMultipartUpload",
    "storePutPart", "completePresignMultipartUpload",
};
// Where the server gives no URLs of single parts, they come with the upload.
const std::vector<const char*> kPartsAtOnce(kParts.begin() + 1, kParts.end());
const std::vector<const char*> kThrough = {"uploadObject"};
const EmulatorOptions kV1_21{.dialect = Dialect::kV1_21};
const EmulatorOptions kV0_101{.dialect = Dialect::kV0_101};
const EmulatorOptions kV0_66{.dialect = Dialect::kV0_66};

const Way kWays[] = {
    {"V1_84_single", {}, 1000, false, kSingle},
    {"V1_84_single_if_absent", {}, 1000, true, kSingle},
    {"V1_84_multipart", {}, kLarge, false, kParts},
    {"V1_84_spooled_if_absent", {}, kLarge, true, kSingle},
    {"V1_21_single", kV1_21, 1000, false, kSingle},
    {"V1_21_single_if_absent", kV1_21, 1000, true, kSingle},
    {"V1_21_multipart", kV1_21, kLarge, false, kPartsAtOnce},
    {"V1_21_spooled_if_absent", kV1_21, kLarge, true, kSingle},
    {"V0_101_single", kV0_101, 1000, false, kSingle},
    {"V0_101_spooled", kV0_101, kLarge, false, kSingle},
    {"V0_66_through_lakefs", kV0_66, 1000, false, kThrough},
    {"Azure_blocks",
     {.store = StoreKind::kAzure},
     kLarge,
     false,
     {"storePutPart", "storePutBlockList", "linkPhysicalAddress"}},
    {"Azure_blocks_if_absent",
     {.store = StoreKind::kAzure},
     kLarge,
     true,
     {"storePutPart", "storePutBlockList", "linkPhysicalAddress"}},
    {"Local_through_lakefs",
     {.store = StoreKind::kLocal},
     1000,
     false,
     {"uploadObject"}},
    {"Local_through_lakefs_if_absent",
     {.store = StoreKind::kLocal},
     1000,
     true,
     {"uploadObject"}},
};
void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }

// What may be said: C committed, N not committed, U unknown. The first row that
// fits counts; a break that passes is overcome unless a row says otherwise.
struct Row {
  const char* way;        // part of its name
  const char* operation;  // "" for any
  const char* broken;     // "" for any
  const char* said;
};
const Row kOnce[] = {
    // The bytes go by once; what became of them shows only by a stat, and not
    // at all before v1.0, which keeps no metadata of an upload.
    {"through_lakefs", "uploadObject", "", "CNU"},
    // The address is burnt, and the parts are gone with it: the caller has to
    // start over.
    {"V1_21_multipart", "completePresignMultipartUpload", "", "CNU"},
    // No store locks anything; what it means nobody knows.
    {"", "store", "423", "N"},
    {"", "", "", "C"},
};
// Broken for good, all that can be asked for is the truth.
const Row kForGood[] = {{"", "", "", "CNU"}};

struct Case {
  const char* operation;
  const Break& broken;
  bool for_good;
};

absl::string_view MayBeSaid(std::span<const Row> rows, const Way& way,
                            const Case& one) {
  for (const Row& row : rows) {
    if (absl::StrContains(way.name, row.way) &&
        absl::StartsWith(one.operation, row.operation) &&
        (*row.broken == '\0' || one.broken.name == std::string(row.broken))) {
      return row.said;
    }
  }
  return "";
}

std::vector<Case> CasesOf(const Way& way) {
  std::vector<Case> cases;
  for (const char* operation : way.operations) {
    for (const Break& broken : kBreaks) {
      cases.push_back({operation, broken, false});
      const bool lasting = broken.kind == Fault::Kind::kStatusAfter ||
                           broken.kind == Fault::Kind::kResetBefore ||
                           broken.kind == Fault::Kind::kResetAfter;
      if (lasting) cases.push_back({operation, broken, true});
    }
  }
  return cases;
}

Fault FaultOf(const Case& one) {
  Fault fault;
  fault.operation = one.operation;
  fault.kind = one.broken.kind;
  fault.status = one.broken.status;
  fault.delay = milliseconds(one.broken.delay_ms);
  fault.times = one.for_good ? -1 : 1;
  if (fault.status == 503) fault.headers["Retry-After"] = "0";
  return fault;
}

// One caller with a lakeFS and a gateway of its own.
class Worker {
 public:
  explicit Worker(const Way& way) : way_(way), data_(Bytes(way.size)) {
    EXPECT_TRUE(emulator_.Start().ok());
    emulator_.CreateRepository("quickstart");
    gateway_ = std::make_unique<GatewayProcess>(emulator_.endpoint());
    stub_ = gateway_->NewStub();
  }

  void Run(const Case& one) {
    const std::string path = absl::StrCat(one.operation, "/", one.broken.name,
                                          one.for_good ? "/for good" : "/once");
    SCOPED_TRACE(absl::StrCat(way_.name, " ", path));
    emulator_.AddFault(FaultOf(one));
    pb::UploadHeader header = HeaderFor(path, way_.if_absent);
    const CallEnd end = Upload(*stub_, header, data_,
                               one.for_good ? milliseconds(700) : seconds(30));
    EXPECT_TRUE(emulator_.UnconsumedFaults().empty()) << "nothing was broken";
    emulator_.ClearFaults();
    const char said = Said(end);
    const auto allowed = MayBeSaid(one.for_good ? std::span<const Row>(kForGood)
                                                : std::span<const Row>(kOnce),
                                   way_, one);
    EXPECT_TRUE(absl::StrContains(allowed, std::string(1, said)))
        << "said " << said << ": " << end.reason << " "
        << end.status.error_message();
    said_[path] = said;
    if (one.operation == std::string("createPresignMultipartUpload")) {
      unseen_uploads_ += one.for_good ? 100 : 1;
    }
    Check(path, said);
  }

  // Once nothing can come late any more.
  void CheckAgain() {
    for (const auto& [path, said] : said_) {
      SCOPED_TRACE(absl::StrCat(way_.name, " ", path, ", later"));
      Check(path, said);
    }
    gateway_.reset();  // drains
    EXPECT_LE(emulator_.OpenMultipartUploads(), unseen_uploads_);
  }

 private:
  static char Said(const CallEnd& end) {
    if (end.status.ok()) return 'C';
    const bool certain =
        end.failure && end.failure->outcome() == pb::OUTCOME_NOT_COMMITTED;
    return certain ? 'N' : 'U';
  }
  void Check(const std::string& path, char said) {
    EXPECT_LE(emulator_.AddressesLinked("quickstart", path).size(), 1U);
    const auto there = emulator_.ReadObject("quickstart", "main", path);
    if (said == 'C') {
      EXPECT_TRUE(there == data_) << "said to be there";
    } else if (said == 'N') {
      EXPECT_FALSE(there.has_value()) << "said not to be there";
    } else if (there) {
      EXPECT_TRUE(there == data_) << "other bytes";
    }
  }

  const Way& way_;
  const std::string data_;
  Emulator emulator_{way_.options};
  std::unique_ptr<GatewayProcess> gateway_;
  std::unique_ptr<pb::Staging::Stub> stub_;
  std::map<std::string, char> said_;
  // Multipart uploads that the gateway never heard of: their answer was lost.
  int unseen_uploads_ = 0;
};

class FaultTableTest : public ::testing::TestWithParam<Way> {};

TEST_P(FaultTableTest, WhatIsSaidIsAllowedAndTrue) {
  const Way& way = GetParam();
  const std::vector<Case> cases = CasesOf(way);
  std::atomic<size_t> next = 0;
  std::vector<std::thread> workers;
  for (int i = 0; i < kWorkers; ++i) {
    workers.emplace_back([&] {
      Worker worker(way);
      for (size_t n = next++; n < cases.size(); n = next++) {
        worker.Run(cases[n]);
      }
      std::this_thread::sleep_for(milliseconds(300));
      worker.CheckAgain();
    });
  }
  for (std::thread& worker : workers) worker.join();
}

INSTANTIATE_TEST_SUITE_P(Ways, FaultTableTest, ::testing::ValuesIn(kWays),
                         [](const auto& info) { return info.param.name; });

TEST(FaultsAsideTest, AConfigThatBreaksOnceIsAskedForAgain) {
  for (const Break& broken : kBreaks) {
    SCOPED_TRACE(broken.name);
    Stage stage({}, {}, {}, {FaultOf({"getConfig", broken, false})});
    EXPECT_TRUE(UploadUnary(*stage.stub, HeaderFor("o"), "x").status.ok());
    EXPECT_EQ(stage.Read("o"), "x");
  }
}

TEST(FaultsAsideTest, AnAbortThatBreaksOnceIsRepeated) {
  Stage stage({});
  auto messages = MessagesOf(HeaderFor("o"), Bytes(kLarge));
  messages.back().mutable_finish()->set_crc32c(1);
  for (const Break& broken : kBreaks) {
    SCOPED_TRACE(broken.name);
    stage.emulator.AddFault(
        FaultOf({"abortPresignMultipartUpload", broken, false}));
    const CallEnd end = Send(*stage.stub, messages);
    EXPECT_EQ(end.reason, "CHECKSUM_MISMATCH") << end.status.error_message();
    EXPECT_EQ(stage.emulator.OpenMultipartUploads(), 0);
  }
}

}  // namespace
}  // namespace lakefs::gateway::testing
