#include "tests/testing/lakefs_under_test.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gateway/http/curl_http_client.h"
#include "tests/emulator/emulator.h"

namespace lakefs::gateway::testing {
namespace {

class Emulated final : public LakefsUnderTest {
 public:
  explicit Emulated(const EmulatorOptions& options) : emulator_(options) {
    EXPECT_TRUE(emulator_.Start().ok());
    emulator_.CreateRepository(repository());
  }
  std::string endpoint() const override { return emulator_.endpoint(); }
  std::string store_endpoint() const override {
    return emulator_.store_endpoint();
  }
  std::string repository() const override { return "quickstart"; }
  bool is_real() const override { return false; }
  bool Commit() override { return emulator_.Commit(repository(), "main").ok(); }
  std::optional<std::string> Read(const std::string& path) override {
    return emulator_.ReadObject(repository(), "main", path);
  }

 private:
  Emulator emulator_;
};

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  EXPECT_NE(value, nullptr) << name << " goes with LAKEFS_ENDPOINT";
  return value == nullptr ? "" : value;
}

class Real final : public LakefsUnderTest {
 public:
  explicit Real(std::string endpoint)
      : endpoint_(std::move(endpoint)),
        repository_(Variable("LAKEFS_REPOSITORY")),
        authorization_(absl::StrCat(
            "Basic ",
            absl::Base64Escape(absl::StrCat(
                Variable("LAKECTL_CREDENTIALS_ACCESS_KEY_ID"), ":",
                Variable("LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY"))))) {}
  std::string endpoint() const override { return endpoint_; }
  std::string store_endpoint() const override { return ""; }
  std::string repository() const override { return repository_; }
  bool is_real() const override { return true; }
  bool Commit() override {
    return Send({.operation = "commit",
                 .method = HttpMethod::kPost,
                 .url = absl::StrCat(Base(), "/branches/main/commits"),
                 .headers = {{"Content-Type", "application/json"}},
                 .body = R"({"message":"test"})"})
               .status == 201;
  }
  std::optional<std::string> Read(const std::string& path) override {
    HttpResponse response =
        Send({.operation = "getObject",
              .url = absl::StrCat(
                  Base(), "/refs/main/objects?path=", PercentEncode(path))});
    if (response.status != 200) return std::nullopt;
    return response.body;
  }

 private:
  std::string Base() const {
    return absl::StrCat(endpoint_, "/api/v1/repositories/", repository_);
  }
  HttpResponse Send(HttpRequest request) {
    request.headers.push_back({"Authorization", authorization_});
    const CallContext context(clock_, clock_.Now() + std::chrono::seconds(60),
                              "test");
    auto response = http_.Send(context, request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? *response : HttpResponse{};
  }

  const std::string endpoint_;
  const std::string repository_;
  const std::string authorization_;
  RealClock clock_;
  CurlHttpClient http_;
};

}  // namespace

std::unique_ptr<LakefsUnderTest> LakefsUnderTest::New(
    const EmulatorOptions& options) {
  const char* endpoint = std::getenv("LAKEFS_ENDPOINT");
  if (endpoint != nullptr) return std::make_unique<Real>(endpoint);
  return std::make_unique<Emulated>(options);
}

}  // namespace lakefs::gateway::testing
