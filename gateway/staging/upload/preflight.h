// What would fail late, asked early: while the bytes come.
#pragma once

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <vector>

#include "absl/random/bit_gen_ref.h"
#include "gateway/base/backoff.h"
#include "gateway/base/worker_pool.h"
#include "gateway/lakefs/lakefs_api.h"
#include "gateway/staging/link/link_loop.h"
#include "gateway/staging/link/outcome.h"
#include "gateway/staging/upload_request.h"

namespace lakefs::gateway {

// Asks lakeFS what stands at the path and, where the object is large, whether
// the branch exists and can be written to: servers hand out addresses for a
// read-only repository, newer ones for a missing branch too, and refuse the
// link when all bytes are up.
//
// For a small object a question costs as much as the object itself, so that
// none is asked unless somebody says so, and nothing is known then.
//
// With if_match, what stands at the path can refuse the upload: OBJECT_CHANGED.
//
// What may not be asked is no hindrance: who may write need not be allowed to
// read.
//
// Threads: for one thread; the questions are asked on the pool's.
class Preflight {
 public:
  // The arguments must outlive this, `lakefs` also what is asked.
  Preflight(const CallContext& context, LakefsApi& lakefs, WorkerPool& pool,
            const UploadRequest& request)
      : context_(context), lakefs_(lakefs), pool_(pool), request_(request) {}

  // Starts to ask what stands at the path and, if the object `is_large`, for
  // the branch; each once, however often this is called. If the pool is full,
  // asks here, and blocks until answered.
  void Ask(bool is_large);

  // Why the upload cannot succeed, if that is known by now. Does not block.
  std::optional<LinkReport> Refusal();

  // The object at the path, if it came by an earlier call with the same
  // request_id, and that is known by now. Does not block.
  const std::optional<ObjectStats>& Earlier();

  // What stood at the path. Blocks until the questions are answered, which the
  // call bounds: what the pool has not got to by now is asked here.
  const Before& GetBefore();

  // The same, for who is about to link: if there was no answer, asks for one
  // here, a few times. To link without is to miss what an earlier call with the
  // same request_id has done, and who came after ours. What has come since the
  // first question counts as before.
  const Before& GetBefore(const CallContext& context, RetryBudget& budget,
                          absl::BitGenRef random);

  // Looks at the path anew, for an upload whose bytes took their time: what has
  // changed by now refuses it with nothing linked, while after a 412 nobody
  // could tell.
  void LookAgain(const CallContext& context, RetryBudget& budget,
                 absl::BitGenRef random);

 private:
  struct Questions {
    bool path = false;
    bool branch = false;
    bool read_only = false;
  };
  struct Answers {
    std::optional<absl::StatusOr<std::optional<ObjectStats>>> stats;
    absl::Status branch;
    bool read_only = false;  // the repository
  };
  // Asked once, by whoever comes first; the pool may come when nobody waits any
  // more.
  struct Task {
    std::atomic<bool> taken = false;
    std::packaged_task<Answers()> run;
    void RunIfNobodyDoes() {
      if (!taken.exchange(true)) run();
    }
  };
  struct Asked {
    std::shared_ptr<Task> task;
    std::future<Answers> answers;
  };
  static Answers AskLakefs(const CallContext& context, LakefsApi& lakefs,
                           const ObjectPath& object,
                           const Questions& questions);
  LinkReport Unexpected() const;
  void TakeIfAnswered();
  void Take(const Answers& answers);

  const CallContext& context_;
  LakefsApi& lakefs_;
  WorkerPool& pool_;
  const UploadRequest& request_;
  bool path_asked_ = false;
  bool branch_asked_ = false;
  std::vector<Asked> asked_;       // and not taken yet
  bool may_answer_later_ = false;  // what stands at the path
  Before before_;
  std::optional<LinkReport> refusal_;
  std::optional<ObjectStats> earlier_;
};

}  // namespace lakefs::gateway
