// One upload, from its header to its outcome.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include "absl/random/bit_gen_ref.h"
#include "gateway/staging/intake/part_reader.h"
#include "gateway/staging/server_info.h"
#include "gateway/staging/transfer/object_mover.h"
#include "gateway/staging/upload/resumption.h"
#include "gateway/staging/upload/through_lakefs.h"
#include "gateway/staging/upload/upload_register.h"

namespace lakefs::gateway {

// What uploads work with; owned by who wires the program.
struct UploadDependencies {
  Clock& clock;
  MoverDependencies mover;
  ServerInfo& server_info;
  LinkLoop& link_loop;
  MemoryBudget& memory;
  UploadRegister& uploads;
  // Calls that may be finding out at a time what became of them, after their
  // callers have gone.
  int max_finding_out = 64;
  // Null: no upload can be gone on with by a token.
  const Resumption* resumption = nullptr;
};

// What is known of an upload by its request_id.
struct KnownUpload {
  ObjectPath object;
  bool running = false;
  UploadReport report;  // of one that is over
};

// Runs uploads. Each goes the same way: check the request, know the server,
// choose the plan, move the bytes while they come, check them, link, and find
// out what became of it.
//
// The way of a chunk: BodySource → PartReader → PartSender (or one PUT) →
// ObjectStore → HttpClient. Of a file: FileParts, and then the same.
//
// Threads: Run may be called from many threads at once.
class UploadSession {
 public:
  explicit UploadSession(UploadDependencies dependencies);

  // Takes the bytes of one object from `source` and links it, saying in
  // `progress` how far it is.
  //
  // With a resume token, goes on where its upload was, or returns what has come
  // of it since.
  //
  // With a request_id that has succeeded before, links nothing, and returns
  // the first result; with one that is under way, waits for its result.
  //
  // Blocking: until the outcome is known; see LinkLoop for how long. With a
  // request_id, the outcome of a call that is over is looked for half a minute
  // longer.
  UploadReport Run(const CallContext& context, const UploadRequest& request,
                   BodySource& source, UploadProgress& progress,
                   absl::BitGenRef random);

  // The same for an object whose parts somebody else makes, as of a file.
  UploadReport Run(const CallContext& context, const UploadRequest& request,
                   PartSource& parts, UploadProgress& progress,
                   absl::BitGenRef random);

  // What became of an earlier Run with this request_id. Not in memory, it is
  // looked for at `object`, if that is given. `may_ask` is told the object of
  // one in memory, which may be another, before lakeFS is asked about it.
  // Errors: NOT_FOUND if nothing is known; those of `may_ask` and LakefsApi.
  // Blocking: bounded by the call.
  absl::StatusOr<KnownUpload> Find(
      const CallContext& context, const std::string& request_id,
      const std::optional<ObjectPath>& object,
      const std::function<absl::Status(const ObjectPath&)>& may_ask,
      absl::BitGenRef random);

  // Drops what is stored of the upload that the token is of; OK also if there
  // is nothing any more. What has been linked stays. `may_ask` is told its
  // object before lakeFS is asked. Errors: those of Resumption::OpenToDiscard,
  // `may_ask`, and of who is asked. Blocking: bounded by the call.
  absl::Status Discard(
      const CallContext& context, const std::string& token,
      const std::string& caller,
      const std::function<absl::Status(const ObjectPath&)>& may_ask,
      absl::BitGenRef random);

  // Ends, now and from now on, what is found out after a call is over.
  void StopFindingOut() { finding_out_ends_.Cancel(); }

 private:
  struct Upload;
  struct Addresses;

  UploadReport RunOnce(const CallContext& context, const UploadRequest& request,
                       PartSource& parts, UploadProgress& progress,
                       const UploadReport* earlier, absl::BitGenRef random);
  LinkReport RunPlan(Upload& upload);
  LinkReport RunAt(Upload& upload, const ServerConfig& server);
  LinkReport MoveAndLink(Upload& upload, const ServerConfig& server);
  LinkReport SendThroughLakefs(Upload& upload, const ServerConfig& server);
  LinkReport Resume(Upload& upload, const ServerConfig& server);
  LinkReport ResumeThroughLakefs(Upload& upload, const ServerConfig& server);
  static void Settle(ObjectMover& mover, const Addresses& addresses,
                     LinkReport& report);
  std::optional<ObjectStats> ByNow(const Upload& upload);
  absl::StatusOr<KnownUpload> FindAtPath(
      const CallContext& context, const std::string& request_id,
      const std::optional<ObjectPath>& object, absl::BitGenRef random);
  absl::Status OpenToken(Upload& upload) const;
  void TellCheckpoints(const Upload& upload, const ServerConfig& server,
                       ObjectMover& mover);
  LinkReport ProveEarlier(const Upload& upload, const ServerConfig& server,
                          const ObjectStats& stats);
  void FindOut(const CallContext& context, const std::string& request_id,
               LinkReport& report, absl::BitGenRef random);

  const UploadDependencies deps_;
  std::atomic<int> finding_out_{0};
  const CallContext finding_out_ends_;
};

}  // namespace lakefs::gateway
