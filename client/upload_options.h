// How an upload is to be made.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/time/time.h"
#include "lakefs_staging/v1/staging.pb.h"

namespace lakefs::staging {

// What every call takes.
struct CallOptions {
  // The most the call may take, finding out its outcome included. Infinite
  // leaves it to the gateway, which has a limit of its own.
  absl::Duration timeout = absl::InfiniteDuration();

  // What a gateway with --auth=pass-through hands on to lakeFS: "Basic …" or
  // "Bearer …". A secret; without TLS, only for a gateway beside the caller.
  std::string authorization;

  // Cancels the call; ask from any thread. The error then says what is known.
  std::stop_token stop;
};

// What is stored with an object beside its bytes, and how.
struct ObjectOptions {
  // Media type; empty is lakeFS's default, application/octet-stream.
  std::string content_type;

  // Metadata to store with the object. At most 64 entries and 8 KiB in all.
  std::map<std::string, std::string> user_metadata;

  // Create only: fail with ALREADY_EXISTS where the path has an object.
  bool if_absent = false;

  // Compare and swap: fail with ABORTED, OBJECT_CHANGED where the path does not
  // have an object of this checksum, as ObjectStats.checksum shows it. For
  // servers that implement If-Match; excludes if_absent.
  std::optional<std::string> if_match;

  // Write even to a read-only repository.
  bool force = false;

  // Time of modification to record, in whole seconds; now by default.
  std::optional<absl::Time> mtime;

  // Idempotency key: a repeated call with the same one does no second upload.
  // 1 to 128 bytes of printable ASCII.
  std::string request_id;

  // Which call with this request_id it is: 1 for the first, and one more for
  // each repetition; 0 if that is not known. A first one is a request cheaper.
  uint32_t attempt = 0;
};

// What an upload takes beside its bytes and its target.
struct UploadOptions : CallOptions, ObjectOptions {
  // Told how far the upload is: what the gateway says, and in between how many
  // bytes have been sent, a few times a second and never after the call has
  // returned. Called on threads of the call, one at a time; must not block.
  // Small objects, which go in one message, have no progress.
  std::function<void(const v1::UploadProgress&)> progress;

  // Told the newest token by which the upload can be gone on with after a
  // crash, of this side or of the gateway. Keep it where only you can read it.
  // Called on a thread of the call, one at a time; while it blocks no reply is
  // taken. Objects that the gateway puts at once, as small ones, have no
  // tokens.
  std::function<void(const v1::UploadCheckpoint&)> checkpoint;

  // The token to go on with; empty: a new upload. Target, options and source
  // have to be those of the call that was told it. Bytes that are stored are
  // read again, for the checksum of the whole, and not sent.
  std::string resume_token;
};

// What a link takes beside its address and its target.
struct LinkOptions : CallOptions {
  bool if_absent = false;               // as of an upload
  std::optional<std::string> if_match;  // the same
};

// What an UploadMany takes beside its objects.
struct ManyOptions : CallOptions {
  // Objects that may be without an answer at a time; the gateway holds the call
  // up at 64.
  int max_in_flight = 64;
};

}  // namespace lakefs::staging
