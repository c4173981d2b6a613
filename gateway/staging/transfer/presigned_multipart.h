// A multipart upload whose parts go to presigned URLs of lakeFS's.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/random/bit_gen_ref.h"
#include "absl/synchronization/mutex.h"
#include "gateway/base/backoff.h"
#include "gateway/base/worker_pool.h"
#include "gateway/lakefs/dialect.h"
#include "gateway/lakefs/lakefs_api.h"
#include "gateway/objectstore/object_store.h"

namespace lakefs::gateway {

// What it works with; owned by who wires the program.
struct MultipartDependencies {
  LakefsApi& lakefs;
  ObjectStore& store;
  RetryBudget& lakefs_budget;
  WorkerPool& pool;  // for the begin, and URLs that are asked for ahead
};

// Parts of one object at presigned URLs. Where lakeFS gives out URLs one at a
// time, they are asked for a few ahead of the parts, and again when they are
// old or refused. Before v1.55 all come at the begin, and die together; then a
// part that comes too late fails with LINK_ADDRESS_EXPIRED.
//
// Putting the parts together links the object, and so is the link loop's.
//
// Threads: PutPart from any, the rest for one.
class PresignedMultipart final : public PartTarget {
 public:
  // URLs that are ready before their parts are.
  static constexpr int kAhead = 4;
  // Parts of an object of unknown size where all URLs come at the begin:
  // 5 GiB in parts of 8 MiB, and 400 KiB of URLs.
  static constexpr int kPartsUnknown = 640;

  // Begins the upload, of `parts` parts if that is known.
  static absl::StatusOr<std::unique_ptr<PresignedMultipart>> Begin(
      const CallContext& context, const MultipartDependencies& deps,
      const ObjectPath& object, const Dialect& dialect,
      std::optional<int64_t> parts, absl::BitGenRef random);
  // Goes on with an upload that was begun by another, where lakeFS gives out
  // URLs one at a time.
  static std::unique_ptr<PresignedMultipart> GoOn(
      const CallContext& context, const MultipartDependencies& deps,
      const ObjectPath& object, const Dialect& dialect,
      std::optional<int64_t> parts, MultipartUpload upload);
  ~PresignedMultipart() override;

  absl::StatusOr<StoredPart> PutPart(const CallContext& context, int number,
                                     const Rope& bytes) override;
  absl::Status Abort(const CallContext& context) override;
  std::string Share() override {
    return dialect_.part_urls ? upload_.upload_id : "";
  }

  const MultipartUpload& upload() const { return upload_; }

 private:
  struct Url {
    std::string text;
    TimePoint good_until;
  };

  PresignedMultipart(const CallContext& context,
                     const MultipartDependencies& deps,
                     const ObjectPath& object, const Dialect& dialect,
                     std::optional<int64_t> parts);
  absl::StatusOr<Url> UrlOf(const CallContext& context, int number);
  absl::StatusOr<Url> AskForUrl(const CallContext& context, int number);
  void AskAhead(int number);
  void AskInBackground();
  Url Received(std::string text) const;

  CallScope scope_;
  const MultipartDependencies deps_;
  const ObjectPath object_;
  const Dialect dialect_;
  const std::optional<int64_t> parts_;
  MultipartUpload upload_;

  absl::Mutex mu_;
  std::map<int, Url> urls_ ABSL_GUARDED_BY(mu_);
  int asked_ ABSL_GUARDED_BY(mu_) = 0;        // the last part asked for
  int wanted_ ABSL_GUARDED_BY(mu_) = 0;       // the last one to ask for
  bool asking_ ABSL_GUARDED_BY(mu_) = false;  // in the background
};

}  // namespace lakefs::gateway
