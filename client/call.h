// One gRPC call with its deadline and its cancellation.
#pragma once

#include <grpcpp/client_context.h>

#include <functional>
#include <stop_token>

#include "absl/time/time.h"
#include "client/upload_options.h"

namespace lakefs::staging {

// A context that ends at `deadline` (never, if infinite) and is cancelled when
// `options.stop` asks for it.
class Call {
 public:
  Call(absl::Time deadline, const CallOptions& options)
      : on_stop_(options.stop, [this] { context_.TryCancel(); }) {
    if (!options.authorization.empty()) {
      context_.AddMetadata("authorization", options.authorization);
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
