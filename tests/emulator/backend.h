// What the handlers of lakeFS's API work on.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

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
  // One of its stores.
  struct Store {
    std::string id;
    ObjectStore& objects;
    bool presign;  // lakeFS may, if the store can
  };

  // `all_stores`: the usual one first.
  Backend(const EmulatorOptions& emulator_options,
          std::vector<Store> all_stores)
      : options(emulator_options),
        traits(TraitsOf(options.dialect)),
        stores(std::move(all_stores)),
        mint(traits, options.now),
        authenticator(options, traits, options.now) {}

  int64_t NowSeconds() const {
    return std::chrono::duration_cast<std::chrono::seconds>(
               options.now().time_since_epoch())
        .count();
  }

  bool CanPresign(const Store& store) const {
    return traits.has_presign && store.objects.has_presign() && store.presign;
  }
  bool CanMultipart(const Store& store) const {
    return traits.has_multipart && store.objects.has_multipart() &&
           store.presign;
  }

  // Null if there is none by that id.
  const Store* FindStore(absl::string_view id) const {
    for (const Store& store : stores) {
      if (store.id == id) return &store;
    }
    return nullptr;
  }

  // That of the repository, or the usual one if there is no such repository.
  const Store& StoreOf(absl::string_view repository) const {
    const auto found = catalog.Find(repository);
    return found == nullptr ? stores.front() : *FindStore(found->storage_id());
  }

  const EmulatorOptions options;  // `now` is never null here.
  const DialectTraits& traits;
  const std::vector<Store> stores;
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

  // Of its repository.
  ObjectStore& store() const {
    return backend.StoreOf(route.repository).objects;
  }
  bool CanPresign() const {
    return backend.CanPresign(backend.StoreOf(route.repository));
  }
  bool CanMultipart() const {
    return backend.CanMultipart(backend.StoreOf(route.repository));
  }

  // A URL by which anybody may do `method` at this address for a while.
  //
  // Errors: UNIMPLEMENTED with lakeFS's words.
  absl::StatusOr<std::string> Presign(absl::string_view method,
                                      const std::string& address) const {
    if (store().has_presign() && !CanPresign()) {
      return absl::UnimplementedError("operation not supported");
    }
    return store().Presign(method, address);
  }
};

}  // namespace lakefs::gateway::testing
