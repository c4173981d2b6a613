// Reads a stream, also for a limited time.
#pragma once

#include <chrono>
#include <future>
#include <utility>

namespace lakefs::staging::testing {

// The messages of a caller's stream, one after the other.
template <typename Message, typename Stream>
class Reader {
 public:
  explicit Reader(Stream& stream) : stream_(stream) {}

  // The next message; false when there are no more.
  bool Next(Message& message) {
    if (!coming_.valid()) return stream_.Read(&message);
    const bool read = coming_.get();
    message = std::move(message_);
    return read;
  }

  // Whether a message, or the end, comes within the time. Next() has it then,
  // or waits for it.
  bool Await(std::chrono::milliseconds time) {
    if (!coming_.valid()) {
      coming_ = std::async(std::launch::async,
                           [this] { return stream_.Read(&message_); });
    }
    return coming_.wait_for(time) == std::future_status::ready;
  }

 private:
  Stream& stream_;
  Message message_;
  std::future<bool> coming_;
};

}  // namespace lakefs::staging::testing
