#include "tests/emulator/local_store.h"

#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tests/emulator/content_writer.h"
#include "tests/emulator/digest.h"

namespace lakefs::gateway::testing {
namespace {

constexpr std::streamsize kReadBuffer = 1 << 20;

}  // namespace

LocalStore::LocalStore(std::string root, const EmulatorOptions& options)
    : root_(std::move(root)), policy_(ContentPolicyOf(options)) {}

std::string LocalStore::NamespaceOf(absl::string_view repository) const {
  return absl::StrCat("local://", repository);
}

std::string LocalStore::AddressIn(absl::string_view storage_namespace,
                                  absl::string_view relative) const {
  absl::ConsumePrefix(&storage_namespace, "local://");
  return absl::StrCat("local://", root_, "/", storage_namespace, "/", relative);
}

std::string LocalStore::ShownAddress(const std::string& address) const {
  return FileOf(address).empty()
             ? address
             : absl::StrCat("local://", root_, FileOf(address));
}

StoredObject LocalStore::Put(const std::string& address, Content content,
                             const std::string&) {
  StoredObject stored{Hex(ETagBytes(content, policy_)), content.size_bytes};
  if (content.bytes == nullptr) {
    absl::MutexLock lock(&mu_);
    discarded_[address] = std::move(content);
    return stored;
  }
  std::filesystem::path file = FileOf(address);
  std::error_code ignored;
  std::filesystem::create_directories(file.parent_path(), ignored);
  std::ofstream(file, std::ios::binary) << *content.bytes;
  return stored;
}

std::optional<Content> LocalStore::Get(const std::string& address) const {
  {
    absl::MutexLock lock(&mu_);
    auto it = discarded_.find(address);
    if (it != discarded_.end()) return it->second;
  }
  std::string file = FileOf(address);
  if (file.empty()) return std::nullopt;
  std::ifstream in(file, std::ios::binary);
  if (!in) return std::nullopt;
  ContentPolicy policy = policy_;
  policy.has_md5 = false;
  ContentWriter writer(policy);
  std::string piece(kReadBuffer, '\0');
  while (in.read(piece.data(), kReadBuffer) || in.gcount() > 0) {
    writer.Append({piece.data(), static_cast<size_t>(in.gcount())});
  }
  return writer.Finish();
}

absl::Status LocalStore::CheckReadable(const std::string& address) const {
  if (absl::StrContains(address, "/../")) {
    return absl::InternalError("bad path traversal blocked");
  }
  return FileOf(address).empty() ? absl::PermissionDeniedError("forbidden")
                                 : absl::OkStatus();
}

absl::StatusOr<std::string> LocalStore::Presign(absl::string_view,
                                                const std::string&) {
  return absl::UnimplementedError(
      "local adapter presigned URL: operation not supported");
}

std::string LocalStore::FileOf(absl::string_view address) const {
  if (!absl::ConsumePrefix(&address, "local://") ||
      !absl::StartsWith(address, absl::StrCat(root_, "/")) ||
      absl::StrContains(address, "/../")) {
    return "";
  }
  return std::string(address);
}

}  // namespace lakefs::gateway::testing
