// One gRPC call with its deadline and its cancellation.
#pragma once

#include <grpcpp/client_context.h>

#include <functional>
#include <stop_token>
#include <string>

#include "absl/time/time.h"

namespace lakefs::staging {

// A context that ends at `deadline` (never, if infinite), is cancelled when
// `stop` asks for it, and brings `authorization`, if there is one.
class Call {
 public:
  Call(absl::Time deadline, const std::stop_token& stop,
       const std::string& authorization)
      : on_stop_(stop, [this] { context_.TryCancel(); }) {
    if (!authorization.empty()) {
      context_.AddMetadata("authorization", authorization);
    }
    if (deadline != absl::InfiniteFuture()) {
      context_.set_deadline(absl::ToChronoTime(deadline));
    }
  }

  grpc::ClientContext& context() { return context_; }

 private:
  grpc::ClientContext context_;
  std::stop_callback<std::function<void()>> on_stop_;
};

}  // namespace lakefs::staging
