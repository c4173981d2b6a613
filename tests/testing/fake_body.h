// A BodySource whose messages a test writes down.
#pragma once

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "gateway/staging/intake/body_source.h"

namespace lakefs::gateway::testing {

// Gives out its events in order; a Silence lasts as long as it is waited for.
// Behind the last it says that the caller is gone.
class FakeBody final : public BodySource {
 public:
  std::deque<absl::StatusOr<BodyEvent>> events;
  bool can_rewind = false;
  std::vector<int64_t> rewinds;
  int64_t granted = 0;
  int withdrawals = 0;
  // Called before each event is given out.
  std::function<void()> on_next;

  // Adds the object in chunks, from `offset` on, and its finish.
  void Send(const std::string& data, size_t chunk_bytes, size_t offset = 0) {
    for (size_t at = offset; at < data.size(); at += chunk_bytes) {
      events.push_back(Chunk{.write_offset = static_cast<int64_t>(at),
                             .data = data.substr(at, chunk_bytes)});
    }
    events.push_back(Finish{.size_bytes = static_cast<int64_t>(data.size())});
  }

  void Grant(int64_t bytes) override { granted += bytes; }
  void Withdraw() override { ++withdrawals; }
  bool CanRewind() const override { return can_rewind; }
  void Rewind(int64_t offset) override { rewinds.push_back(offset); }
  absl::StatusOr<BodyEvent> Next(const CallContext& context,
                                 TimePoint until) override {
    if (on_next) on_next();
    if (events.empty()) return absl::CancelledError("the caller is gone");
    auto event = std::move(events.front());
    events.pop_front();
    if (event.ok() && std::holds_alternative<Silence>(*event)) {
      (void)context.Sleep(
          std::max(Duration::zero(), Duration(until - context.clock().Now())));
    }
    return event;
  }
};

}  // namespace lakefs::gateway::testing
