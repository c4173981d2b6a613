#include "gateway/objectstore/object_store.h"

#include <openssl/evp.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"

namespace lakefs::gateway {

absl::StatusOr<std::unique_ptr<PartedUpload>> ObjectStore::GoOnWithParts(
    const StagingLocation&, const std::string&, int64_t,
    std::span<const StoredPart>) {
  return MakeError(absl::StatusCode::kUnimplemented,
                   "no upload to this store can be gone on with",
                   Reason::kUpstreamUnimplemented);
}

std::string CompositeChecksum(std::span<const StoredPart> parts) {
  std::string md5s;
  for (const StoredPart& part : parts) {
    md5s += absl::HexStringToBytes(part.etag.substr(0, 32));
  }
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(md5s.data(), md5s.size(), digest, &size, EVP_md5(), nullptr);
  return absl::StrCat(absl::BytesToHexString(absl::string_view(
                          reinterpret_cast<char*>(digest), size)),
                      "-", parts.size());
}

bool UrlRefused(const absl::Status& status) {
  return absl::IsPermissionDenied(status) &&
         ReasonOf(status) == Reason::kStoreRejected;
}

bool AddressRefused(const absl::Status& status) {
  return absl::IsAborted(status) && ReasonOf(status) == Reason::kStoreRejected;
}

}  // namespace lakefs::gateway
