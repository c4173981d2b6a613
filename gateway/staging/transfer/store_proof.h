// Proof that a store of the gateway's own settings is lakeFS's.
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/random/bit_gen_ref.h"
#include "absl/synchronization/mutex.h"
#include "gateway/base/backoff.h"
#include "gateway/lakefs/lakefs_api.h"
#include "gateway/objectstore/object_store.h"

namespace lakefs::gateway {

// A presigned URL leads to lakeFS's own store. Keys and folders of our settings
// may lead to another, whose acknowledgement is worth nothing: lakeFS links the
// address unchecked, and readers get 410.
//
// So before the first object of a storage namespace goes to such a store, 16
// bytes are put at an address of lakeFS's, linked beside the object as
// ".lakefs-staging-gateway-proof-…", read back through lakeFS, and taken away
// again, whatever came of them. Once an hour, since stores and settings move.
// Who may not delete there is refused before anything is linked; who may not
// read there cannot prove anything. What one caller has proven holds for all.
//
// Threads: all methods may be called from any thread; of those that need the
// same proof, one makes it and the others wait.
class StoreProof {
 public:
  StoreProof(LakefsApi& lakefs, RetryBudget& lakefs_budget,
             RetryBudget& store_budget,
             std::chrono::seconds good_for = std::chrono::hours(1));

  // OK once lakeFS has been seen to read what `store` took, in the namespace of
  // `location`, an address for `object`. `settings` names what leads to the
  // store.
  //
  // Errors: FAILED_PRECONDITION, STORE_REJECTED if lakeFS does not read it;
  // those of ObjectStore and LakefsApi, with the settings named.
  // Blocking: bounded by the call, and 10 s more for taking the probe away.
  absl::Status Check(const CallContext& context, const ObjectPath& object,
                     const StagingLocation& location, ObjectStore& store,
                     absl::string_view settings, absl::BitGenRef random);

 private:
  struct Namespace {
    int callers = 0;  // that are here, for it
    bool running = false;
    // Of the last verdict, be it good or bad.
    int64_t verdicts = 0;
    absl::Status verdict;
    TimePoint at;
  };
  // What one attempt to prove has come to. Without a verdict, the next caller
  // may come to one.
  struct Finding {
    absl::Status status;
    bool verdict = false;
  };

  Finding Prove(const CallContext& context, const ObjectPath& object,
                ObjectStore& store, absl::string_view settings,
                absl::BitGenRef random);

  LakefsApi& lakefs_;
  RetryBudget& lakefs_budget_;
  RetryBudget& store_budget_;
  const std::chrono::seconds good_for_;
  absl::Mutex mu_;
  std::map<std::string, Namespace> namespaces_ ABSL_GUARDED_BY(mu_);
};

// Where the probe `id` goes: a hidden name beside the object, where the same
// rights are likely to hold; nearer to the root where that would be too long.
ObjectPath ProbeBeside(const ObjectPath& object, absl::string_view id);

}  // namespace lakefs::gateway
