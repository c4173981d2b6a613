#include "client/cli/interrupt.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

namespace lakefs::staging {
namespace {

// The two signals; without one that the parent wants to be ignored, as a shell
// does for SIGINT of its background jobs.
sigset_t Signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM}) {
    struct sigaction action = {};
    sigaction(number, nullptr, &action);
    if (action.sa_handler != SIG_IGN) sigaddset(&set, number);
  }
  return set;
}

}  // namespace

Interrupt::Interrupt() {
  const sigset_t signals = Signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal_fd_ = signalfd(-1, &signals, SFD_CLOEXEC);
  end_fd_ = eventfd(0, EFD_CLOEXEC);
  watch_ = std::thread([this] { Watch(); });
}

Interrupt::~Interrupt() {
  eventfd_write(end_fd_, 1);
  watch_.join();
  close(signal_fd_);
  close(end_fd_);
}

void Interrupt::Watch() {
  for (;;) {
    pollfd fds[] = {{signal_fd_, POLLIN, 0}, {end_fd_, POLLIN, 0}};
    if (poll(fds, 2, -1) < 0) continue;
    if (fds[1].revents != 0) return;
    signalfd_siginfo info;
    if (read(signal_fd_, &info, sizeof(info)) != sizeof(info)) continue;
    const int number = static_cast<int>(info.ssi_signo);
    if (signal_ != 0) _exit(128 + number);
    signal_ = number;
    stop_.request_stop();
  }
}

}  // namespace lakefs::staging
