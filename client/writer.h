// An object that is made piece by piece.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "client/upload_run.h"

namespace lakefs::staging {

// Uploads what is written to it. Only Commit() links the object: one that is
// destroyed before, by an error return or an exception, and a process that dies
// leave the path as it was.
//
//   auto writer = client->NewWriter(*target, {});
//   if (absl::Status s = writer->Write("a,b\n"); !s.ok()) return s;
//   auto result = writer->Commit();
//
// The first 1 MiB is held: an object that ends there is one message, and its
// upload is repeated as Client::Upload does. Beyond that it goes as it is
// written, and cannot be repeated; where its outcome is unknown, the gateway is
// asked for it, for at most 30 s.
//
// Threads: one at a time, but for Abort(), which may come from any and ends a
// Write() that blocks.
class Writer {
 public:
  // Of Client::NewWriter().
  explicit Writer(std::unique_ptr<UploadRun> run) : run_(std::move(run)) {}
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { Abort(); }

  // Takes the data, all of it. Blocks while the gateway takes none.
  // Errors: of the call, which Commit() returns too; FAILED_PRECONDITION after
  // Commit() or Abort().
  absl::Status Write(absl::string_view data);

  // Sends what is left and links the object. A second one returns the same.
  // Errors: as of Client::Upload; FAILED_PRECONDITION after Abort().
  // Blocking: until the outcome is known.
  absl::StatusOr<v1::UploadResult> Commit();

  // Gives the upload up: nothing is linked. Nothing after Commit().
  void Abort();

 private:
  absl::Status SendFull();
  absl::Status Start();
  absl::Status Send(std::string& data);
  // What the upload came to, whose call has ended.
  absl::Status Conclude(absl::Status failed);
  absl::StatusOr<v1::UploadResult> Finish();

  const std::unique_ptr<UploadRun> run_;
  std::string buffer_;
  // The upload's end: its result, or what Write() and Commit() fail with.
  std::optional<absl::StatusOr<v1::UploadResult>> end_;
  bool committed_ = false;

  absl::Mutex mutex_;
  std::unique_ptr<UploadStream> stream_ ABSL_GUARDED_BY(mutex_);
  bool aborted_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace lakefs::staging
