// Requests to object stores, and what their answers mean.
#pragma once

#include <chrono>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "gateway/http/http_client.h"
#include "gateway/http/rope.h"
#include "gateway/objectstore/object_store.h"
#include "gateway/objectstore/store_error.h"

namespace lakefs::gateway {

struct StoreOptions {
  // Bound on an exchange that carries no object's bytes, or so few that they
  // are gone at once.
  std::chrono::milliseconds timeout{60'000};

  // Bound on putting parts together, which can take a store minutes. To ask
  // again while it is at it would not make it faster.
  std::chrono::milliseconds complete_timeout{300'000};

  // A PUT whose bytes do not move for so long is given up. It has no other
  // bound: over a slow line, one that is cut off and begun anew never ends.
  // Stores have been seen to stall for half a minute.
  std::chrono::seconds stall_timeout{60};

  // Whether each PUT carries a Content-MD5, which the store checks. It costs
  // three times what moving the bytes does. Where the MD5 is known anyway, it
  // goes along in any case.
  bool content_md5 = false;
};

// Sends requests to a store, and checks what it says of the bytes that it got:
// Google's CRC32C always; where the MD5 is known also an ETag, if the ETags of
// this bucket are proven to be MD5s by one that was.
//
// Errors: as the table in store_error.h maps the store's refusals; DATA_LOSS,
// CHECKSUM_MISMATCH if it acknowledged other bytes; those of HttpClient, which
// say what to set where the store cannot be reached at all.
//
// Threads: any.
class StoreClient {
 public:
  StoreClient(HttpClient& http, StoreOptions options,
              StoreAccess access = StoreAccess::kPresigned)
      : http_(http), options_(options), access_(access) {}

  // Sends `request` with the body that it has; its timeout is set here.
  absl::StatusOr<HttpResponse> Send(const CallContext& context,
                                    HttpRequest request);

  // The same for a request that puts parts together.
  absl::StatusOr<HttpResponse> Complete(const CallContext& context,
                                        HttpRequest request);

  // Sends `bytes` as the body of `request`, for as long as they move.
  absl::StatusOr<HttpResponse> Put(const CallContext& context,
                                   HttpRequest request, const Rope& bytes);

 private:
  absl::StatusOr<HttpResponse> Exchange(const CallContext& context,
                                        const HttpRequest& request);
  absl::Status CheckStored(const std::string& bucket,
                           const HttpResponse& response, const Rope& bytes,
                           const std::string& md5);
  bool EtagsAreMd5(const std::string& bucket, bool proven);

  HttpClient& http_;
  const StoreOptions options_;
  const StoreAccess access_;
  absl::Mutex mu_;
  // Buckets whose ETags have been MD5s.
  std::set<std::string> md5_buckets_ ABSL_GUARDED_BY(mu_);
};

// The ETag of a reply without quotes, spaces and W/; empty if it has none.
std::string EtagOf(const HttpResponse& response);

// What the reply to a PUT of a whole object acknowledges. The checksum is the
// Content-MD5 in hex where there is one, else the ETag.
//
// Errors: FAILED_PRECONDITION, STORE_REJECTED without an ETag: the store would
// answer the same again.
absl::StatusOr<StoredObject> Acknowledged(const HttpResponse& response);

// The same failure of putting parts together; DATA_LOSS, CHECKSUM_MISMATCH
// where it says that the store does not have the parts that it acknowledged.
absl::Status OfParts(const absl::Status& failure);

}  // namespace lakefs::gateway
