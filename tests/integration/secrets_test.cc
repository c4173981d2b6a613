// No secret comes out: every error path is driven with marked secrets, and what
// the gateway says is searched for them.
#include <gmock/gmock.h>

#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/http_get.h"
#include "tests/testing/stage.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;

// What must not be seen anywhere.
constexpr char kKey[] = "MARKEDlakefssecretkey";
constexpr char kStoreKey[] = "MARKEDstoresecretkey";
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
    ended_badly_ += !end.status.ok();
  }
  int ended_badly() const { return ended_badly_; }
  size_t bytes() const { return bytes_; }

 private:
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

class SecretsTest : public ::testing::TestWithParam<EmulatorOptions> {
 protected:
  // Every operation, each with every way to fail, one at a time.
  void Drive(Stage& stage, Said& said, bool pass_through) {
    const std::string large = Bytes(9 << 20);
    for (const char* operation :
         {"getConfig", "statObject", "getBranch", "getPhysicalAddress",
          "linkPhysicalAddress", "createPresignMultipartUpload", "uploadPart",
          "completePresignMultipartUpload", "abortPresignMultipartUpload",
          "storePut", "storePutPart", "storePutBlockList", "uploadObject",
          "login", "getRepository"}) {
      for (const int status : {400, 401, 403, 404, 409, 412, 500}) {
        Fault fault;
        fault.operation = operation;
        fault.status = status;
        fault.times = -1;
        fault.body = Echo();
        fault.headers = {{"Set-Cookie", "internal_auth_session=MARKED"},
                         {"Location", "http://s.test/?X-Amz-Signature=MARKED"}};
        faults_.push_back(fault);
      }
    }
    for (const Fault& fault : faults_) {
      Emulator& emulator = stage.emulator;
      EmulatorFault only(emulator, fault);
      const bool parts = absl::StrContains(fault.operation, "art");
      said.Add(Call(stage, parts ? large : "small", pass_through));
    }
  }
  struct EmulatorFault {
    EmulatorFault(Emulator& emulator, const Fault& fault)
        : emulator_(emulator) {
      emulator_.AddFault(fault);
    }
    ~EmulatorFault() { emulator_.ClearFaults(); }
    Emulator& emulator_;
  };
  static CallEnd Call(Stage& stage, const std::string& data,
                      bool pass_through) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::milliseconds(300));
    if (pass_through) context.AddMetadata("authorization", kCallers);
    if (data.size() > 1'000) {
      auto stream = stage.stub->UploadAndLink(&context);
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
    request.set_data(data);
    pb::UploadObjectResponse response;
    return EndOf(stage.stub->UploadObject(&context, request, &response));
  }
  std::vector<Fault> faults_;
};

TEST_P(SecretsTest, NoSecretIsSaid) {
  EmulatorOptions options = GetParam();
  options.secret_access_key = kKey;
  for (const char* auth : {"keys", "login", "cookie", "pass-through"}) {
    SCOPED_TRACE(auth);
    const bool pass_through = auth == std::string("pass-through");
    Stage stage(options,
                {absl::StrCat("--auth=", auth), "--log-level=debug",
                 "--s3-endpoint=http://127.0.0.1:1"},
                {{"LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", kKey},
                 {"AWS_ACCESS_KEY_ID", "AKIASTORE"},
                 {"AWS_SECRET_ACCESS_KEY", kStoreKey}});
    stage.may_leave_uploads = true;  // aborts fail, too
    Said said;
    faults_.clear();
    Drive(stage, said, pass_through);
    EXPECT_GT(said.ended_badly(), 5);
    said.Add("the log", stage.gateway->Log());
    for (const char* path : {"/metrics", "/readyz"}) {
      said.Add(
          path,
          Fetch(absl::StrCat("http://", stage.gateway->admin(), path)).second);
    }
    EXPECT_GT(said.bytes(), 20'000U) << "hardly anything was said";
  }
}

INSTANTIATE_TEST_SUITE_P(
    Servers, SecretsTest,
    ::testing::Values(EmulatorOptions{},
                      EmulatorOptions{.dialect = Dialect::kV0_101},
                      EmulatorOptions{.store = StoreKind::kAzure},
                      EmulatorOptions{.store = StoreKind::kGcs},
                      EmulatorOptions{.store = StoreKind::kLocal}),
    [](const auto& info) { return absl::StrCat("n", info.index); });

}  // namespace
}  // namespace lakefs::gateway::testing
