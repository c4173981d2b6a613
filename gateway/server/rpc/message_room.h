// Memory for messages that have come whole.
#pragma once

#include <atomic>
#include <cstdint>

namespace lakefs::gateway {

// How many bytes the messages of UploadObject may have together, with those of
// UploadMany that wait for the budget. They are in memory before anybody could
// hold their callers up, so what is too much is refused, and the budget of
// streamed uploads is none of theirs.
//
// Threads: all methods may be called from any thread.
class MessageRoom {
 public:
  explicit MessageRoom(int64_t most_bytes) : most_bytes_(most_bytes) {}

  // Takes room for a message; false, and nothing is taken, if there is none.
  bool TryTake(int64_t bytes) {
    if (taken_.fetch_add(bytes) + bytes <= most_bytes_) return true;
    GiveBack(bytes);
    return false;
  }
  void GiveBack(int64_t bytes) { taken_ -= bytes; }

 private:
  const int64_t most_bytes_;
  std::atomic<int64_t> taken_{0};
};

}  // namespace lakefs::gateway
