#include "tests/emulator/address_mint.h"

#include <array>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/emulator/digest.h"

namespace lakefs::gateway::testing {
namespace {

constexpr absl::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuv";
// From lakeFS's look whether an address was used to its marking as such.
constexpr std::chrono::microseconds kLookToUse{200};

constexpr size_t kIdSize = 20;  // Characters of 5 bits for 12 bytes.

// An id begins with its time as 4 bytes, most significant first.
std::string MakeId(uint32_t seconds, uint64_t rest) {
  std::array<uint8_t, 12> bytes{};
  for (int i = 0; i < 4; ++i) bytes[i] = seconds >> (24 - 8 * i);
  for (int i = 0; i < 8; ++i) bytes[4 + i] = rest >> (56 - 8 * i);
  std::string id;
  uint32_t bits = 0;
  int have = 0;
  for (uint8_t byte : bytes) {
    bits = bits << 8 | byte;
    for (have += 8; have >= 5; have -= 5) {
      id.push_back(kAlphabet[bits >> (have - 5) & 31]);
    }
  }
  id.push_back(kAlphabet[bits << (5 - have) & 31]);
  return id;
}

int64_t SecondsOf(absl::string_view id) {
  uint64_t bits = 0;
  for (char c : id.substr(0, 7)) bits = bits << 5 | kAlphabet.find(c) % 32;
  return static_cast<int64_t>(bits >> 3);  // 35 bits read, 32 wanted.
}

uint64_t Random() {
  std::random_device random;
  return uint64_t{random()} << 32 | random();
}

}  // namespace

AddressMint::AddressMint(const DialectTraits& traits, Now now)
    : traits_(traits),
      now_(std::move(now)),
      key_(absl::StrCat(Random(), Random())),
      partition_(MakeId(0x7fffffff, Random())) {}

std::string AddressMint::NextId() {
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(
      now_().time_since_epoch());
  return MakeId(static_cast<uint32_t>(seconds.count()),
                uint64_t{0x5b1e3d2c} << 32 | ++counter_);
}

std::string AddressMint::MintPlain() {
  if (traits_.plain_upload_address) {
    return Hex(HmacSha256(key_, NextId())).substr(0, 32);
  }
  return NextInData();
}

std::string AddressMint::NextInData() {
  return absl::StrCat("data/", partition_, "/", NextId());
}

std::string AddressMint::Mint(absl::string_view repository,
                              absl::string_view branch,
                              absl::string_view path) {
  if (traits_.address_form == AddressForm::kToken) {
    return absl::StrCat("data/", TokenOf(repository, branch), "/", NextId());
  }
  std::string address = NextInData();
  if (traits_.address_form == AddressForm::kSignedXid) {
    return absl::StrCat(address, ",", Sign(address, repository, branch, path));
  }
  if (traits_.single_use) {
    absl::MutexLock lock(&mu_);
    unused_.insert(address);
  }
  return address;
}

std::string AddressMint::TokenOf(absl::string_view repository,
                                 absl::string_view branch) const {
  std::string name = absl::StrCat(repository, "-", branch);
  std::string hex = Hex(HmacSha256(key_, name));
  return absl::StrCat(name, ":", hex.substr(0, 8), "-", hex.substr(8, 4), "-",
                      hex.substr(12, 4), "-", hex.substr(16, 4), "-",
                      hex.substr(20, 12));
}

AddressVerdict AddressMint::Redeem(const std::string& address,
                                   absl::string_view repository,
                                   absl::string_view branch,
                                   absl::string_view path) {
  std::vector<std::string> parts = absl::StrSplit(address, ',');
  absl::string_view id = parts[0];
  id.remove_prefix(id.rfind('/') + 1);
  if (traits_.address_form == AddressForm::kSignedXid) {
    if (parts.size() != 2) return AddressVerdict::kUnsigned;
    if (parts[1] != Sign(parts[0], repository, branch, path)) {
      return AddressVerdict::kBadSignature;
    }
    return TooOld(id) ? AddressVerdict::kExpired : AddressVerdict::kGood;
  }
  if (!traits_.single_use) return AddressVerdict::kGood;
  if (!IsUnused(address) || TooOld(id)) return AddressVerdict::kBadToken;
  std::this_thread::sleep_for(kLookToUse);
  absl::MutexLock lock(&mu_);
  unused_.erase(address);
  return AddressVerdict::kGood;
}

bool AddressMint::IsUnused(const std::string& address) const {
  absl::MutexLock lock(&mu_);
  return unused_.contains(address);
}

std::string AddressMint::Sign(absl::string_view address,
                              absl::string_view repository,
                              absl::string_view branch,
                              absl::string_view path) const {
  std::string text =
      absl::StrCat(address, "\n", repository, "\n", branch, "\n", path);
  return absl::WebSafeBase64Escape(HmacSha256(key_, text));
}

bool AddressMint::TooOld(absl::string_view id) const {
  if (!traits_.link_deadline.has_value() || id.size() != kIdSize) return false;
  std::chrono::system_clock::time_point made{
      std::chrono::seconds(SecondsOf(id))};
  return now_() - made > *traits_.link_deadline;
}

}  // namespace lakefs::gateway::testing
