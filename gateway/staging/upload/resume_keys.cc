#include "gateway/staging/upload/resume_keys.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gateway/base/log.h"
#include "gateway/base/secret_file.h"

namespace lakefs::gateway {
namespace {

constexpr std::chrono::seconds kReadEvery{5};
constexpr char kVersion = 1;
constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;

unsigned char* Raw(std::string& text, size_t at = 0) {
  return reinterpret_cast<unsigned char*>(text.data() + at);
}
const unsigned char* Raw(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

Cipher NewCipher() { return {EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free}; }

}  // namespace

absl::StatusOr<std::unique_ptr<ResumeKeys>> ResumeKeys::Open(
    std::string path, const Clock& clock) {
  auto keys =
      std::unique_ptr<ResumeKeys>(new ResumeKeys(std::move(path), clock));
  absl::MutexLock lock(&keys->mu_);
  keys->read_ = clock.Now();
  if (keys->path_.empty()) {
    Key key;
    RAND_bytes(key.data(), static_cast<int>(key.size()));
    keys->keys_ = {key};
    return keys;
  }
  auto read = Read(keys->path_);
  if (!read.ok()) return read.status();
  keys->keys_ = *std::move(read);
  return keys;
}

// Errors name a line, never what is on it.
absl::StatusOr<ResumeKeys::Keys> ResumeKeys::Read(const std::string& path) {
  const auto text = ReadSecretFile(path);
  if (!text.ok()) return text.status();
  Keys keys;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty()) continue;
    std::string bytes;
    if (!absl::Base64Unescape(line, &bytes) || bytes.size() != kKeyBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, " does not hold base64 of 32 bytes on line ",
                       number, ", as of `openssl rand -base64 32`"));
    }
    Key& key = keys.emplace_back();
    std::copy(bytes.begin(), bytes.end(), key.begin());
  }
  if (keys.empty() || keys.size() > kMostKeys) {
    return absl::InvalidArgumentError(absl::StrCat(path, " holds ", keys.size(),
                                                   " keys, and 1 to ",
                                                   kMostKeys, " are taken"));
  }
  return keys;
}

ResumeKeys::Keys ResumeKeys::Get() {
  absl::MutexLock lock(&mu_);
  if (path_.empty() || clock_.Now() - read_ < kReadEvery) return keys_;
  read_ = clock_.Now();
  auto keys = Read(path_);
  if (!keys.ok()) {
    Log(LogLevel::kError, "file of resume keys is unusable",
        {{"message", std::string(keys.status().message())}});
  } else if (*keys != keys_) {
    keys_ = *std::move(keys);
    Log(LogLevel::kInfo, "resume keys read again");
  }
  return keys_;
}

std::string ResumeKeys::Seal(absl::string_view text) {
  const Keys keys = Get();
  std::string sealed(kOverhead + text.size(), '\0');
  sealed[0] = kVersion;
  RAND_bytes(Raw(sealed, 1), kNonceBytes);
  const size_t body = 1 + kNonceBytes;
  const Cipher cipher = NewCipher();
  int size = 0;
  EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr,
                     keys.front().data(), Raw(sealed, 1));
  EVP_EncryptUpdate(cipher.get(), nullptr, &size, Raw(sealed), 1);
  EVP_EncryptUpdate(cipher.get(), Raw(sealed, body), &size, Raw(text),
                    static_cast<int>(text.size()));
  EVP_EncryptFinal_ex(cipher.get(), Raw(sealed, body + text.size()), &size);
  EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes,
                      Raw(sealed, body + text.size()));
  return sealed;
}

std::optional<std::string> ResumeKeys::Unseal(absl::string_view sealed) {
  if (sealed.size() < kOverhead || sealed[0] != kVersion) return std::nullopt;
  const absl::string_view nonce = sealed.substr(1, kNonceBytes);
  const absl::string_view body =
      sealed.substr(1 + kNonceBytes, sealed.size() - kOverhead);
  std::string tag(sealed.substr(sealed.size() - kTagBytes));
  for (const Key& key : Get()) {
    std::string text(body.size(), '\0');
    const Cipher cipher = NewCipher();
    int size = 0;
    EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.data(),
                       Raw(nonce));
    EVP_DecryptUpdate(cipher.get(), nullptr, &size, Raw(sealed), 1);
    EVP_DecryptUpdate(cipher.get(), Raw(text), &size, Raw(body),
                      static_cast<int>(body.size()));
    EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes,
                        Raw(tag));
    unsigned char nothing[kTagBytes];
    if (EVP_DecryptFinal_ex(cipher.get(), nothing, &size) == 1) return text;
  }
  return std::nullopt;
}

}  // namespace lakefs::gateway
