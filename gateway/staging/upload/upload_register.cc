#include "gateway/staging/upload/upload_register.h"

#include <openssl/sha.h>

#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/staging/link/link_loop.h"
#include "gateway/staging/link/request_mark.h"

namespace lakefs::gateway {
namespace {

// Callers of different authorizations do not meet. The authorization itself is
// a secret, and is not kept.
std::string KeyOf(const CallContext& context, const std::string& request_id) {
  const std::string& authorization = context.authorization();
  if (authorization.empty()) return request_id;
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(authorization.data()),
         authorization.size(), digest);
  return absl::StrCat(
      request_id, absl::string_view("\0", 1),
      absl::string_view(reinterpret_cast<const char*>(digest), sizeof digest));
}

int64_t BytesOf(const UserMetadata& metadata) {
  int64_t bytes = 0;
  for (const auto& [key, value] : metadata) {
    bytes += static_cast<int64_t>(128 + key.size() + value.size());
  }
  return bytes;
}

// About what an entry takes.
int64_t BytesOf(const std::string& key, const UploadRegister::Entry& entry) {
  const UploadRequest& request = entry.request;
  int64_t bytes = static_cast<int64_t>(
      1024 + 2 * key.size() + request.object.branch.size() +
      2 * request.object.path.size() +
      entry.report.link.status.message().size());
  bytes += 2 * BytesOf(request.user_metadata);
  // Kept of it, of its link, and as a mark.
  if (request.if_match) {
    bytes += 4 * static_cast<int64_t>(request.if_match->size());
  }
  if (const auto& undecided = entry.report.link.undecided) {
    bytes += undecided->SizeInMemory();
  }
  return bytes;
}

}  // namespace

using Turn = UploadRegister::Turn;

Turn& Turn::operator=(Turn&& other) noexcept {
  std::swap(owner_, other.owner_);
  std::swap(key_, other.key_);
  std::swap(earlier_, other.earlier_);
  return *this;
}

Turn::~Turn() {
  if (owner_) owner_->Drop(key_);
}

void Turn::End(const UploadReport& report, TimePoint now) {
  if (owner_) std::exchange(owner_, nullptr)->End(key_, report, now);
}

absl::StatusOr<Turn> UploadRegister::Begin(const CallContext& context,
                                           const UploadRequest& request) {
  const std::string key = KeyOf(context, request.request_id);
  bool cancelled = false;
  CancelHook wake(context, [this, &cancelled] {
    absl::MutexLock lock(&mu_);
    cancelled = true;
  });
  absl::MutexLock lock(&mu_);
  ForgetOld(context.clock().Now());
  Known& known = entries_[key];
  if (!known.over && !known.entry.running && known.waiting == 0) {
    known.entry = {.request = request, .running = true};
    known.entry.request.resume_token.clear();  // a secret, and long
    return Turn(this, key, std::nullopt);
  }
  if (!SameHeader(known.entry.request, request)) return OtherHeader();
  ++known.waiting;
  const auto free = [&known, &cancelled]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return !known.entry.running || cancelled;
  };
  context.clock().WaitUntil(mu_, context.deadline(), absl::Condition(&free));
  --known.waiting;
  if (known.entry.running) {
    return cancelled ? absl::CancelledError("the caller cancelled the call")
                     : absl::DeadlineExceededError(
                           "the deadline passed while another call with the "
                           "same request_id was under way");
  }
  std::optional<UploadReport> earlier;
  if (known.over) earlier = known.entry.report;
  if (earlier && earlier->link.status.ok()) return Turn(nullptr, key, earlier);
  TakeOut(known);
  known.entry.running = true;
  return Turn(this, key, std::move(earlier));
}

std::optional<UploadRegister::Entry> UploadRegister::Find(
    const CallContext& context, const std::string& request_id) {
  absl::MutexLock lock(&mu_);
  ForgetOld(context.clock().Now());
  const auto found = entries_.find(KeyOf(context, request_id));
  if (found == entries_.end()) return std::nullopt;
  return found->second.entry;
}

void UploadRegister::Found(const CallContext& context,
                           const std::string& request_id,
                           const UndecidedLink& undecided,
                           const LinkReport& found) {
  absl::MutexLock lock(&mu_);
  const auto entry = entries_.find(KeyOf(context, request_id));
  if (entry == entries_.end() || !entry->second.over) return;
  LinkReport& link = entry->second.entry.report.link;
  if (link.undecided.get() != &undecided) return;
  link = found;
  Known& known = entry->second;
  decided_.splice(decided_.end(), undecided_, known.age);
  known.over = &decided_;
}

void UploadRegister::End(const std::string& key, const UploadReport& report,
                         TimePoint now) {
  absl::MutexLock lock(&mu_);
  Known& known = entries_.at(key);
  known.entry.running = false;
  known.entry.report = report;
  const bool unknown = report.link.outcome == Outcome::kUnknown;
  known.over = unknown ? &undecided_ : &decided_;
  known.ended = now;
  known.bytes = BytesOf(key, known.entry);
  known.age = known.over->insert(known.over->end(), key);
  bytes_ += known.bytes;
  ForgetOld(now);
}

void UploadRegister::Drop(const std::string& key) {
  absl::MutexLock lock(&mu_);
  const auto found = entries_.find(key);
  found->second.entry.running = false;
  if (found->second.waiting == 0) entries_.erase(found);
}

void UploadRegister::TakeOut(Known& known) {
  if (known.over == nullptr) return;
  std::exchange(known.over, nullptr)->erase(known.age);
  bytes_ -= known.bytes;
}

void UploadRegister::ForgetOld(TimePoint now) {
  ForgetOldOf(decided_, now);
  ForgetOldOf(undecided_, now);
}

void UploadRegister::ForgetOldOf(std::list<std::string>& list, TimePoint now) {
  auto oldest = list.begin();
  while (oldest != list.end()) {
    const auto entry = entries_.find(*oldest++);
    Known& known = entry->second;
    const bool expired = now - known.ended >= options_.lifetime;
    if (!expired && bytes_ <= options_.max_bytes) break;
    if (known.waiting > 0) continue;
    TakeOut(known);
    entries_.erase(entry);
  }
}

}  // namespace lakefs::gateway
