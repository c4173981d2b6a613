#include "gateway/lakefs/token_file.h"

#include "absl/strings/str_cat.h"
#include "gateway/base/log.h"
#include "gateway/base/secret_file.h"

namespace lakefs::gateway {
namespace {

constexpr std::chrono::seconds kReadEvery{5};

}  // namespace

absl::StatusOr<std::unique_ptr<TokenFile>> TokenFile::Open(std::string path,
                                                           const Clock& clock,
                                                           Metrics& metrics) {
  auto file = std::unique_ptr<TokenFile>(
      new TokenFile(std::move(path), clock, metrics));
  absl::MutexLock lock(&file->mu_);
  if (auto s = file->Read(); !s.ok()) return s;
  return file;
}

absl::StatusOr<HttpHeader> TokenFile::Get(const CallContext&) {
  absl::MutexLock lock(&mu_);
  if (clock_.Now() - read_ >= kReadEvery) ReadAgain();
  return HttpHeader{"Authorization", value_};
}

bool TokenFile::Renew(const CallContext&, const HttpHeader& refused) {
  absl::MutexLock lock(&mu_);
  if (value_ == refused.value) ReadAgain();
  return value_ != refused.value;
}

absl::Status TokenFile::Read() {
  read_ = clock_.Now();
  const auto token = ReadSecretFile(path_);
  if (!token.ok()) return token.status();
  if (token->empty()) {
    return absl::InvalidArgumentError(absl::StrCat(path_, " is empty"));
  }
  value_ = absl::StrCat("Bearer ", *token);
  return absl::OkStatus();
}

void TokenFile::ReadAgain() {
  const std::string before = value_;
  const absl::Status read = Read();
  if (read.ok() && value_ == before) return;
  metrics_.CredentialsRenewed(read.ok());
  if (read.ok()) return Log(LogLevel::kInfo, "token-file read again");
  Log(LogLevel::kError, "token-file is unusable",
      {{"message", std::string(read.message())}});
}

}  // namespace lakefs::gateway
