#include "tests/emulator/content_writer.h"

#include <openssl/evp.h>

#include <algorithm>
#include <utility>

#include "tests/emulator/crc32c.h"

namespace lakefs::gateway::testing {
namespace {

// Room is not made for more than this before the bytes arrive.
constexpr uint64_t kLargestReserve = uint64_t{256} << 20;

// Objects up to this size are kept also where bytes are discarded: there are
// clients that read a small one back before they send a large one.
constexpr uint64_t kAlwaysKept = 64;

}  // namespace

struct ContentWriter::Md5State {
  Md5State() : context(EVP_MD_CTX_new()) {
    EVP_DigestInit_ex(context, EVP_md5(), nullptr);
  }
  ~Md5State() { EVP_MD_CTX_free(context); }
  Md5State(const Md5State&) = delete;
  Md5State& operator=(const Md5State&) = delete;

  EVP_MD_CTX* const context;
};

ContentWriter::ContentWriter(const ContentPolicy& policy)
    : policy_(policy),
      md5_(policy.has_md5 ? std::make_unique<Md5State>() : nullptr) {}

ContentWriter::~ContentWriter() = default;

void ContentWriter::Reserve(uint64_t size_bytes) {
  if (policy_.keeps_bytes) {
    bytes_.reserve(std::min(size_bytes, kLargestReserve));
  }
}

void ContentWriter::Append(absl::string_view data) {
  if (corrupt_ && !data.empty()) {
    corrupt_ = false;
    char wrong = static_cast<char>(data[0] ^ 1);
    Take({&wrong, 1});
    data.remove_prefix(1);
  }
  Take(data);
}

void ContentWriter::Take(absl::string_view data) {
  content_.size_bytes += data.size();
  if (policy_.has_crc32c) content_.crc32c = Crc32c(data, content_.crc32c);
  if (md5_) EVP_DigestUpdate(md5_->context, data.data(), data.size());
  if (policy_.keeps_bytes || content_.size_bytes <= kAlwaysKept) {
    bytes_.append(data.data(), data.size());
  }
}

Content ContentWriter::Finish() {
  if (corrupt_) Take("?");
  if (md5_) {
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_DigestFinal_ex(md5_->context, out, &size);
    content_.md5.assign(reinterpret_cast<char*>(out), size);
  }
  if (policy_.keeps_bytes || content_.size_bytes <= kAlwaysKept) {
    content_.bytes = std::make_shared<const std::string>(std::move(bytes_));
  }
  return std::move(content_);
}

}  // namespace lakefs::gateway::testing
