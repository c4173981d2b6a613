#include "gateway/lakefs/credentials_file.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gateway/base/log.h"
#include "gateway/base/secret_file.h"

namespace lakefs::gateway {
namespace {

constexpr std::chrono::seconds kReadEvery{5};

// What follows "NAME=" on a line of its own; "" if there is none.
absl::string_view LineOf(absl::string_view text, absl::string_view name) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (absl::ConsumePrefix(&line, name) && absl::ConsumePrefix(&line, "=")) {
      return line;
    }
  }
  return "";
}

bool IsOneWord(absl::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isgraph(c)) return false;
  }
  return !text.empty();
}

// The file's token as a header.
absl::StatusOr<HttpHeader> ReadToken(const std::string& path) {
  const auto text = ReadSecretFile(path);
  if (!text.ok()) return text.status();
  if (IsOneWord(*text)) return FixedCredentials::Token(*text).header();
  return absl::InvalidArgumentError(absl::StrCat(path, " holds no token"));
}

// The file's keys as a header.
absl::StatusOr<HttpHeader> ReadKeys(const std::string& path) {
  const auto key = ReadAccessKey(path);
  if (!key.ok()) return key.status();
  return FixedCredentials::Keys(key->id, key->secret).header();
}

}  // namespace

absl::StatusOr<AccessKey> ReadAccessKey(const std::string& path) {
  const auto text = ReadSecretFile(path);
  if (!text.ok()) return text.status();
  const auto id = LineOf(*text, "LAKECTL_CREDENTIALS_ACCESS_KEY_ID");
  const auto secret = LineOf(*text, "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY");
  if (!IsOneWord(id) || !IsOneWord(secret)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path,
                     " does not hold LAKECTL_CREDENTIALS_ACCESS_KEY_ID=... and "
                     "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY=..."));
  }
  return AccessKey{std::string(id), std::string(secret)};
}

absl::StatusOr<std::unique_ptr<CredentialsFile>> CredentialsFile::Open(
    std::string path, Kind kind, const Clock& clock, Metrics& metrics) {
  auto file = std::unique_ptr<CredentialsFile>(
      new CredentialsFile(std::move(path), kind, clock, metrics));
  absl::MutexLock lock(&file->mu_);
  if (auto s = file->Read(); !s.ok()) return s;
  return file;
}

absl::StatusOr<HttpHeader> CredentialsFile::Get(const CallContext&) {
  absl::MutexLock lock(&mu_);
  if (clock_.Now() - read_ >= kReadEvery) ReadAgain();
  return header_;
}

bool CredentialsFile::Renew(const CallContext&, const HttpHeader& refused) {
  absl::MutexLock lock(&mu_);
  if (header_.value == refused.value) ReadAgain();
  return header_.value != refused.value;
}

absl::Status CredentialsFile::Read() {
  read_ = clock_.Now();
  auto header = kind_ == Kind::kToken ? ReadToken(path_) : ReadKeys(path_);
  if (!header.ok()) return header.status();
  header_ = *std::move(header);
  return absl::OkStatus();
}

void CredentialsFile::ReadAgain() {
  const std::string before = header_.value;
  const absl::Status read = Read();
  if (read.ok() && header_.value == before) return;
  metrics_.CredentialsRenewed(read.ok());
  if (read.ok()) return Log(LogLevel::kInfo, "credentials read again");
  Log(LogLevel::kError, "file of credentials is unusable",
      {{"message", std::string(read.message())}});
}

}  // namespace lakefs::gateway
