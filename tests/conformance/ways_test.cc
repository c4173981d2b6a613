// Holds the gateway to the table of ways.h, on the emulator in all forms; or,
// with LAKEFS_ENDPOINT (and LAKEFS_REPOSITORY, whose branch "main" is written
// to), on a real server as it is. There the ways that need something of the
// store's are tried if it is named: LAKEFS_STORE_ENDPOINT with
// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or LAKEFS_LOCAL_STORE.
#include "tests/conformance/ways.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tests/conformance/staging_client.h"
#include "tests/emulator/dialect_traits.h"
#include "tests/testing/gateway_process.h"
#include "tests/testing/lakefs_under_test.h"
#include "tests/testing/upload_call.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;

// One more byte than fits in a part.
constexpr size_t kLarge = (8 << 20) + 1;
constexpr size_t kSmall = 1000;

// What the gateway has of its own.
enum class Own { kPresignedUrls, kStore, kNothing };

struct Setting {
  std::string release;
  std::string store;
  Own own = Own::kNothing;
};

std::string NameOf(const Setting& setting) {
  const char* own[] = {"Presigned", "OwnStore", "Neither"};
  std::string name = absl::StrCat(setting.release, "_", setting.store, "_",
                                  own[static_cast<int>(setting.own)]);
  for (char& c : name) c = c == '.' ? '_' : c;
  return name;
}

void PrintTo(const Setting& setting, std::ostream* out) {
  *out << NameOf(setting);
}

StoreKind KindOf(absl::string_view store) {
  if (store == "azure") return StoreKind::kAzure;
  if (store == "gs") return StoreKind::kGcs;
  return store == "local" ? StoreKind::kLocal : StoreKind::kS3;
}

// All that make a difference: a local store and v0.66 do not presign, and of
// its own the gateway can have an S3 store or a local one.
std::vector<Setting> Settings() {
  std::vector<Setting> all;
  for (absl::string_view release : Releases()) {
    for (absl::string_view store : {"s3", "azure", "gs", "local"}) {
      for (Own own : {Own::kPresignedUrls, Own::kStore, Own::kNothing}) {
        const bool presigns = store != "local" && release != "v0.66";
        const bool own_store = store == "s3" || store == "local";
        if (own == Own::kPresignedUrls && !presigns) continue;
        if (own == Own::kStore && !own_store) continue;
        all.push_back({std::string(release), std::string(store), own});
      }
    }
  }
  return all;
}

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

class KeptOnEachWayTest : public ::testing::TestWithParam<Setting> {
 protected:
  void SetUp() override {
    if (!Variable("LAKEFS_ENDPOINT").empty()) {
      SetUpReal();
    } else {
      SetUpEmulated();
    }
    if (IsSkipped()) return;
    gateway_.emplace(lakefs_->endpoint(), flags_, environment_);
    stub_ = gateway_->NewStub();
    client_.emplace(*lakefs_, run_);
  }

  void TearDown() override {
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  }

  void SetUpEmulated() {
    const Setting& setting = GetParam();
    EmulatorOptions options;
    options.dialect = *ParseDialect(setting.release);
    options.store = KindOf(setting.store);
    options.presign = setting.own == Own::kPresignedUrls;
    if (setting.store == "local") {
      char name[] = "/tmp/ways-XXXXXX";
      folder_ = options.local_path = mkdtemp(name);
    }
    lakefs_ = LakefsUnderTest::New(options);
    if (setting.own == Own::kStore) {
      Name(lakefs_->store_endpoint(), options.store_access_key_id,
           options.store_secret_access_key, folder_);
    }
  }

  // Only the settings that are the server's.
  void SetUpReal() {
    const Setting& setting = GetParam();
    lakefs_ = LakefsUnderTest::New();
    const ServerConfig config = StagingClient(*lakefs_, run_).Config().value();
    const bool presigns = config.pre_sign_support.value_or(false);
    const std::string store = Variable("LAKEFS_STORE_ENDPOINT");
    const std::string folder = Variable("LAKEFS_LOCAL_STORE");
    const bool own = !(setting.store == "local" ? folder : store).empty();
    if (ReleaseLike(config.version) != setting.release ||
        config.blockstore_type != setting.store ||
        presigns != (setting.own == Own::kPresignedUrls) ||
        (setting.own == Own::kStore && !own)) {
      GTEST_SKIP() << "the server is another";
    }
    if (setting.own == Own::kStore) {
      Name(store, Variable("AWS_ACCESS_KEY_ID"),
           Variable("AWS_SECRET_ACCESS_KEY"), folder);
    }
  }

  // What the gateway is told of the store.
  void Name(const std::string& endpoint, const std::string& key_id,
            const std::string& secret, const std::string& folder) {
    if (GetParam().store == "local") {
      flags_ = {"--local-store=" + folder};
    } else if (GetParam().store == "s3") {
      flags_ = {"--s3-endpoint=" + endpoint};
      environment_ = {{"AWS_ACCESS_KEY_ID", key_id},
                      {"AWS_SECRET_ACCESS_KEY", secret}};
    }
  }

  // A header of a path of its own.
  pb::UploadHeader Header(absl::string_view name) {
    pb::UploadHeader header = HeaderFor(absl::StrCat(run_, "/", name));
    header.mutable_object()->set_repository(lakefs_->repository());
    return header;
  }

  CallEnd Send(const pb::UploadHeader& header, const std::string& data) {
    pb::UploadHeader sized = header;
    sized.set_size_bytes(static_cast<int64_t>(data.size()));
    return Upload(*stub_, sized, data);
  }

  ObjectStats Stat(const pb::UploadHeader& header) {
    auto stats =
        client_->Stat({header.object().repository(), header.object().branch(),
                       header.object().path()});
    EXPECT_TRUE(stats.ok() && stats->has_value()) << header.object().path();
    return stats.ok() ? stats->value_or(ObjectStats()) : ObjectStats();
  }

  static std::string PlanOf(const CallEnd& end) {
    absl::string_view name = pb::Plan_Name(end.result.plan());
    absl::ConsumePrefix(&name, "PLAN_");
    return std::string(name);
  }

  // Whether the call was refused for something that cannot be kept, and has
  // left nothing at the path.
  bool IsRefused(const CallEnd& end, const pb::UploadHeader& header) {
    const auto code = end.status.error_code();
    if (code != grpc::StatusCode::FAILED_PRECONDITION &&
        code != grpc::StatusCode::INVALID_ARGUMENT) {
      return false;
    }
    EXPECT_EQ(lakefs_->Read(header.object().path()), std::nullopt);
    return true;
  }

  // Sends one object and says what became of what it asks for; `holds` tells
  // whether it was kept.
  template <typename Holds>
  std::string Try(const Way& way, const pb::UploadHeader& header,
                  const std::string& data, const Holds& holds) {
    const CallEnd end = Send(header, data);
    if (IsRefused(end, header)) return "refused";
    if (!end.status.ok()) {
      return absl::StrCat(end.reason, ": ", end.status.error_message());
    }
    const bool kept = holds(end);
    if (PlanOf(end) == way.plan || !kept) return kept ? "kept" : "dropped";
    return PlanOf(end);
  }

  static std::string Expected(Kept kept) {
    switch (kept) {
      case Kept::kRefused:
        return "refused";
      case Kept::kSpooled:
        return "SPOOLED_PUT";
      default:
        return "kept";
    }
  }

  void ExpectType(const Way& way, pb::UploadHeader header,
                  const std::string& data) {
    header.set_content_type("text/csv; charset=utf-8");
    EXPECT_EQ(Try(way, header, data,
                  [&](const CallEnd&) {
                    return Stat(header).content_type == header.content_type();
                  }),
              Expected(way.content_type));
  }

  void ExpectMetadata(const Way& way, pb::UploadHeader header,
                      const std::string& data) {
    const auto holds = [&](const CallEnd&) {
      const UserMetadata kept = Stat(header).user_metadata;
      for (const auto& [key, value] : header.user_metadata()) {
        const auto found = kept.find(key);
        if (found == kept.end() || found->second != value) return false;
      }
      return true;
    };
    (*header.mutable_user_metadata())["owner"] = "a=b&c 100%25";
    EXPECT_EQ(Try(way, header, data, holds), Expected(way.user_metadata));
    (*header.mutable_user_metadata())["Owner-Name"] = "Zo\xc3\xab";
    header.mutable_object()->set_path(header.object().path() + "-more");
    EXPECT_EQ(Try(way, header, data, holds), way.user_metadata == Kept::kLower
                                                 ? "refused"
                                                 : Expected(way.user_metadata));
  }

  void ExpectMtime(const Way& way, pb::UploadHeader header,
                   const std::string& data) {
    constexpr int64_t kThen = 1'000'000'000;
    header.mutable_mtime()->set_seconds(kThen);
    EXPECT_EQ(Try(way, header, data,
                  [&](const CallEnd&) { return Stat(header).mtime == kThen; }),
              Expected(way.mtime));
  }

  void ExpectCondition(const Way& way, pb::UploadHeader header,
                       const std::string& data) {
    header.set_if_absent(true);
    EXPECT_EQ(Try(way, header, data,
                  [&](const CallEnd&) {
                    const CallEnd again = Send(header, data + "x");
                    return again.reason == "OBJECT_EXISTS" &&
                           lakefs_->Read(header.object().path()) == data;
                  }),
              Expected(way.if_absent));
  }

  // Another gateway, which shares nothing with the first, knows the call.
  void ExpectRequestId(const Way& way, pb::UploadHeader header,
                       const std::string& data) {
    header.set_request_id(absl::StrCat("id-", header.object().path()));
    EXPECT_EQ(Try(way, header, data,
                  [&](const CallEnd& end) {
                    GatewayProcess other(lakefs_->endpoint(), flags_,
                                         environment_);
                    auto stub = other.NewStub();
                    grpc::ClientContext context;
                    context.set_deadline(std::chrono::system_clock::now() +
                                         std::chrono::seconds(60));
                    pb::GetUploadOutcomeRequest request;
                    request.set_request_id(header.request_id());
                    *request.mutable_object() = header.object();
                    pb::GetUploadOutcomeResponse known;
                    stub->GetUploadOutcome(&context, request, &known);
                    return known.outcome() == pb::OUTCOME_COMMITTED &&
                           known.result().object().physical_address() ==
                               end.result.object().physical_address();
                  }),
              Expected(way.request_id));
  }

  // The row of a plan here, or null.
  const Way* RowOf(absl::string_view plan) const {
    for (const Way& way : Ways()) {
      if (way.plan == plan &&
          HoldsFor(way, GetParam().store, GetParam().release)) {
        return &way;
      }
    }
    return nullptr;
  }

  void ExpectRow(const Way& way, const pb::UploadHeader& header,
                 const std::string& data) {
    SCOPED_TRACE(absl::StrCat(way.plan, ", ", data.size(), " bytes"));
    const auto named = [&](absl::string_view what) {
      pb::UploadHeader other = header;
      other.mutable_object()->set_path(
          absl::StrCat(header.object().path(), "-", what));
      return other;
    };
    ExpectType(way, named("type"), data);
    ExpectMetadata(way, named("metadata"), data);
    ExpectMtime(way, named("mtime"), data);
    ExpectCondition(way, named("if_absent"), data);
    ExpectRequestId(way, named("request_id"), data);
  }

  // Sends an object and all that its row has. Returns the plan it went by.
  std::string ExpectObject(const char* name, const std::string& data,
                           bool force = false) {
    pb::UploadHeader header = Header(name);
    header.set_force(force);
    const CallEnd end = Send(header, data);
    EXPECT_TRUE(end.status.ok()) << end.reason << end.status.error_message();
    if (!end.status.ok()) return "";
    EXPECT_EQ(end.result.outcome(), pb::OUTCOME_COMMITTED);
    EXPECT_TRUE(lakefs_->Read(header.object().path()) == data);
    const Way* way = RowOf(PlanOf(end));
    EXPECT_NE(way, nullptr) << "no row has " << PlanOf(end);
    if (way != nullptr) ExpectRow(*way, header, data);
    return PlanOf(end);
  }

  const std::string run_ = absl::StrCat("ways-", time(nullptr), "-", getpid());
  std::string folder_;  // Of a local store.
  std::unique_ptr<LakefsUnderTest> lakefs_;
  std::vector<std::string> flags_;
  std::map<std::string, std::string> environment_;
  std::optional<GatewayProcess> gateway_;
  std::unique_ptr<pb::Staging::Stub> stub_;
  std::optional<StagingClient> client_;
};

// What a plan needs, if nothing better is to be had.
bool NeedsOf(absl::string_view plan, Own own) {
  if (plan == "THROUGH_LAKEFS") return true;
  const bool own_store = plan == "DIRECT_S3" || plan == "LOCAL_FILE";
  return own == (own_store ? Own::kStore : Own::kPresignedUrls);
}

// An object that fits in a part, a larger one, and where that goes by
// MULTIPART, one that only a link can finish.
TEST_P(KeptOnEachWayTest, IsWhatTheTableSays) {
  std::set<std::string> expected;
  for (const Way& way : Ways()) {
    if (HoldsFor(way, GetParam().store, GetParam().release) &&
        NeedsOf(way.plan, GetParam().own) &&
        (way.plan != "THROUGH_LAKEFS" || expected.empty())) {
      expected.emplace(way.plan);
    }
  }
  std::set<std::string> seen;
  seen.insert(ExpectObject("small", Bytes(kSmall)));
  seen.insert(ExpectObject("large", Bytes(kLarge)));
  if (seen.contains("MULTIPART")) {
    seen.insert(ExpectObject("forced", Bytes(kLarge), /*force=*/true));
  }
  EXPECT_EQ(seen, expected);
}

INSTANTIATE_TEST_SUITE_P(Settings, KeptOnEachWayTest,
                         ::testing::ValuesIn(Settings()),
                         [](const auto& info) { return NameOf(info.param); });

}  // namespace
}  // namespace lakefs::gateway::testing
