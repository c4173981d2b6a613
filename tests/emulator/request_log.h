// The journal while it is being written.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "tests/emulator/http_message.h"
#include "tests/emulator/journal_entry.h"

namespace lakefs::gateway::testing {

// Keeps one JournalEntry for each request, in order of arrival.
//
// Threads: all methods may be called from any thread.
class RequestLog {
 public:
  // Notes that a request has arrived, its body still unread.
  uint64_t Begin(const std::string& operation, const HttpRequest& request);

  // Notes what became of it; called before the reply leaves, so that whoever
  // has the reply finds it here. `status` 0 is a reset.
  void End(uint64_t id, std::string body, uint64_t body_bytes, int status);

  std::vector<JournalEntry> Entries() const;
  void Clear();

  // Requests that have begun and not ended.
  int under_way() const;

 private:
  mutable absl::Mutex mu_;
  uint64_t next_id_ ABSL_GUARDED_BY(mu_) = 0;
  int under_way_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<uint64_t, JournalEntry> entries_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lakefs::gateway::testing
