// Brings the bytes of one object to the store.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "absl/random/bit_gen_ref.h"
#include "gateway/staging/intake/part_source.h"
#include "gateway/staging/link/link_loop.h"
#include "gateway/staging/transfer/checkpoints.h"
#include "gateway/staging/transfer/part_sender.h"
#include "gateway/staging/transfer/plan.h"
#include "gateway/staging/transfer/presigned_multipart.h"
#include "gateway/staging/transfer/store_proof.h"
#include "gateway/staging/upload_progress.h"
#include "gateway/staging/upload_request.h"

namespace lakefs::gateway {

// What a mover works with; owned by who wires the program.
struct MoverDependencies {
  LakefsApi& lakefs;
  ObjectStore& presigned_store;
  StoreProof* proof = nullptr;  // of ways of our own, if there are any
  RetryBudget& lakefs_budget;
  RetryBudget& store_budget;
  WorkerPool& background;  // for questions and URLs asked for ahead
  WorkerPool& part_pool;   // for the PUTs of parts
  Spool& spool;
  PlanOptions plan;
};

// Moves one object, by the plan that its size, its condition and the server
// make. An object of one part is held until it is linked, one that is spooled
// or at hand stays in its file; others can be moved a second time only if their
// caller sends them again.
//
// Threads: for one thread.
class ObjectMover {
 public:
  // `go_on` is asked once the object turns out to have more than one part, and
  // between parts; what it returns ends the move.
  ObjectMover(const MoverDependencies& deps, const CallContext& context,
              const UploadRequest& request, const ServerConfig& server,
              PartSource& reader, UploadProgress& progress,
              std::function<absl::Status()> go_on, absl::BitGenRef random);

  // Reads the object, checks it, and brings it to an address.
  // Errors: those of PartSource, LakefsApi and ObjectStore;
  // LINK_ADDRESS_EXPIRED if the store's URLs ended before the bytes did, and
  // the caller cannot send again. Blocking: until the store has acknowledged
  // all, bounded by the call.
  absl::StatusOr<Placement> Move();

  // The same from where an earlier call has ended: the caller is asked for the
  // bytes behind that, and nothing before it is sent again.
  // Errors: also those of UploadIsGone() and RefusedHere().
  absl::StatusOr<Placement> GoOn(const ResumePoint& point);

  // Tells by `tell` how far an upload in parts is. To be called before it
  // moves.
  void TellCheckpoints(Checkpoints::Tell tell) { tell_ = std::move(tell); }

  // Whether the parts that are stored may be gone on with by others, who have
  // been told how.
  bool shared() const { return checkpoints_ && checkpoints_->told(); }

  // Brings the same bytes to `where`, or to a new address.
  // Errors: as above; ABORTED, LINK_CONFLICT if they are gone and the caller
  // cannot send them again.
  absl::StatusOr<Placement> MoveAgain(
      const std::optional<StagingLocation>& where);

  // Leaves nothing behind of a move that will not be linked, also if the call
  // is over. Bounded in time.
  void Abandon();

  Plan plan() const { return plan_; }
  int64_t bytes_resent() const { return bytes_resent_; }

 private:
  using Where = std::optional<StagingLocation>;

  absl::StatusOr<Placement> MoveOnce(const Where& where);
  bool HelpedByRestart(const absl::Status& failure);
  absl::Status ReadToSpool(Part first);
  absl::StatusOr<Placement> PutWhole(Where where);
  absl::StatusOr<Placement> PutWholeOnce(const Where& where);
  absl::StatusOr<Placement> PutByLakefs(Part first, int64_t part_bytes);
  absl::StatusOr<Placement> PutByStore(Part first, int64_t part_bytes,
                                       const Where& where);
  absl::StatusOr<Placement> FinishByLakefs(Part first, int64_t part_bytes,
                                           const MultipartUpload& upload);
  absl::StatusOr<Placement> FinishByStore(Part first, int64_t part_bytes,
                                          const StagingLocation& location,
                                          PartedUpload& upload);
  static absl::StatusOr<Placement> OrGone(absl::StatusOr<Placement> placement);
  absl::StatusOr<Placement> GoOnOnce(const ResumePoint& point);
  absl::Status CanGoOn(const ResumePoint& point) const;
  void BeginCheckpoints(const StagingLocation& location, int64_t part_bytes);
  absl::StatusOr<std::vector<StoredPart>> SendParts(Part first,
                                                    int64_t part_bytes);
  absl::StatusOr<std::vector<StoredPart>> SendAll(Part first,
                                                  int64_t part_bytes);
  MultipartDependencies OfMultipart() const;
  absl::StatusOr<StagingLocation> Locate(const Where& where);
  absl::Status ProveStore(const StagingLocation& location);
  // When an address that was asked for at `asked` can be linked no more.
  TimePoint LinkBefore(const StagingLocation& location, TimePoint asked) const;
  std::optional<TimePoint> SasEnd(const StagingLocation& location) const;
  bool SasEndsFirst() const;
  TimePoint NearestEnd() const;
  absl::Status InTime() const;
  absl::Status Judged(const absl::Status& failure) const;
  KnownSize SizeOfAll() const;
  absl::StatusOr<int64_t> PartBytesOfPlan() const;
  Dialect DialectOfParts() const;
  std::optional<int64_t> PartsKnown(int64_t part_bytes) const;
  int64_t MaxParts() const;
  bool Presigned() const;
  ObjectStore& Store() const;

  const MoverDependencies& deps_;
  const CallContext& context_;
  const UploadRequest& request_;
  const ServerConfig& server_;
  PartSource& reader_;
  UploadProgress& progress_;
  const std::function<absl::Status()> go_on_;
  absl::BitGenRef random_;

  Plan plan_ = Plan::kNone;
  std::optional<Part> whole_;           // all of the object, if it is held
  std::unique_ptr<PartTarget> target_;  // of parts that are not together yet
  Checkpoints::Tell tell_;
  std::unique_ptr<Checkpoints> checkpoints_;  // of target_
  std::vector<StoredPart> kept_;  // the parts that an earlier call has stored
  TimePoint began_;               // with asking for their address
  std::optional<TimePoint> sas_ends_;  // theirs, on Azure
  TimePoint link_before_;              // their address
  bool urls_at_once_ = false;          // there are none of single parts
  int moves_ = 0;
  int puts_ = 0;
  int64_t bytes_resent_ = 0;
};

}  // namespace lakefs::gateway
