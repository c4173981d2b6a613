// Requests that leave something behind, and must not go unheard.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "gateway/base/call_context.h"
#include "gateway/base/worker_pool.h"

namespace lakefs::gateway {

// What is begun is heard of for so long after its call is over.
inline constexpr std::chrono::seconds kHearOut{60};

// Runs `begin`, which makes what somebody has to put away again, such as a
// multipart upload. If the call ends meanwhile, the request goes on, and what
// comes of it is handed to `undo`: cut off, it would lie in the store, and
// nobody would know its name.
//
// Errors: those of `begin`, and what ended the call. Blocking: bounded by the
// call; a pool without room has `begin` run here, to its end.
template <typename T>
absl::StatusOr<T> HearOut(
    const CallContext& context, WorkerPool& pool,
    std::function<absl::StatusOr<T>(const CallContext&)> begin,
    std::function<absl::Status(const CallContext&, T)> undo) {
  struct State {
    absl::Mutex mu;
    std::optional<absl::StatusOr<T>> answer;
    bool nobody_waits = false;
    bool cancelled = false;
  };
  auto state = std::make_shared<State>();
  const auto run = [state, begin = std::move(begin), undo = std::move(undo),
                    on_its_own = context.Detached(kHearOut)] {
    {
      absl::MutexLock lock(&state->mu);
      if (state->nobody_waits) return;
    }
    absl::StatusOr<T> answer = begin(on_its_own);
    {
      absl::MutexLock lock(&state->mu);
      if (!state->nobody_waits) {
        state->answer = std::move(answer);
        return;
      }
    }
    // Nobody is helped by an error here; a rule of the bucket cleans up.
    if (answer.ok()) (void)undo(on_its_own, *std::move(answer));
  };
  if (!pool.TryRun(run)) run();
  const CancelHook wake(context, [&state] {
    absl::MutexLock lock(&state->mu);
    state->cancelled = true;
  });
  const auto over = [&state] { return state->answer || state->cancelled; };
  {
    absl::MutexLock lock(&state->mu);
    context.clock().WaitUntil(state->mu, context.deadline(),
                              absl::Condition(&over));
    if (state->answer) return *std::move(state->answer);
    state->nobody_waits = true;
  }
  return context.Over();
}

}  // namespace lakefs::gateway
