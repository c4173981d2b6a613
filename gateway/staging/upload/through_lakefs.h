// The plan THROUGH_LAKEFS: the bytes go to lakeFS itself, as they come.
#pragma once

#include <functional>
#include <string>

#include "absl/random/bit_gen_ref.h"
#include "gateway/staging/intake/part_source.h"
#include "gateway/staging/link/link_request.h"
#include "gateway/staging/upload_request.h"

namespace lakefs::gateway {

// Sends one object by lakeFS's uploadObject, which stores and links it in one:
// a round of the link loop. There is no address beforehand to know ours by, so
// a nonce in the user metadata tells.
//
// The bytes pass by once. A second time is possible for a small object, from
// what is held, and for a larger one if its caller can send it again, or it is
// in a file that is at hand.
//
// Threads: for one thread.
class ThroughLakefs {
 public:
  // `check_whole` is asked before the last bytes go: what it returns breaks the
  // request off, and lakeFS writes nothing.
  ThroughLakefs(LakefsApi& lakefs, const ServerConfig& server,
                PartSource& reader, std::string upload_id,
                std::function<absl::Status()> check_whole = {});

  // Whether lakeFS keeps all that the caller asks for, on this way.
  // Errors: FAILED_PRECONDITION, UPSTREAM_UNIMPLEMENTED, which names what it
  // does not.
  static absl::Status Check(const UploadRequest& request,
                            const ServerConfig& server);

  static std::string NewUploadId(absl::BitGenRef random);

  // The object as it comes.
  Placement First();

  // The object once more.
  // Errors: what ended the body before; ABORTED, LINK_CONFLICT if the bytes are
  // gone.
  absl::StatusOr<Placement> Again();

 private:
  // Hands the bytes to the HTTP client. The last of them only when the whole
  // has been checked, so that a wrong object breaks the request off and lakeFS
  // never links it.
  class CheckedBody {
   public:
    CheckedBody(PartSource& reader, std::function<absl::Status()> check_whole)
        : reader_(reader), check_whole_(std::move(check_whole)) {}

    absl::StatusOr<size_t> Read(std::span<char> buffer);

    // Begins anew with what is held, else by asking the caller for the bytes
    // again; false if it cannot.
    bool Again();

    // Whether all of the object may have been sent.
    bool ended() const { return checked_; }
    // What ended it before its time.
    const absl::Status& failure() const { return failure_; }

   private:
    absl::StatusOr<size_t> ReadOn(std::span<char> buffer);
    absl::Status CheckWhole();

    PartSource& reader_;
    const std::function<absl::Status()> check_whole_;
    Part part_;
    std::function<absl::StatusOr<size_t>(std::span<char>)> read_;
    bool checked_ = false;
    absl::Status failure_;
  };

  LinkAnswer Send(const CallContext& context, LinkRequest& link,
                  const WriteCondition& condition);
  absl::Status Judged(const absl::Status& failure) const;

  LakefsApi& lakefs_;
  const ServerConfig& server_;
  PartSource& reader_;
  const std::string upload_id_;
  CheckedBody body_;
};

}  // namespace lakefs::gateway
