// One upload, from its header to its outcome.
#pragma once

#include <chrono>

#include "absl/random/bit_gen_ref.h"
#include "gateway/base/worker_pool.h"
#include "gateway/http/rope.h"
#include "gateway/objectstore/object_store.h"
#include "gateway/staging/body_source.h"
#include "gateway/staging/integrity.h"
#include "gateway/staging/link_loop.h"
#include "gateway/staging/plan.h"
#include "gateway/staging/server_info.h"
#include "gateway/staging/through_lakefs.h"

namespace lakefs::gateway {

// What uploads work with; owned by who wires the program.
struct UploadDependencies {
  LakefsApi& lakefs;
  ObjectStore& store;
  ServerInfo& server_info;
  LinkLoop& link_loop;
  RetryBudget& lakefs_budget;
  RetryBudget& store_budget;
  WorkerPool& pool;  // for what goes on while the bytes come
  PlanOptions plan;
};

// Runs uploads. Each goes the same way: check the request, know the server,
// choose the plan, move the bytes while they come, check them, link, and find
// out what became of it.
//
// Threads: Run may be called from many threads at once.
class UploadSession {
 public:
  explicit UploadSession(UploadDependencies dependencies);

  // Takes the bytes of one object from `source` and links it.
  // Blocking: until the outcome is known; see LinkLoop for how long.
  UploadReport Run(const CallContext& context, const UploadRequest& request,
                   BodySource& source, absl::BitGenRef random);

 private:
  struct Upload;

  LinkReport RunPlan(Upload& upload);
  LinkReport SinglePut(Upload& upload);
  LinkReport PassThrough(Upload& upload);
  absl::StatusOr<Placement> PutAt(Upload& upload, const Rope& bytes,
                                  std::optional<StagingLocation> where);
  absl::StatusOr<Placement> PutOnce(Upload& upload, const Rope& bytes,
                                    std::optional<StagingLocation> where);

  const UploadDependencies deps_;
  ThroughLakefs through_lakefs_;
};

}  // namespace lakefs::gateway
