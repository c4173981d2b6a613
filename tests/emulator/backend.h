// What the handlers of lakeFS's API work on.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/emulator/address_mint.h"
#include "tests/emulator/authenticator.h"
#include "tests/emulator/catalog.h"
#include "tests/emulator/dialect_traits.h"
#include "tests/emulator/emulator_options.h"
#include "tests/emulator/fault.h"
#include "tests/emulator/http_message.h"
#include "tests/emulator/object_store.h"
#include "tests/emulator/route.h"

namespace lakefs::gateway::testing {

// The state of one emulated lakeFS.
struct Backend {
  Backend(const EmulatorOptions& emulator_options, ObjectStore& object_store)
      : options(emulator_options),
        traits(TraitsOf(options.dialect)),
        store(object_store),
        mint(traits, options.now),
        authenticator(options, traits, options.now) {}

  int64_t NowSeconds() const {
    return std::chrono::duration_cast<std::chrono::seconds>(
               options.now().time_since_epoch())
        .count();
  }

  bool CanPresign() const {
    return traits.has_presign && store.has_presign() && options.presign;
  }
  bool CanMultipart() const {
    return traits.has_multipart && store.has_multipart() && options.presign;
  }

  // A URL by which anybody may do `method` at this address for a while.
  //
  // Errors: UNIMPLEMENTED with lakeFS's words.
  absl::StatusOr<std::string> Presign(absl::string_view method,
                                      const std::string& address) {
    if (store.has_presign() && !options.presign) {
      return absl::UnimplementedError("operation not supported");
    }
    return store.Presign(method, address);
  }

  const EmulatorOptions options;  // `now` is never null here.
  const DialectTraits& traits;
  ObjectStore& store;
  Catalog catalog;
  AddressMint mint;
  Authenticator authenticator;
};

// One request that was routed, validated and authenticated.
struct Call {
  Backend& backend;
  const Route& route;
  HttpRequest& request;
  const Fault* fault;  // As in FaultyService::Effect.
};

}  // namespace lakefs::gateway::testing
