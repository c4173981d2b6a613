// The manager of services that started the program, if one did.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace lakefs::gateway {

// Tells it how the program does. Where none asked for that nothing is said, and
// a word that does not get there is no error: nobody could do anything about
// it.
//
// **Source** sd_notify(3): the datagrams are the whole protocol.
class ServiceManager {
 public:
  // `socket` is NOTIFY_SOCKET's: a path, or a name that begins with @; empty:
  // nobody asked.
  explicit ServiceManager(std::string socket) : socket_(std::move(socket)) {}

  // Calls are served from now on.
  void Ready() const { Say("READY=1"); }
  // Settings are read again. Ready() has to follow.
  void Reloading() const;
  // No new calls are served.
  void Stopping() const { Say("STOPPING=1"); }

 private:
  void Say(absl::string_view state) const;

  const std::string socket_;
};

}  // namespace lakefs::gateway
