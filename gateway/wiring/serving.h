// What callers and operators meet.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "gateway/server/admin/admin.h"
#include "gateway/server/listen/server.h"
#include "gateway/wiring/engine.h"

namespace lakefs::gateway {

// The service with its limits, its gRPC servers, and the admin port.
struct Serving {
  // Serves from then on.
  // Errors: those of AllowFile, SharedFolders, Admin, TlsIdentity and Server,
  // each with the setting in the message.
  static absl::StatusOr<std::unique_ptr<Serving>> Start(
      const Settings& settings, Clock& clock, Upstream& upstream,
      Engine& engine, ThreadBudget& threads, Metrics& metrics);

  Serving(const Settings& settings, Clock& clock, Upstream& upstream,
          ThreadBudget& threads, Metrics& metrics,
          std::unique_ptr<AllowFile> allow,
          std::unique_ptr<SharedFolders> shared_folders,
          std::unique_ptr<TlsIdentity> identity);

  const std::unique_ptr<AllowFile> allow;  // null: everybody may all
  const std::unique_ptr<SharedFolders> shared_folders;  // null: none
  const std::unique_ptr<TlsIdentity> identity;          // null: no TLS
  WorkerPool unary_pool;
  WorkerPool many_pool;
  UploadPlaces upload_places;
  MessageRoom message_room;
  CallRunner calls;
  Readiness readiness;
  std::unique_ptr<Admin> admin;  // null: none
  std::unique_ptr<Server> server;
};

}  // namespace lakefs::gateway
