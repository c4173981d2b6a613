// One upload, from its header to its outcome.
#pragma once

#include "absl/random/bit_gen_ref.h"
#include "gateway/staging/object_mover.h"
#include "gateway/staging/server_info.h"
#include "gateway/staging/through_lakefs.h"

namespace lakefs::gateway {

// What uploads work with; owned by who wires the program.
struct UploadDependencies {
  MoverDependencies mover;
  ServerInfo& server_info;
  LinkLoop& link_loop;
  MemoryBudget& memory;
};

// Runs uploads. Each goes the same way: check the request, know the server,
// choose the plan, move the bytes while they come, check them, link, and find
// out what became of it.
//
// The way of a chunk: BodySource → PartReader → PartSender (or one PUT) →
// ObjectStore → HttpClient.
//
// Threads: Run may be called from many threads at once.
class UploadSession {
 public:
  explicit UploadSession(UploadDependencies dependencies);

  // Takes the bytes of one object from `source` and links it, saying in
  // `progress` how far it is.
  // Blocking: until the outcome is known; see LinkLoop for how long.
  UploadReport Run(const CallContext& context, const UploadRequest& request,
                   BodySource& source, UploadProgress& progress,
                   absl::BitGenRef random);

 private:
  struct Upload;

  LinkReport RunPlan(Upload& upload);
  LinkReport MoveAndLink(Upload& upload, const ServerConfig& server);

  const UploadDependencies deps_;
  ThroughLakefs through_lakefs_;
};

}  // namespace lakefs::gateway
