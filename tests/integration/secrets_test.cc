// No secret comes out: every error path is driven with marked secrets, and what
// the gateway says is searched for them.
#include <gmock/gmock.h>

#include <set>
#include <thread>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/http_get.h"
#include "tests/testing/stage.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;
using std::chrono::milliseconds;
using ::testing::IsSupersetOf;

// What must not be seen anywhere.
constexpr char kKey[] = "MARKEDlakefssecretkey";
constexpr char kStoreKey[] = "MARKEDstoresecretkey";
constexpr char kToken[] = "MARKEDlakefstoken";
constexpr char kCallers[] = "Bearer MARKEDcallersauthorization";

// What the gateway said: log, errors with their details, metrics.
class Said {
 public:
  void Add(const std::string& what, const std::string& text) {
    for (const char* secret :
         {"MARKED", "X-Amz-Signature", "x-amz-signature", "X-Amz-Credential",
          "X-Goog-Signature", "sig=", "eyJhbGci" /* a JWT */,
          "internal_auth_session", "Basic ", "Bearer "}) {
      const size_t at = text.find(secret);
      EXPECT_EQ(at, std::string::npos)
          << what << " shows " << secret << ": "
          << text.substr(at < 100 ? 0 : at - 100, 300);
    }
    EXPECT_EQ(text.find(absl::Base64Escape(
                  absl::StrCat("AKIAIOSFODNN7EXAMPLE:", kKey))),
              std::string::npos)
        << what;
    bytes_ += text.size();
  }
  void Add(const CallEnd& end) {
    Add("a message", end.status.error_message());
    Add("the details", end.status.error_details());
    ++calls_;
    ended_badly_ += !end.status.ok();
  }
  int calls() const { return calls_; }
  int ended_badly() const { return ended_badly_; }
  size_t bytes() const { return bytes_; }

 private:
  int calls_ = 0;
  int ended_badly_ = 0;
  size_t bytes_ = 0;
};

// A reply that repeats what was asked, as servers do in their errors.
std::string Echo() {
  return R"({"message":"invalid: https://s.test/b/k?X-Amz-Credential=MARKED)"
         R"(&X-Amz-Signature=MARKED&sig=MARKED",)"
         R"("presigned_url":"http://s.test/k?X-Amz-Signature=MARKED",)"
         R"("token":"MARKEDtoken"})";
}

// A lakeFS, and the operations that its calls come down to.
struct Server {
  const char* name;
  EmulatorOptions options;
  std::set<std::string> operations;
  bool direct_s3 = false;
};

void PrintTo(const Server& server, std::ostream* out) { *out << server.name; }

const std::set<std::string> kAddresses = {
    "getPhysicalAddress", "linkPhysicalAddress", "statObject", "getRepository"};

std::set<std::string> And(std::set<std::string> operations) {
  operations.insert(kAddresses.begin(), kAddresses.end());
  return operations;
}

// What only large objects need.
const std::set<std::string> kOfLarge = {"createPresignMultipartUpload",
                                        "uploadPart",
                                        "completePresignMultipartUpload",
                                        "abortPresignMultipartUpload",
                                        "getObject",
                                        "deleteObject",
                                        "storePutPart",
                                        "storePutBlockList",
                                        "storeCreateMultipartUpload",
                                        "storeCompleteMultipartUpload",
                                        "storeAbortMultipartUpload"};

// What a gateway asks once.
const std::set<std::string> kRemembered = {"getConfig", "getStorageConfig",
                                           "getLakeFSVersion", "getRepository",
                                           "login"};

const Server kServers[] = {
    {"S3",
     {},
     And({"getConfig", "storePut", "createPresignMultipartUpload", "uploadPart",
          "storePutPart", "completePresignMultipartUpload",
          "abortPresignMultipartUpload", "getObject", "deleteObject"})},
    {"V0_101",
     {.dialect = Dialect::kV0_101},
     And({"getStorageConfig", "getLakeFSVersion", "storePut"})},
    {"DirectS3",
     {.dialect = Dialect::kV0_66},
     And({"getStorageConfig", "getLakeFSVersion", "storePut",
          "storeCreateMultipartUpload", "storePutPart",
          "storeCompleteMultipartUpload", "storeAbortMultipartUpload"}),
     true},
    {"Azure",
     {.store = StoreKind::kAzure},
     And({"getConfig", "storePut", "storePutPart", "storePutBlockList"})},
    {"Gcs", {.store = StoreKind::kGcs}, And({"getConfig", "storePut"})},
    {"Local",
     {.store = StoreKind::kLocal},
     {"getConfig", "getPhysicalAddress", "statObject", "getRepository",
      "uploadObject"}},
};

class SecretsTest : public ::testing::TestWithParam<Server> {
 protected:
  ~SecretsTest() override { StopGateway(); }

  void StartLakefs() {
    EmulatorOptions options = GetParam().options;
    options.secret_access_key = kKey;
    options.store_secret_access_key = kStoreKey;
    emulator_ = std::make_unique<Emulator>(options);
    ASSERT_TRUE(emulator_->Start().ok());
    emulator_->CreateRepository("quickstart");
  }
  void StartGateway(const std::string& auth) {
    StopGateway();
    pass_through_ = auth == "pass-through";
    gateway_ = std::make_unique<GatewayProcess>(
        emulator_->endpoint(),
        std::vector<std::string>{
            "--auth=" + auth, "--log-level=debug",
            "--s3-endpoint=" + (GetParam().direct_s3
                                    ? emulator_->store_endpoint()
                                    : "http://127.0.0.1:1")},
        std::map<std::string, std::string>{
            {"LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", kKey},
            {"LAKEFS_STAGING_TOKEN", auth == "token" ? kToken : ""},
            {"AWS_ACCESS_KEY_ID", "storeadmin"},
            {"AWS_SECRET_ACCESS_KEY", kStoreKey}});
    stub_ = gateway_->NewStub();
  }
  void StopGateway() {
    if (gateway_ == nullptr) return;
    for (const char* path : {"/metrics", "/readyz"}) {
      said_.Add(path,
                Fetch(absl::StrCat("http://", gateway_->admin(), path)).second);
    }
    said_.Add("the log", gateway_->Log());
    gateway_.reset();
  }

  // Makes the calls while the operation of the first fault fails.
  void Drive(const std::vector<Fault>& faults, bool every_call) {
    for (const Fault& fault : faults) emulator_->AddFault(fault);
    const std::string& operation = faults.front().operation;
    static const std::string large = Bytes(9 << 20);
    CallEnd others[3];
    {
      std::jthread calls[3];
      if (every_call) {
        calls[0] = std::jthread([&] { others[0] = Address(); });
        calls[1] = std::jthread([&] { others[1] = Link(); });
        calls[2] = std::jthread([&] { others[2] = Outcome(); });
      }
      said_.Add(Put(kOfLarge.contains(operation) ? large : "small",
                    /*may_be_repetition=*/operation == "statObject"));
    }
    if (every_call) {
      for (const CallEnd& end : others) said_.Add(end);
    }
    emulator_->ClearFaults();
  }
  // The operations that failed at least once.
  std::set<std::string> Failed() const {
    std::set<std::string> failed;
    for (const JournalEntry& entry : emulator_->Journal()) {
      if (entry.status == 0 || entry.status >= 400) {
        failed.insert(entry.operation);
      }
    }
    return failed;
  }

  std::unique_ptr<grpc::ClientContext> Context() const {
    auto context = std::make_unique<grpc::ClientContext>();
    context->set_deadline(std::chrono::system_clock::now() + patience_);
    if (pass_through_) context->AddMetadata("authorization", kCallers);
    return context;
  }
  CallEnd Put(const std::string& data, bool may_be_repetition) {
    const auto context = Context();
    if (data.size() > 1'000) {
      auto stream = stub_->UploadAndLink(context.get());
      for (const auto& message : MessagesOf(HeaderFor("o"), data)) {
        if (!stream->Write(message)) break;
      }
      stream->WritesDone();
      pb::UploadAndLinkResponse response;
      while (stream->Read(&response)) {
      }
      return EndOf(stream->Finish());
    }
    pb::UploadObjectRequest request;
    *request.mutable_header() = HeaderFor("o");
    if (may_be_repetition) {
      request.mutable_header()->set_request_id(absl::StrCat("r", ++puts_));
    }
    request.set_data(data);
    pb::UploadObjectResponse response;
    return EndOf(stub_->UploadObject(context.get(), request, &response));
  }
  CallEnd Address(std::string* address = nullptr) const {
    pb::GetPhysicalAddressRequest request;
    *request.mutable_object() = HeaderFor("o").object();
    request.set_presign(address == nullptr);
    pb::GetPhysicalAddressResponse response;
    const CallEnd end =
        EndOf(stub_->GetPhysicalAddress(Context().get(), request, &response));
    if (address != nullptr) *address = response.location().physical_address();
    return end;
  }
  CallEnd Link() const {
    pb::LinkPhysicalAddressRequest request;
    *request.mutable_object() = HeaderFor("o").object();
    auto& staging = *request.mutable_metadata()->mutable_staging();
    staging.set_physical_address(address_);
    staging.set_token("MARKEDstagingtoken");
    request.mutable_metadata()->set_checksum("abc");
    pb::LinkPhysicalAddressResponse response;
    return EndOf(
        stub_->LinkPhysicalAddress(Context().get(), request, &response));
  }
  CallEnd Outcome() const {
    pb::GetUploadOutcomeRequest request;
    request.set_request_id("unknown");
    *request.mutable_object() = HeaderFor("o").object();
    pb::GetUploadOutcomeResponse response;
    return EndOf(stub_->GetUploadOutcome(Context().get(), request, &response));
  }

  static Fault Answer(const std::string& operation, int status) {
    Fault fault;
    fault.operation = operation;
    fault.status = status;
    fault.times = -1;
    fault.body = Echo();
    fault.headers = {{"Set-Cookie", "internal_auth_session=MARKED"},
                     {"Location", "http://s.test/?X-Amz-Signature=MARKED"}};
    return fault;
  }
  static Fault Strike(const std::string& operation, Fault::Kind kind) {
    Fault fault;
    fault.operation = operation;
    fault.kind = kind;
    fault.times = -1;
    if (kind == Fault::Kind::kStall) fault.delay = milliseconds(400);
    return fault;
  }
  // The fault, and what has to go wrong before it can strike.
  static std::vector<Fault> WithWhatLeadsTo(Fault fault) {
    const std::string operation = fault.operation;
    std::vector<Fault> faults = {std::move(fault)};
    if (operation == "getObject" || operation == "deleteObject") {
      // A complete that was lost and that the store knows no more: the object
      // is linked by itself, and read.
      faults.push_back(
          Strike("completePresignMultipartUpload", Fault::Kind::kResetBefore));
      faults.back().times = 1;
      faults.push_back(Answer("completePresignMultipartUpload", 500));
      faults.back().body =
          R"({"message":"complete: api error NoSuchUpload: MARKED"})";
      if (operation == "deleteObject") {
        // And what stood there before cannot be put back.
        faults.push_back(Answer("linkPhysicalAddress", 400));
        faults.back().skip = 1;
      }
    } else if (absl::StrContains(operation, "bort")) {
      faults.push_back(Answer("storePutPart", 400));
    } else if (operation == "uploadPart") {  // an URL that is good no more
      faults.push_back(Answer("storePutPart", 403));
    }
    return faults;
  }

  std::unique_ptr<Emulator> emulator_;
  std::unique_ptr<GatewayProcess> gateway_;
  std::unique_ptr<pb::Staging::Stub> stub_;
  static constexpr milliseconds kPatience{300};

  bool pass_through_ = false;
  milliseconds patience_ = kPatience;  // what each call may take
  std::string address_;                // one that may be linked
  int puts_ = 0;
  Said said_;
};

TEST_P(SecretsTest, NoSecretIsSaid) {
  using Kind = Fault::Kind;
  ASSERT_NO_FATAL_FAILURE(StartLakefs());
  StartGateway("keys");
  patience_ = std::chrono::seconds(20);
  ASSERT_TRUE(Address(&address_).status.ok());
  patience_ = kPatience;
  std::set<std::string> operations = GetParam().operations;
  operations.insert({"getBranch", "login"});
  for (const std::string auth :
       {"keys", "login", "cookie", "token", "pass-through"}) {
    SCOPED_TRACE(auth);
    for (const std::string& operation : operations) {
      const bool all = auth == "keys";
      std::vector<Fault> faults = {Answer(operation, 401),
                                   Answer(operation, 500)};
      for (const int status : {400, 403, 404, 409, 412}) {
        if (all) faults.push_back(Answer(operation, status));
      }
      for (const Kind kind : {Kind::kResetBefore, Kind::kResetAfter,
                              Kind::kTruncate, Kind::kGarbage, Kind::kStall}) {
        if (all) faults.push_back(Strike(operation, kind));
      }
      if (operation == *operations.begin() || kRemembered.contains(operation)) {
        emulator_->AddFault(faults.front());
        StartGateway(auth);
      }
      for (const Fault& fault : faults) {
        Drive(WithWhatLeadsTo(fault),
              /*every_call=*/fault.kind != Kind::kStatus ||
                  fault.status == 401 || fault.status == 500);
      }
    }
    if (auth == "keys") {
      // On a busy machine some calls end before they come that far.
      for (const std::string& operation : GetParam().operations) {
        for (int i = 0; i < 5 && !Failed().contains(operation); ++i) {
          patience_ *= 2;
          Drive(WithWhatLeadsTo(Answer(operation, 500)), /*every_call=*/false);
        }
        patience_ = kPatience;
      }
      EXPECT_THAT(Failed(), IsSupersetOf(GetParam().operations));
    }
  }
  StopGateway();
  EXPECT_TRUE(Failed().contains("login"));
  EXPECT_GT(said_.ended_badly(), said_.calls() / 2);
  EXPECT_GT(said_.bytes(), 100'000U) << "hardly anything was said";
}

INSTANTIATE_TEST_SUITE_P(Servers, SecretsTest, ::testing::ValuesIn(kServers),
                         [](const auto& info) {
                           return std::string(info.param.name);
                         });

// Only the environment may hold a password for a proxy.
TEST(SecretsOfProxiesTest, NoneIsSaid) {
  Said said;
  for (const char* proxy : {"http://MARKEDuser:MARKEDword@127.0.0.1:1",
                            "http://MARKEDuser:MARKEDword@nosuch.invalid:1",
                            "http://MARKEDuser:MARKEDword@no such host:1",
                            "gopher://MARKEDuser:MARKEDword@127.0.0.1:1",
                            "MARKEDuser:MARKEDword@127.0.0.1:99999"}) {
    GatewayProcess gateway("http://lakefs.invalid", {"--log-level=debug"},
                           {{"http_proxy", proxy}});
    const CallEnd end =
        UploadUnary(*gateway.NewStub(), HeaderFor("o"), "x", milliseconds(300));
    EXPECT_FALSE(end.status.ok()) << proxy;
    said.Add(end);
    said.Add("the log", gateway.Log());
    said.Add("/readyz",
             Fetch(absl::StrCat("http://", gateway.admin(), "/readyz")).second);
  }
}

}  // namespace
}  // namespace lakefs::gateway::testing
