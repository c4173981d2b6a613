// What a resume token says, and its bytes.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "gateway/staging/transfer/resume_point.h"
#include "gateway/staging/upload_request.h"

namespace lakefs::gateway {

// An upload that can be gone on with, and for whom. Nobody sees it: it goes out
// sealed by ResumeKeys.
struct ResumeToken {
  ResumePoint point;
  ObjectPath object;
  std::string blockstore_id;  // of the repository's store
  // What the token is bound to: SHA-256 of the header, of which lakeFS it is,
  // and of who calls, so that no authorization is in it.
  std::string header;
  std::string lakefs;
  std::string caller;
  WallTime made;
};

// The token's bytes, compact: 17 for a part with an MD5 as its ETag, 170 KB for
// 10,000 of them. Empty if something in it is longer than a token has room for;
// then the upload is one that cannot be gone on with.
//
// Shape: version, then the fields in the order of the struct; numbers in little
// endian, texts after their length.
std::string Encode(const ResumeToken& token);

// The other way round; nothing, if it is of another version or is not whole.
std::optional<ResumeToken> Decode(absl::string_view bytes);

// Of all in the header that makes the object what it is: what says how the call
// is made (progress, can_rewind, attempt, resumable, resume_token) is left out.
std::string HeaderDigest(const UploadRequest& request);

// SHA-256, 32 bytes.
std::string Sha256(absl::string_view text);

}  // namespace lakefs::gateway
