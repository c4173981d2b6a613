// How an upload is to be made.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lakefs_staging/v1/staging.pb.h"

namespace lakefs::staging {

// What every call takes.
struct CallOptions {
  // The most the call may take, finding out its outcome included. Infinite
  // leaves it to the gateway, which has a limit of its own.
  absl::Duration timeout = absl::InfiniteDuration();

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

  // Key by which the gateway knows the upload: 1 to 128 bytes of printable
  // ASCII. Without one the library makes it; an empty one switches it off, and
  // with it every repetition after which the outcome could be unknown. It shows
  // in the object's user metadata.
  std::optional<std::string> request_id;

  // Which call with the caller's own request_id the first one is: 1 if there
  // was none before; 0 if that is not known. A first one is a request cheaper,
  // and a 1 that is not true can link a second object over the first.
  uint32_t attempt = 0;
};

// How an upload that failed is made again, where that helps and is safe.
struct RepeatOptions {
  // Calls of the gateway at most, the first included.
  int attempts = 5;

  // Told before each wait for another one: the error of the last, and how long
  // the wait is. Called on the thread of the call.
  std::function<void(const absl::Status& failure, absl::Duration wait)>
      on_repetition;
};

// What an upload takes beside its bytes and its target.
struct UploadOptions : CallOptions, ObjectOptions, RepeatOptions {
  // How many bytes will come, where the source does not tell. Others are
  // SIZE_MISMATCH, and nothing is linked.
  std::optional<int64_t> size_bytes;

  // Digests of the whole, 32 and 16 bytes: the gateway compares them before it
  // links, which costs it more than moving the bytes does.
  std::optional<std::string> sha256;
  std::optional<std::string> md5;

  // Told how far the upload is: what the gateway says, and in between how many
  // bytes have been sent, a few times a second, never backwards, never after
  // the call has returned, and at least once, with the final number. Called on
  // threads of the call, one at a time; must not block. An exception ends the
  // upload, and is thrown by the call.
  std::function<void(const v1::UploadProgress&)> progress;

  // Told the newest token by which the upload can be gone on with after a
  // crash, of this side or of the gateway. Keep it where only you can read it.
  // Called on a thread of the call, one at a time; while it blocks no reply is
  // taken. Objects that the gateway puts at once, as small ones, have no
  // tokens. An exception ends the upload, and is thrown by the call. Needs a
  // request_id.
  std::function<void(const v1::UploadCheckpoint&)> checkpoint;

  // The token to go on with; empty: a new upload. Target, request_id, options
  // and source have to be those of the call that was told it. Bytes that are
  // stored are read again, for the checksum of the whole, and not sent.
  std::string resume_token;
};

// What a link takes beside its address and its target.
struct LinkOptions : CallOptions {
  bool if_absent = false;               // as of an upload
  std::optional<std::string> if_match;  // the same
};

// What an UploadMany takes beside its objects.
struct ManyOptions : CallOptions, RepeatOptions {
  // Objects that may be without an answer at a time; the gateway holds the call
  // up at 64.
  int max_in_flight = 64;
};

}  // namespace lakefs::staging
