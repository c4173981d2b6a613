// Every operation of an upload, broken in every way, once and for good: what
// the caller may be told is in the table, and is held against what is there.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
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
using ::testing::Contains;
using ::testing::Not;

constexpr size_t kLarge = (8 << 20) + 1;  // two parts
constexpr int kWorkers = 6;               // they wait, most of the time

struct Break {
  const char* name;
  Fault::Kind kind;
  int status = 0;
  int delay_ms = 0;
  const char* body = "";
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
// What routers and firewalls answer in lakeFS's or the store's place. It hangs
// on nothing that tells most ways apart, so these few are enough.
const Break kBreaksOfOthers[] = {
    {"404 of a router", Fault::Kind::kStatus, 404, 0, "<html>No way</html>"},
    {"403 of a firewall", Fault::Kind::kStatus, 403, 0, "<html>No</html>"},
    {"308", Fault::Kind::kStatus, 308, 0, "<html>Moved</html>"},
};
const char* const kWaysOfOthers[] = {
    "V1_84_repeated_if_absent", "V1_84_multipart", "V1_21_single",
    "V1_84_through_lakefs_repeated", "Proof_of_a_false_412"};

// How the bytes get to the store, other than by presigned URLs.
enum class Access { kAsOffered, kDirectS3, kLocalFile };

// How an object goes: one PUT, parts, or a spooled PUT; under the condition or
// not.
struct Way {
  const char* name;
  EmulatorOptions options;
  size_t size;
  bool if_absent;
  std::vector<const char*> operations;
  Access access = Access::kAsOffered;
  // What else goes wrong, for the operations to be called at all; and how many
  // of their requests pass before.
  std::vector<Fault> led_to_by = {};
  int skip = 0;
  bool over_old = false;  // another object stands at the path
  // Whether it may be a repetition, so that the path is looked at beforehand
  // though the object is small.
  bool repeated = false;
};

Fault Once(const char* operation, Fault::Kind kind) {
  Fault fault;
  fault.operation = operation;
  fault.kind = kind;
  return fault;
}
Fault Answers(const char* operation, int status, const char* message,
              int times = 1, int skip = 0) {
  Fault fault = Once(operation, Fault::Kind::kStatus);
  fault.status = status;
  fault.body = absl::StrCat(R"({"message":")", message, R"("})");
  fault.times = times;
  fault.skip = skip;
  return fault;
}

const std::vector<const char*> kSingle = {"getPhysicalAddress", "storePut",
                                          "linkPhysicalAddress"};
const std::vector<const char*> kLooked = {"statObject", "getPhysicalAddress",
                                          "storePut", "linkPhysicalAddress"};
// What the spool has no part in is broken once, on v1.84.
const std::vector<const char*> kSpooled = {"storePut", "linkPhysicalAddress"};
const std::vector<const char*> kParts = {
    "uploadPart",   "statObject",
    "getBranch",    "createPresignMultipartUpload",
    "storePutPart", "completePresignMultipartUpload",
};
// Where the server gives no URLs of single parts, they come with the upload.
const std::vector<const char*> kPartsAtOnce(kParts.begin() + 1, kParts.end());
const std::vector<const char*> kPartsOfOurOwn = {
    "getPhysicalAddress", "storeCreateMultipartUpload", "storePutPart",
    "storeCompleteMultipartUpload", "linkPhysicalAddress"};
const std::vector<const char*> kBlocks = {"storePutPart", "storePutBlockList",
                                          "linkPhysicalAddress"};
const std::vector<const char*> kFile = {"getPhysicalAddress",
                                        "linkPhysicalAddress"};
const std::vector<const char*> kThrough = {"uploadObject"};
const std::vector<const char*> kThroughLooked = {"statObject", "uploadObject"};
const EmulatorOptions kV1_21{.dialect = Dialect::kV1_21};
const EmulatorOptions kV0_101{.dialect = Dialect::kV0_101};
const EmulatorOptions kV0_66{.dialect = Dialect::kV0_66};
const EmulatorOptions kAzure{.store = StoreKind::kAzure};
const EmulatorOptions kGoogle{.store = StoreKind::kGcs};
const EmulatorOptions kLocal{.store = StoreKind::kLocal};
const EmulatorOptions kUnsigned{.presign = false};
const EmulatorOptions kSingleUse{.dialect = Dialect::kV1_21, .presign = false};

// A complete that has worked, of which nothing is to be seen: its object is
// linked by itself, and read back.
const std::vector<Fault> kFinishedByLink = {
    Once("completePresignMultipartUpload", Fault::Kind::kResetAfter),
    Answers("statObject", 404, "not found", /*times=*/2, /*skip=*/1)};
// A complete that has not worked, and is taken for one that has: an entry
// without bytes is linked, and has to go again.
const std::vector<Fault> kWithoutBytes = {
    Answers("completePresignMultipartUpload", 503, "busy"),
    Answers("completePresignMultipartUpload", 500, "api error NoSuchUpload: no",
            /*times=*/1, /*skip=*/1)};
const std::vector<Fault> kFalse412 = {
    Once("linkPhysicalAddress", Fault::Kind::kFalsePrecondition)};

Way Repeated(Way way) {
  way.repeated = true;
  return way;
}

const Way kWays[] = {
    {"V1_84_single", {}, 1000, false, kSingle},
    {"V1_84_single_if_absent", {}, 1000, true, kSingle},
    Repeated({"V1_84_repeated", {}, 1000, false, kLooked}),
    Repeated({"V1_84_repeated_if_absent", {}, 1000, true, kLooked}),
    {"V1_84_multipart", {}, kLarge, false, kParts},
    {"V1_84_spooled_if_absent", {}, kLarge, true, kLooked},
    {"V1_21_single", kV1_21, 1000, false, kSingle},
    {"V1_21_single_if_absent", kV1_21, 1000, true, kSingle},
    Repeated({"V1_21_repeated", kV1_21, 1000, false, kLooked}),
    {"V1_21_multipart", kV1_21, kLarge, false, kPartsAtOnce},
    {"V1_21_spooled_if_absent", kV1_21, kLarge, true, kSpooled},
    {"V0_101_single", kV0_101, 1000, false, kSingle},
    {"V0_101_spooled", kV0_101, kLarge, false, kSpooled},
    {"V0_66_through_lakefs", kV0_66, 1000, false, kThrough},
    {"V0_66_direct_s3", kV0_66, 1000, false, kSingle, Access::kDirectS3},
    {"V0_66_direct_s3_parts", kV0_66, kLarge, false, kPartsOfOurOwn,
     Access::kDirectS3},
    {"Azure_blocks", kAzure, kLarge, false, kBlocks},
    {"Azure_blocks_if_absent", kAzure, kLarge, true, kBlocks},
    {"Google_single", kGoogle, 1000, false, kSingle},
    {"Google_spooled", kGoogle, kLarge, false, kSpooled},
    {"Google_spooled_if_absent", kGoogle, kLarge, true, kSpooled},
    {"Local_file_if_absent", kLocal, 1000, true, kFile, Access::kLocalFile},
    {"Local_file_parts",
     kLocal,
     kLarge,
     false,
     {"linkPhysicalAddress"},
     Access::kLocalFile},
    {"Local_through_lakefs", kLocal, 1000, false, kThrough},
    {"Local_through_lakefs_if_absent", kLocal, 1000, true, kThrough},
    {"V1_84_through_lakefs", kUnsigned, 1000, false, kThrough},
    Repeated({"V1_84_through_lakefs_repeated", kUnsigned, 1000, false,
              kThroughLooked}),
    {"V1_84_through_lakefs_if_absent", kUnsigned, 1000, true, kThrough},
    {"V1_21_through_lakefs_if_absent", kSingleUse, 1000, true, kThrough},
    {"Proof_of_a_false_412",
     {},
     1000,
     true,
     {"linkPhysicalAddress"},
     Access::kAsOffered,
     kFalse412,
     1},
    {"Read_back",
     {},
     kLarge,
     false,
     {"getObject"},
     Access::kAsOffered,
     kFinishedByLink},
    {"Undone",
     {},
     kLarge,
     false,
     {"deleteObject"},
     Access::kAsOffered,
     kWithoutBytes},
    {"Undone_by_what_was_before",
     {},
     kLarge,
     false,
     {"linkPhysicalAddress"},
     Access::kAsOffered,
     kWithoutBytes,
     1,
     /*over_old=*/true},
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
    // The address is burnt, and the parts are gone with it: the caller has to
    // start over.
    {"V1_21_multipart", "completePresignMultipartUpload", "", "CNU"},
    // No store locks anything; what it means nobody knows.
    {"", "store", "423", "N"},
    // A router may know its way in a moment. What else others answer stays, and
    // is told; where it meets a question about a link that may stand, as
    // unknown.
    {"", "store", "404 of a router", "CN"},
    {"", "store", "403 of a firewall", "CN"},
    {"", "store", "308", "N"},
    {"Proof", "", "403 of a firewall", "U"},
    {"Proof", "", "308", "U"},
    {"", "", "403 of a firewall", "CN"},
    {"", "", "308", "CN"},
    // The bytes are gone, and nothing of the entry may stay.
    {"Undone", "", "", "N"},
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

// What breaks for good comes last: after it, the gateway may still be finding
// out, and must not run into what is meant for another.
std::vector<Case> CasesOf(const Way& way) {
  std::vector<Case> cases;
  std::vector<Case> for_good;
  const bool of_others =
      std::count(std::begin(kWaysOfOthers), std::end(kWaysOfOthers),
                 absl::string_view(way.name)) > 0;
  for (const char* operation : way.operations) {
    for (const Break& broken : kBreaksOfOthers) {
      if (of_others) cases.push_back({operation, broken, false});
    }
    for (const Break& broken : kBreaks) {
      cases.push_back({operation, broken, false});
      const bool lasting = broken.kind == Fault::Kind::kStatusAfter ||
                           broken.kind == Fault::Kind::kResetBefore ||
                           broken.kind == Fault::Kind::kResetAfter;
      if (lasting) for_good.push_back({operation, broken, true});
    }
  }
  for (const Case& one : for_good) cases.push_back(one);
  return cases;
}

Fault FaultOf(const Case& one, int skip = 0) {
  Fault fault;
  fault.skip = skip;
  fault.operation = one.operation;
  fault.kind = one.broken.kind;
  fault.status = one.broken.status;
  fault.body = one.broken.body;
  fault.delay = milliseconds(one.broken.delay_ms);
  fault.times = one.for_good ? -1 : 1;
  if (fault.status == 503) fault.headers["Retry-After"] = "0";
  return fault;
}

// A folder that goes away again.
class Folder {
 public:
  Folder() : path_(::testing::TempDir() + "/fault_table_XXXXXX") {
    EXPECT_NE(mkdtemp(path_.data()), nullptr);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// One caller with a lakeFS and a gateway of its own.
class Worker {
 public:
  explicit Worker(const Way& way) : way_(way), data_(Bytes(way.size)) {
    EXPECT_TRUE(emulator_.Start().ok());
    emulator_.CreateRepository("quickstart");
    std::vector<std::string> flags;
    std::map<std::string, std::string> keys;
    if (way.access == Access::kDirectS3) {
      flags.push_back("--s3-endpoint=" + emulator_.store_endpoint());
      keys = {{"AWS_ACCESS_KEY_ID", way.options.store_access_key_id},
              {"AWS_SECRET_ACCESS_KEY", way.options.store_secret_access_key}};
    } else if (way.access == Access::kLocalFile) {
      flags.push_back("--local-store=" + folder_.path());
    }
    gateway_ =
        std::make_unique<GatewayProcess>(emulator_.endpoint(), flags, keys);
    stub_ = gateway_->NewStub();
    // The proof of a store of its own is not what is broken here.
    if (way.access != Access::kAsOffered) {
      EXPECT_TRUE(Upload(*stub_, HeaderFor("proven"), "").status.ok());
      emulator_.ClearJournal();
    }
  }

  void Run(const Case& one) {
    const std::string path = absl::StrCat(one.operation, "/", one.broken.name,
                                          one.for_good ? "/for good" : "/once");
    SCOPED_TRACE(absl::StrCat(way_.name, " ", path));
    if (way_.over_old) {
      EXPECT_TRUE(Upload(*stub_, HeaderFor(path), kOld).status.ok());
    }
    for (const Fault& fault : way_.led_to_by) emulator_.AddFault(fault);
    emulator_.AddFault(FaultOf(one, way_.skip));
    pb::UploadHeader header = HeaderFor(path, way_.if_absent);
    if (way_.repeated) header.set_request_id(path);
    // Of what goes through lakeFS, only the size tells that it is small.
    if (way_.operations == kThrough) header.set_size_bytes(data_.size());
    const CallEnd end = Upload(*stub_, header, data_,
                               one.for_good ? milliseconds(700) : seconds(30));
    // The time of one that is broken for good may be over before it is led to.
    if (!one.for_good || way_.led_to_by.empty()) {
      EXPECT_TRUE(emulator_.UnconsumedFaults().empty())
          << "not all was broken; " << end.reason << " "
          << end.status.error_message() << " after" << Asked();
    }
    if (one.for_good && MayNotKnowItsUpload()) ++unseen_uploads_;
    emulator_.ClearFaults();
    emulator_.ClearJournal();
    const char said = Said(end);
    const auto allowed = MayBeSaid(one.for_good ? std::span<const Row>(kForGood)
                                                : std::span<const Row>(kOnce),
                                   way_, one);
    EXPECT_TRUE(absl::StrContains(allowed, std::string(1, said)))
        << "said " << said << ": " << end.reason << " "
        << end.status.error_message();
    said_[path] = said;
    if (BeginsUpload(one.operation)) {
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
  static constexpr char kOld[] = "what was there before";

  static EmulatorOptions OptionsOf(const Way& way, const Folder& folder) {
    EmulatorOptions options = way.options;
    if (way.access == Access::kLocalFile) options.local_path = folder.path();
    return options;
  }
  // The operations since the last case.
  std::string Asked() const {
    std::string asked;
    for (const JournalEntry& entry : emulator_.Journal()) {
      absl::StrAppend(&asked, " ", entry.operation, ":", entry.status);
    }
    return asked;
  }
  static bool BeginsUpload(absl::string_view operation) {
    return operation == "createPresignMultipartUpload" ||
           operation == "storeCreateMultipartUpload";
  }
  // Whether the last case's time may have been over before the answer to the
  // begin of its upload had come: then nothing was done with it.
  bool MayNotKnowItsUpload() const {
    bool begun = false;
    for (const JournalEntry& entry : emulator_.Journal()) {
      if (BeginsUpload(entry.operation)) {
        begun = true;
      } else if (absl::StartsWith(entry.operation, "store") ||
                 absl::StrContains(entry.operation, "MultipartUpload") ||
                 entry.operation == "uploadPart") {
        begun = false;
      }
    }
    return begun;
  }
  static char Said(const CallEnd& end) {
    if (end.status.ok()) return 'C';
    const bool certain =
        end.failure && end.failure->outcome() == pb::OUTCOME_NOT_COMMITTED;
    return certain ? 'N' : 'U';
  }
  void Check(const std::string& path, char said) {
    // What is lost on its way through lakeFS is sent again, and comes to
    // another address when it comes late.
    if (way_.operations != kThrough && way_.operations != kThroughLooked) {
      EXPECT_LE(emulator_.AddressesLinked("quickstart", path).size(),
                way_.over_old ? 2U : 1U);
    }
    const auto there = emulator_.ReadObject("quickstart", "main", path);
    if (said == 'C') {
      EXPECT_TRUE(there == data_) << "said to be there";
    } else if (said == 'N' && way_.over_old) {
      EXPECT_EQ(there, kOld);
    } else if (said == 'N') {
      EXPECT_FALSE(there.has_value()) << "said not to be there";
      EXPECT_THAT(emulator_.ListPaths("quickstart", "main"),
                  Not(Contains(path)));
    } else if (there) {
      EXPECT_TRUE(there == data_ || (way_.over_old && there == kOld))
          << "other bytes";
    }
  }

  const Way& way_;
  const std::string data_;
  const Folder folder_;
  Emulator emulator_{OptionsOf(way_, folder_)};
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

// Calls `work` with each number under `count`, a few at a time.
void ForEach(size_t count, const std::function<void(size_t)>& work) {
  std::atomic<size_t> next = 0;
  std::vector<std::jthread> workers;
  for (int i = 0; i < kWorkers; ++i) {
    workers.emplace_back([&] {
      for (size_t n = next++; n < count; n = next++) work(n);
    });
  }
}

// What a gateway asks once, and remembers: for each, a gateway of its own.
struct Remembered {
  const char* operation;
  EmulatorOptions options;
  std::vector<std::string> flags = {};
};
void PrintTo(const Remembered& one, std::ostream* out) {
  *out << one.operation;
}

class RememberedTest : public ::testing::TestWithParam<Remembered> {
 protected:
  // Breaks the operation in each way, and makes a call.
  template <typename Call>
  static void WhileItBreaks(const Call& call) {
    Way way{.name = "", .operations = {GetParam().operation}};
    const std::vector<Case> cases = CasesOf(way);
    ForEach(cases.size(), [&](size_t n) {
      const Case& one = cases[n];
      SCOPED_TRACE(absl::StrCat(one.operation, " ", one.broken.name,
                                one.for_good ? " for good" : ""));
      Stage stage(GetParam().options, GetParam().flags, {}, {FaultOf(one)});
      call(stage, one);
    });
  }
};

INSTANTIATE_TEST_SUITE_P(
    Operations, RememberedTest,
    ::testing::Values(Remembered{"getConfig", {}},
                      Remembered{"getStorageConfig", kV0_101},
                      Remembered{"getLakeFSVersion", kV0_101},
                      Remembered{"login", {}, {"--auth=login"}}),
    [](const auto& info) { return std::string(info.param.operation); });

TEST_P(RememberedTest, IsAskedAgainOrTheCallIsRefusedForCertain) {
  WhileItBreaks([](Stage& stage, const Case& one) {
    const CallEnd end =
        UploadUnary(*stage.stub, HeaderFor("o"), "x",
                    one.for_good ? milliseconds(700) : seconds(30));
    stage.emulator.ClearFaults();
    EXPECT_EQ(end.status.ok(), !one.for_good) << end.status.error_message();
    EXPECT_EQ(stage.Read("o").has_value(), !one.for_good);
    if (end.failure) {
      EXPECT_EQ(end.failure->outcome(), pb::OUTCOME_NOT_COMMITTED);
    }
  });
}

class NamespaceTest : public RememberedTest {};
INSTANTIATE_TEST_SUITE_P(Operations, NamespaceTest,
                         ::testing::Values(Remembered{"getRepository", {}}),
                         [](const auto& info) {
                           return std::string(info.param.operation);
                         });

TEST_P(NamespaceTest, AnAddressIsLinkedOnlyWhenItIsKnownWhose) {
  WhileItBreaks([](Stage& stage, const Case& one) {
    pb::GetPhysicalAddressRequest ask;
    *ask.mutable_object() = HeaderFor("o").object();
    pb::GetPhysicalAddressResponse address;
    grpc::ClientContext asking;
    ASSERT_TRUE(stage.stub->GetPhysicalAddress(&asking, ask, &address).ok());
    pb::LinkPhysicalAddressRequest request;
    *request.mutable_object() = ask.object();
    *request.mutable_metadata()->mutable_staging() = address.location();
    request.mutable_metadata()->set_checksum("c");
    pb::LinkPhysicalAddressResponse response;
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         (one.for_good ? milliseconds(700) : seconds(30)));
    const CallEnd end =
        EndOf(stage.stub->LinkPhysicalAddress(&context, request, &response));
    stage.emulator.ClearFaults();
    EXPECT_EQ(end.status.ok(), !one.for_good) << end.status.error_message();
    EXPECT_EQ(stage.Count("linkPhysicalAddress"), one.for_good ? 0 : 1);
  });
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
