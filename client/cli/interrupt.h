// Ctrl-C and SIGTERM.
#pragma once

#include <atomic>
#include <stop_token>
#include <thread>

namespace lakefs::staging {

// Turns the first SIGINT or SIGTERM into a request to stop, so that the call
// can say what is known; the second one ends the program at once.
//
// Make one before any thread is started: it blocks the two signals for the
// thread that makes it, and all later ones inherit that.
class Interrupt {
 public:
  Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  ~Interrupt();

  // Stopped by the first signal.
  std::stop_token token() const { return stop_.get_token(); }

  // The signal that came, or 0.
  int signal() const { return signal_; }

 private:
  void Watch();

  std::stop_source stop_;
  std::atomic<int> signal_ = 0;
  int signal_fd_;
  int end_fd_;  // eventfd, readable when the watch is to end
  std::thread watch_;
};

}  // namespace lakefs::staging
