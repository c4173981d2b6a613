// Physical addresses: making them, and knowing one's own.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <set>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "tests/emulator/dialect_traits.h"

namespace lakefs::gateway::testing {

// What lakeFS says of an address that it is asked to link.
enum class AddressVerdict {
  kGood,
  kUnsigned,      // 400 `address is not signed: link address invalid`
  kBadSignature,  // 400 `invalid address signature: invalid address`
  kExpired,       // 400 `link address expired`
  kBadToken,      // 400 `bad address token (expired or invalid)`
};

// Makes the part of an address behind the storage namespace:
// for example `data/<partition>/<id>,<signature>`. The id holds the time, so an
// address needs no memory; except in the dialects that let it be linked only
// once.
//
// Threads: all methods may be called from any thread.
class AddressMint {
 public:
  using Now = std::function<std::chrono::system_clock::time_point()>;

  AddressMint(const DialectTraits& traits, Now now);

  // An address for staging, to be linked later.
  std::string Mint(absl::string_view repository, absl::string_view branch,
                   absl::string_view path);

  // An address for bytes that lakeFS itself stores: never signed.
  std::string MintPlain();

  // The staging token of a branch, in the dialects that have one.
  std::string TokenOf(absl::string_view repository,
                      absl::string_view branch) const;

  // Judges an address, relative to the storage namespace, and uses it up if the
  // dialect has it so: not in one step, so that of two links at once both can
  // succeed.
  AddressVerdict Redeem(const std::string& address,
                        absl::string_view repository, absl::string_view branch,
                        absl::string_view path);

 private:
  std::string NextId();
  std::string NextInData();
  std::string Sign(absl::string_view address, absl::string_view repository,
                   absl::string_view branch, absl::string_view path) const;
  bool TooOld(absl::string_view id) const;
  bool IsUnused(const std::string& address) const;

  const DialectTraits& traits_;
  const Now now_;
  const std::string key_;
  const std::string partition_;
  std::atomic<uint32_t> counter_{0};
  mutable absl::Mutex mu_;
  std::set<std::string> unused_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lakefs::gateway::testing
