// Objects that are larger than any memory, from a source that makes them, over
// every form of store and range of releases: by the way that is meant for
// them, or, where there is none, to an error that says why.
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

#include "absl/strings/str_cat.h"
#include "gateway/base/crc32c.h"
#include "tests/emulator/emulator.h"
#include "tests/testing/gateway_process.h"
#include "tests/testing/http_get.h"
#include "tests/testing/upload_call.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;
using ::testing::HasSubstr;

constexpr int64_t kMiB = 1 << 20;
constexpr int64_t kGiB = 1 << 30;

// Under AddressSanitizer objects are smaller. The limits of stores and of
// releases are not.
#ifdef __SANITIZE_ADDRESS__
constexpr int64_t kScale = 32;
#else
constexpr int64_t kScale = 1;
#endif

// How the gateway is let at the store.
enum class Access { kByLakefs, kOwnKeys, kSharedVolume };

// What is said of an object that is too large.
struct Refusal {
  int64_t limit_bytes;
  std::string limit;    // as the message names it
  std::string advice;   // what to do
  bool scaled = false;  // is a setting, and as small as the objects
};

struct Form {
  std::string name;
  EmulatorOptions options;
  pb::Plan plan;
  Access access = Access::kByLakefs;
  bool if_absent = false;
  std::vector<std::string> flags;
  // Of 6 GiB.
  std::optional<Refusal> known;
  std::optional<Refusal> unknown;
};

struct Case {
  Form form;
  int64_t size_bytes;
  bool known;

  std::optional<Refusal> refusal() const {
    if (size_bytes < 6 * kGiB) return std::nullopt;
    const auto& refusal = known ? form.known : form.unknown;
    // Too few bytes would have to move.
    if (kScale > 1 && refusal && !refusal->scaled && !known)
      return std::nullopt;
    return refusal;
  }
  // What is sent, or announced.
  int64_t bytes() const {
    const auto refused = refusal();
    return refused && !refused->scaled ? size_bytes : size_bytes / kScale;
  }
  std::string name() const {
    return absl::StrCat(form.name, size_bytes / kGiB, "GiB",
                        known ? "Known" : "Unknown");
  }
  friend void PrintTo(const Case& test, std::ostream* out) {
    *out << test.name();
  }
};

std::vector<Form> Forms() {
  const Refusal one_put{5 * kGiB, "at most 5368709120 bytes",
                        "send it to one that does"};
  const Refusal condition{5 * kGiB, "at most 5368709120 bytes",
                          "send it without them"};
  const Refusal urls{5 * kGiB, "at most 5368709120 bytes",
                     "tell header.size_bytes"};
  const int64_t small = 4 * kGiB / kScale;
  const Refusal spool{small, absl::StrCat("--spool-bytes is ", small),
                      "raise it", /*scaled=*/true};
  const auto azure = StoreKind::kAzure;
  const auto google = StoreKind::kGcs;
  const auto local = StoreKind::kLocal;
  return {
      {"S3", {}, pb::PLAN_MULTIPART},
      {.name = "S3IfAbsent",
       .plan = pb::PLAN_SPOOLED_PUT,
       .if_absent = true,
       .known = condition,
       .unknown = condition},
      {.name = "V121",
       .options = {.dialect = Dialect::kV1_21},
       .plan = pb::PLAN_MULTIPART,
       .unknown = urls},
      {.name = "V0101",
       .options = {.dialect = Dialect::kV0_101},
       .plan = pb::PLAN_SPOOLED_PUT,
       .known = one_put,
       .unknown = one_put},
      {"V066", {.dialect = Dialect::kV0_66}, pb::PLAN_THROUGH_LAKEFS},
      {"V066OwnKeys",
       {.dialect = Dialect::kV0_66},
       pb::PLAN_DIRECT_S3,
       Access::kOwnKeys},
      {"Azure", {.store = azure}, pb::PLAN_AZURE_BLOCKS},
      {"Google", {.store = google}, pb::PLAN_SPOOLED_PUT},
      {.name = "GoogleSmallSpool",
       .options = {.store = google},
       .plan = pb::PLAN_SPOOLED_PUT,
       .flags = {absl::StrCat("--spool-bytes=", small)},
       .known = spool,
       .unknown = spool},
      {"Local", {.store = local}, pb::PLAN_THROUGH_LAKEFS},
      {"LocalFile",
       {.store = local},
       pb::PLAN_LOCAL_FILE,
       Access::kSharedVolume},
  };
}

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const Form& form : Forms()) {
    for (const bool known : {true, false}) {
      if (form.flags.empty()) cases.push_back({form, kGiB, known});
      cases.push_back({form, 6 * kGiB, known});
    }
  }
  return cases;
}

// A folder for a volume that is shared, gone with its test.
class Volume {
 public:
  Volume() {
    std::string name =
        (std::filesystem::temp_directory_path() / "large-test-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Volume() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class LargeTest : public ::testing::TestWithParam<Case> {
 protected:
  LargeTest() : emulator_(Options()) {
    EXPECT_TRUE(emulator_.Start().ok());
    emulator_.CreateRepository("quickstart");
    std::vector<std::string> flags = form().flags;
    std::map<std::string, std::string> environment;
    if (form().access == Access::kOwnKeys) {
      const EmulatorOptions keys;
      flags.push_back("--s3-endpoint=" + emulator_.store_endpoint());
      environment = {{"AWS_ACCESS_KEY_ID", keys.store_access_key_id},
                     {"AWS_SECRET_ACCESS_KEY", keys.store_secret_access_key}};
    } else if (form().access == Access::kSharedVolume) {
      flags.push_back("--local-store=" + volume_.path());
    }
    gateway_ = std::make_unique<GatewayProcess>(emulator_.endpoint(), flags,
                                                environment);
    stub_ = gateway_->NewStub();
    stream_ = stub_->UploadAndLink(&context_);
    pb::UploadAndLinkRequest message;
    *message.mutable_header() = HeaderFor("large", form().if_absent);
    if (GetParam().known) message.mutable_header()->set_size_bytes(size_);
    EXPECT_TRUE(stream_->Write(message));
  }
  ~LargeTest() override {
    EXPECT_EQ(emulator_.OpenMultipartUploads(), 0);
    EXPECT_THAT(Fetch("http://" + gateway_->admin() + "/metrics").second,
                HasSubstr("staging_gateway_spool_used_bytes 0\n"));
  }

  static const Form& form() { return GetParam().form; }
  EmulatorOptions Options() const {
    EmulatorOptions options = form().options;
    options.discard_bytes = true;
    options.etag_md5 = false;
    if (form().access == Access::kSharedVolume) {
      options.local_path = volume_.path();
    }
    return options;
  }

  // Sends the chunks; false if the gateway takes no more.
  bool SendBytes() {
    // Each MiB differs from the others by its first bytes.
    std::string data = Bytes(kMiB);
    const absl::string_view rest =
        absl::string_view(data).substr(sizeof(sent_));
    const uint32_t rest_crc = Crc32c(rest);
    pb::UploadAndLinkRequest message;
    for (; sent_ < size_; sent_ += kMiB) {
      data.replace(0, sizeof(sent_), reinterpret_cast<const char*>(&sent_),
                   sizeof(sent_));
      crc_ = ConcatCrc32c(crc_, Crc32c({data.data(), sizeof(sent_)}),
                          sizeof(sent_));
      crc_ = ConcatCrc32c(crc_, rest_crc, rest.size());
      message.mutable_chunk()->set_write_offset(sent_);
      message.mutable_chunk()->set_data(data);
      if (!stream_->Write(message)) return false;
    }
    return true;
  }
  CallEnd End() {
    pb::UploadAndLinkResponse response;
    const bool has_result = stream_->Read(&response);
    CallEnd end = EndOf(stream_->Finish());
    if (has_result) end.result = response.result();
    return end;
  }
  void ExpectWhole() {
    ASSERT_TRUE(SendBytes()) << sent_ << End().status.error_message();
    pb::UploadAndLinkRequest message;
    message.mutable_finish()->set_size_bytes(size_);
    message.mutable_finish()->set_crc32c(crc_);
    stream_->Write(message);
    stream_->WritesDone();
    const CallEnd end = End();
    ASSERT_TRUE(end.status.ok()) << end.status.error_message();
    EXPECT_EQ(end.result.plan(), form().plan);
    EXPECT_EQ(end.result.object().size_bytes(), size_);
    EXPECT_EQ(end.result.bytes_resent(), 0);
    const auto digest = emulator_.DigestObject("quickstart", "main", "large");
    ASSERT_TRUE(digest.has_value());
    EXPECT_EQ(static_cast<int64_t>(digest->size_bytes), size_);
    EXPECT_EQ(digest->crc32c, crc_);
#ifndef __SANITIZE_ADDRESS__
    EXPECT_LT(gateway_->PeakRssBytes(), 212ll << 20);
#endif
  }
  // Known sizes are refused for the header alone, others as soon as they have
  // grown too large.
  void ExpectRefused(const Refusal& refusal) {
    if (!GetParam().known) {
      EXPECT_FALSE(SendBytes());
      EXPECT_GE(sent_, refusal.limit_bytes);
      EXPECT_LT(sent_, refusal.limit_bytes + 256 * kMiB);
    }
    const CallEnd end = End();
    EXPECT_EQ(end.status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
    EXPECT_EQ(end.reason, "OBJECT_TOO_LARGE");
    EXPECT_THAT(end.status.error_message(), HasSubstr(refusal.limit));
    EXPECT_THAT(end.status.error_message(), HasSubstr(refusal.advice));
    ASSERT_TRUE(end.failure.has_value());
    EXPECT_EQ(end.failure->outcome(), pb::OUTCOME_NOT_COMMITTED);
    EXPECT_EQ(end.failure->advice(), pb::UploadFailure::ADVICE_FIX_REQUEST);
    EXPECT_THAT(emulator_.ListPaths("quickstart", "main"),
                ::testing::IsEmpty());
    for (const JournalEntry& entry : emulator_.Journal()) {
      EXPECT_NE(entry.operation, "linkPhysicalAddress");
      EXPECT_NE(entry.operation, "completePresignMultipartUpload");
      EXPECT_NE(entry.operation, "storePut") << "all of it, for nothing";
      if (GetParam().known) {
        EXPECT_EQ(entry.method, "GET") << entry.operation;
        EXPECT_NE(entry.operation, "getPhysicalAddress");
      }
    }
  }

  const Volume volume_;
  const int64_t size_ = GetParam().bytes();
  Emulator emulator_;
  std::unique_ptr<GatewayProcess> gateway_;
  std::unique_ptr<pb::Staging::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<pb::UploadAndLinkRequest,
                                           pb::UploadAndLinkResponse>>
      stream_;
  int64_t sent_ = 0;
  uint32_t crc_ = 0;
};

TEST_P(LargeTest, ArrivesByteForByteInLittleMemoryOrIsRefusedClearly) {
  const auto refusal = GetParam().refusal();
  if (!refusal) return ExpectWhole();
  ExpectRefused(*refusal);
}

INSTANTIATE_TEST_SUITE_P(Cases, LargeTest, ::testing::ValuesIn(Cases()),
                         [](const auto& info) { return info.param.name(); });

}  // namespace
}  // namespace lakefs::gateway::testing
