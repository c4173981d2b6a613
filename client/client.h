// The calls of the gateway, for C++ programs.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/channel.h"
#include "client/gateway.h"
#include "client/small_object.h"
#include "client/source.h"
#include "client/upload_options.h"
#include "client/writer.h"
#include "lakefs_staging/v1/staging.grpc.pb.h"

namespace lakefs::staging {

// A client of one gateway:
//
//   auto client = Client::Connect();
//   auto target = ParseObjectUri("lakefs://quickstart/main/data/a.csv");
//   auto source = FileSource::Open("a.csv");
//   if (!client.ok() || …) …
//   auto result = (*client)->Upload(**source, *target, {});
//   if (!result.ok()) Failure failure = FailureOf(result.status());
//
// Errors: any call may fail with what the gateway answers (client/ERRORS.md) or
// with a reason of this library (failure.h). FailureOf() takes them apart. An
// upload is made again where that helps and is safe (RepeatOptions).
//
// Blocking, threads: every call blocks until its end; calls of one client may
// run on any number of threads.
class Client {
 public:
  // A client of the gateway that the environment names
  // (LAKEFS_STAGING_GATEWAY), else of 127.0.0.1:8765.
  static absl::StatusOr<std::unique_ptr<Client>> Connect(
      const ChannelOptions& options = {});

  // A client of the gateway at `address`, `HOST:PORT` or `unix:/path`. The
  // connection is made by the first call.
  //
  // Errors: INVALID_ARGUMENT where `address` is neither form, or the options
  // cannot be used.
  static absl::StatusOr<std::unique_ptr<Client>> Connect(
      const std::string& address, const ChannelOptions& options = {});

  // Uploads what `source` gives and links it to `target`. At most 1 MiB goes in
  // one message, more as a stream of chunks of 1 MiB; a checksum of every chunk
  // and of the whole goes with the bytes. A source that can rewind can be had
  // again, and so can one that ended within its first 1 MiB: with these a call
  // that failed is made again.
  //
  // The result says whether the object stands (COMMITTED) or was already
  // replaced by a later writer (SUPERSEDED). An error's `outcome` is
  // NOT_COMMITTED, or UNKNOWN where neither side can tell. What the source
  // returned as an error is returned as it is, and nothing is linked.
  absl::StatusOr<v1::UploadResult> Upload(Source& source,
                                          const v1::ObjectPath& target,
                                          const UploadOptions& options);

  // A writer of the object at `target`, for bytes that are made piece by piece.
  // The client must outlive it. Errors come with its Write() and Commit().
  std::unique_ptr<Writer> NewWriter(const v1::ObjectPath& target,
                                    const UploadOptions& options);

  // Uploads a file on a volume that the gateway sees too, and links it to
  // `target`: its bytes are not sent. `file` is its absolute path, as the
  // gateway's --source-root names it for callers. The file must not change
  // until it is over.
  //
  // Errors: as of Upload; SOURCE_REFUSED or NOT_A_GATEWAY, with nothing linked,
  // where the gateway takes no files, or not this one: Upload sends the bytes.
  absl::StatusOr<v1::UploadResult> UploadSharedFile(
      const std::string& file, const v1::ObjectPath& target,
      const UploadOptions& options);

  // Uploads any number of objects of at most 4 MiB on one stream: the way that
  // costs least for each. `next` gives them, and none at the end; `done` is
  // told, once for each, what became of the object that `next` gave as the
  // `number`th, from 0 on. Objects are under way at the same time and done in
  // any order; each is an upload of its own, which is made again as Upload
  // does, and an error of one ends nothing else.
  //
  // Two that go to the same path may come to stand in either order: give the
  // second when the first is done.
  //
  // Blocking, threads: blocks until all are done. `next` is called on this
  // thread, `done` on this or another one, one call at a time. While `next`
  // waits nothing is sent; while `done` waits, soon nothing more is taken. When
  // `options.stop` or `timeout` ends it, no more objects are taken.
  void UploadMany(const NextObject& next, const TellResult& done,
                  const ManyOptions& options);

  // Asks for an address to put the object's bytes at, with a presigned URL if
  // `presign`. The reply may hold secrets: don't log it.
  absl::StatusOr<v1::StagingLocation> GetPhysicalAddress(
      const v1::ObjectPath& target, bool presign, const CallOptions& options);

  // Links bytes that are already at `metadata.staging()` to `target`.
  absl::StatusOr<v1::LinkPhysicalAddressResponse> LinkPhysicalAddress(
      const v1::ObjectPath& target, const v1::StagingMetadata& metadata,
      const LinkOptions& options);

  // What became of an earlier upload with this request_id; `target` lets the
  // gateway look at the path where its memory does not tell.
  absl::StatusOr<v1::GetUploadOutcomeResponse> GetUploadOutcome(
      const std::string& request_id,
      const std::optional<v1::ObjectPath>& target, const CallOptions& options);

  // Drops what the store holds of the upload that `resume_token` is of; OK also
  // if there is nothing any more. An object that was linked stays.
  absl::Status DiscardUpload(const std::string& resume_token,
                             const CallOptions& options);

  const std::string& address() const { return gateway_->address; }

 private:
  explicit Client(std::unique_ptr<Gateway> gateway)
      : gateway_(std::move(gateway)) {}

  absl::Status Reach(const CallOptions& options, absl::Time deadline) const;

  const std::unique_ptr<Gateway> gateway_;
};

}  // namespace lakefs::staging
