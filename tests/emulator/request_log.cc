#include "tests/emulator/request_log.h"

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace lakefs::gateway::testing {
namespace {

// The parts of presigned URLs of any store that let a reader use them.
bool IsSecret(absl::string_view parameter) {
  return absl::EqualsIgnoreCase(parameter, "X-Amz-Signature") ||
         absl::EqualsIgnoreCase(parameter, "X-Amz-Credential") ||
         absl::EqualsIgnoreCase(parameter, "X-Goog-Signature") ||
         absl::EqualsIgnoreCase(parameter, "X-Goog-Credential") ||
         absl::EqualsIgnoreCase(parameter, "sig") ||
         absl::EqualsIgnoreCase(parameter, "token");
}

std::string WithoutSecrets(absl::string_view target) {
  std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(target, absl::MaxSplits('?', 1));
  if (parts.second.empty()) return std::string(target);
  std::vector<std::string> kept;
  for (absl::string_view pair : absl::StrSplit(parts.second, '&')) {
    absl::string_view name = pair.substr(0, pair.find('='));
    kept.push_back(IsSecret(name) ? absl::StrCat(name, "=")
                                  : std::string(pair));
  }
  return absl::StrCat(parts.first, "?", absl::StrJoin(kept, "&"));
}

}  // namespace

uint64_t RequestLog::Begin(const std::string& operation,
                           const HttpRequest& request) {
  JournalEntry entry;
  entry.operation = operation;
  entry.method = request.method;
  entry.target = WithoutSecrets(request.target);
  for (const auto& [name, value] : request.query) {
    entry.query.emplace(name, IsSecret(name) ? "" : value);
  }
  for (const auto& [name, value] : request.headers) {
    if (name == "authorization") {
      entry.headers.emplace(name, value.substr(0, value.find(' ')));
    } else {
      entry.headers.emplace(name, name == "cookie" ? "" : value);
    }
  }
  absl::MutexLock lock(&mu_);
  ++under_way_;
  entries_.emplace(next_id_, std::move(entry));
  return next_id_++;
}

void RequestLog::End(uint64_t id, std::string body, uint64_t body_bytes,
                     int status) {
  absl::MutexLock lock(&mu_);
  --under_way_;
  auto it = entries_.find(id);
  if (it == entries_.end()) return;  // Cleared meanwhile.
  it->second.status = status;
  it->second.body_bytes = body_bytes;
  it->second.body = std::move(body);
}

std::vector<JournalEntry> RequestLog::Entries() const {
  absl::MutexLock lock(&mu_);
  std::vector<JournalEntry> entries;
  entries.reserve(entries_.size());
  for (const auto& [id, entry] : entries_) entries.push_back(entry);
  return entries;
}

int RequestLog::under_way() const {
  absl::MutexLock lock(&mu_);
  return under_way_;
}

void RequestLog::Clear() {
  absl::MutexLock lock(&mu_);
  entries_.clear();
}

}  // namespace lakefs::gateway::testing
