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

namespace lakefs::gateway {

struct StoreOptions {
  // Bound on one exchange: `timeout` and the time that its bytes take at
  // `least_rate`. A store that stalls longer is given up and asked again.
  std::chrono::milliseconds timeout{60'000};
  int64_t least_rate_bytes_per_second = 256 * 1024;

  // Bound on putting parts together, which can take a store minutes. To ask
  // again while it is at it would not make it faster.
  std::chrono::milliseconds complete_timeout{300'000};

  // A PUT whose bytes do not move for so long is given up, also if it is large
  // and has hours. Stores have been seen to stall for half a minute.
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
// Errors: PERMISSION_DENIED or INTERNAL, STORE_REJECTED with storeErrorCode if
// the store refused; DATA_LOSS, CHECKSUM_MISMATCH if it acknowledged other
// bytes; those that Transient() knows otherwise, among them a Content-MD5 that
// did not fit and a body that did not come in time, since they may have been
// the wire's fault.
//
// Threads: any.
class StoreClient {
 public:
  StoreClient(HttpClient& http, StoreOptions options)
      : http_(http), options_(options) {}

  // Sends `request` with the body that it has; its timeout is set here.
  absl::StatusOr<HttpResponse> Send(const CallContext& context,
                                    HttpRequest request);

  // The same for a request that puts parts together.
  absl::StatusOr<HttpResponse> Complete(const CallContext& context,
                                        HttpRequest request);

  // Sends `bytes` as the body of `request`.
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
  absl::Mutex mu_;
  // Buckets whose ETags have been MD5s.
  std::set<std::string> md5_buckets_ ABSL_GUARDED_BY(mu_);
};

// The ETag of a reply without quotes, spaces and W/; empty if it has none.
std::string EtagOf(const HttpResponse& response);

// What the reply to a PUT of a whole object acknowledges. The checksum is the
// Content-MD5 in hex where there is one, else the ETag.
//
// Errors: UNAVAILABLE, UPSTREAM_CONNECTION_LOST without an ETag: half of an
// answer looks like that, and doing it again does no harm.
absl::StatusOr<StoredObject> Acknowledged(const HttpResponse& response);

// The same failure of putting parts together; DATA_LOSS, CHECKSUM_MISMATCH
// where it says that the store does not have the parts that it acknowledged.
absl::Status OfParts(const absl::Status& failure);

// The error of a store's answer, whatever its status.
absl::Status StoreError(absl::string_view operation,
                        const HttpResponse& response);

}  // namespace lakefs::gateway
