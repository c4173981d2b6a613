#include "gateway/staging/integrity.h"

#include <openssl/evp.h>

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/crc32c.h"
#include "gateway/base/error.h"
#include "gateway/staging/upload_request.h"

namespace lakefs::gateway {
namespace {

absl::Status Invalid(Reason reason, absl::string_view message) {
  return MakeError(absl::StatusCode::kInvalidArgument, message, reason);
}

absl::Status DigestMismatch(absl::string_view name, absl::string_view said,
                            absl::string_view computed) {
  return Invalid(
      Reason::kChecksumMismatch,
      absl::StrCat("finish.", name, " is ", absl::BytesToHexString(said),
                   ", but the bytes that came have ",
                   absl::BytesToHexString(computed)));
}

std::string Hex(uint32_t value) {
  return absl::StrCat(absl::Hex(value, absl::kZeroPad8));
}

}  // namespace

absl::Status Integrity::Add(const Chunk& chunk) {
  if (chunk.write_offset != size_bytes_) {
    return Invalid(Reason::kBadFrameOrder,
                   absl::StrCat("chunk.write_offset is ", chunk.write_offset,
                                ", but ", size_bytes_, " was due"));
  }
  const size_t size = chunk.data.size();
  if (size == 0 || size > RequestLimits::kChunkBytes) {
    return InvalidRequest(
        {{"chunk.data", absl::StrCat("has ", size,
                                     " bytes; 1 byte to 4 MiB "
                                     "are taken, about 1 MiB is best")}});
  }
  const uint32_t crc = Crc32c(chunk.data);
  if (chunk.crc32c && *chunk.crc32c != crc) {
    return Invalid(
        Reason::kChecksumMismatch,
        absl::StrCat("chunk.crc32c at offset ", size_bytes_, " is ",
                     Hex(*chunk.crc32c), ", but the bytes have ", Hex(crc)));
  }
  if (announced_ && size_bytes_ + static_cast<int64_t>(size) > *announced_) {
    return Invalid(Reason::kSizeMismatch,
                   absl::StrCat("more bytes came than the ", *announced_,
                                " of header.size_bytes"));
  }
  crc32c_ = ConcatCrc32c(crc32c_, crc, size);
  size_bytes_ += static_cast<int64_t>(size);
  return absl::OkStatus();
}

absl::Status Integrity::Check(const Finish& finish) const {
  if (finish.size_bytes != size_bytes_) {
    return Invalid(Reason::kSizeMismatch,
                   absl::StrCat("finish.size_bytes is ", finish.size_bytes,
                                ", but ", size_bytes_, " bytes came"));
  }
  if (announced_ && *announced_ != size_bytes_) {
    return Invalid(Reason::kSizeMismatch,
                   absl::StrCat("header.size_bytes is ", *announced_, ", but ",
                                size_bytes_, " bytes came"));
  }
  if (finish.crc32c && *finish.crc32c != crc32c_) {
    return Invalid(
        Reason::kChecksumMismatch,
        absl::StrCat("finish.crc32c is ", Hex(*finish.crc32c),
                     ", but the bytes that came have ", Hex(crc32c_)));
  }
  return absl::OkStatus();
}

struct Digester::Contexts {
  EVP_MD_CTX* sha256 = EVP_MD_CTX_new();
  EVP_MD_CTX* md5 = EVP_MD_CTX_new();
  ~Contexts() {
    EVP_MD_CTX_free(sha256);
    EVP_MD_CTX_free(md5);
  }
};

Digester::Digester() : contexts_(std::make_unique<Contexts>()) {
  EVP_DigestInit_ex(contexts_->sha256, EVP_sha256(), nullptr);
  EVP_DigestInit_ex(contexts_->md5, EVP_md5(), nullptr);
}

Digester::~Digester() = default;

void Digester::Add(absl::string_view data) {
  EVP_DigestUpdate(contexts_->sha256, data.data(), data.size());
  EVP_DigestUpdate(contexts_->md5, data.data(), data.size());
}

absl::Status Digester::Check(const Finish& finish) {
  const auto compare = [](EVP_MD_CTX* context, absl::string_view name,
                          const std::optional<std::string>& said) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_DigestFinal_ex(context, digest, &size);
    const absl::string_view computed(reinterpret_cast<char*>(digest), size);
    return !said || *said == computed ? absl::OkStatus()
                                      : DigestMismatch(name, *said, computed);
  };
  if (auto s = compare(contexts_->sha256, "sha256", finish.sha256); !s.ok()) {
    return s;
  }
  return compare(contexts_->md5, "md5", finish.md5);
}

}  // namespace lakefs::gateway
