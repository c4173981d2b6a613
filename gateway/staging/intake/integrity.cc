#include "gateway/staging/intake/integrity.h"

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

absl::StatusOr<uint32_t> Integrity::Check(const Chunk& chunk) const {
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
  return crc;
}

void Integrity::Extend(absl::string_view data, std::optional<uint32_t> crc32c) {
  const uint32_t crc = crc32c ? *crc32c : Crc32c(data);
  crc32c_ = ConcatCrc32c(crc32c_, crc, data.size());
  size_bytes_ += static_cast<int64_t>(data.size());
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

struct Digester::Context {
  explicit Context(const EVP_MD* type) {
    EVP_DigestInit_ex(evp, type, nullptr);
  }
  Context(const Context& other) { EVP_MD_CTX_copy_ex(evp, other.evp); }
  ~Context() { EVP_MD_CTX_free(evp); }

  absl::Status Check(absl::string_view name, const std::string& said) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_DigestFinal_ex(evp, digest, &size);
    const absl::string_view computed(reinterpret_cast<char*>(digest), size);
    if (said == computed) return absl::OkStatus();
    return DigestMismatch(name, said, computed);
  }

  EVP_MD_CTX* const evp = EVP_MD_CTX_new();
};

Digester::Digester(bool sha256, bool md5) {
  if (sha256) sha256_ = std::make_unique<Context>(EVP_sha256());
  if (md5) md5_ = std::make_unique<Context>(EVP_md5());
}

Digester::~Digester() = default;
Digester::Digester(Digester&&) noexcept = default;
Digester& Digester::operator=(Digester&&) noexcept = default;

Digester Digester::Clone() const {
  Digester clone(false, false);
  if (sha256_) clone.sha256_ = std::make_unique<Context>(*sha256_);
  if (md5_) clone.md5_ = std::make_unique<Context>(*md5_);
  return clone;
}

void Digester::Add(absl::string_view data) {
  for (Context* context : {sha256_.get(), md5_.get()}) {
    if (context) EVP_DigestUpdate(context->evp, data.data(), data.size());
  }
}

absl::Status Digester::Check(const Finish& finish) {
  const auto check = [](Context* context, absl::string_view name,
                        const std::optional<std::string>& said) {
    if (!said) return absl::OkStatus();
    if (context) return context->Check(name, *said);
    return InvalidRequest(
        {{absl::StrCat("finish.", name),
          absl::StrCat("cannot be checked any more; set header.", name,
                       "_follows so that it is computed while the bytes "
                       "come")}});
  };
  if (auto s = check(sha256_.get(), "sha256", finish.sha256); !s.ok()) return s;
  return check(md5_.get(), "md5", finish.md5);
}

}  // namespace lakefs::gateway
