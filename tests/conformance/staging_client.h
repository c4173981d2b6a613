// What a row of the conformance table acts with.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gateway/http/curl_http_client.h"
#include "gateway/lakefs/credentials.h"
#include "gateway/lakefs/rest_client.h"
#include "gateway/objectstore/presigned_store.h"
#include "tests/testing/lakefs_under_test.h"

namespace lakefs::gateway::testing {

// The gateway's own clients of lakeFS and of its store, writing to the branch
// "main" below one prefix. One attempt a call, each bounded by a minute.
class StagingClient {
 public:
  // `prefix` has to be new to the repository.
  StagingClient(LakefsUnderTest& lakefs, std::string prefix);

  // The object of that name: `prefix`, a slash, and the name, byte for byte.
  ObjectPath At(absl::string_view name) const;
  // The same on another branch.
  ObjectPath At(absl::string_view name, absl::string_view branch) const;
  const std::string& prefix() const { return prefix_; }
  const std::string& repository() const { return repository_; }

  absl::StatusOr<StagingLocation> Address(const ObjectPath& object,
                                          bool presign = true);
  // Puts the bytes to the presigned URL, and fills in what link wants.
  absl::StatusOr<StagingMetadata> Put(const StagingLocation& location,
                                      const std::string& data);
  // A new address for the object with the bytes in it.
  absl::StatusOr<StagingMetadata> Stage(const ObjectPath& object,
                                        const std::string& data = "bytes");
  absl::StatusOr<ObjectStats> Link(const ObjectPath& object,
                                   const StagingMetadata& metadata,
                                   const WriteCondition& condition = {});
  absl::StatusOr<std::optional<ObjectStats>> Stat(const ObjectPath& object);
  absl::StatusOr<ObjectStats> Upload(const ObjectPath& object,
                                     const std::string& data,
                                     const UploadOptions& options = {},
                                     bool chunked = false);
  absl::StatusOr<ServerConfig> Config();
  absl::Status Branch(absl::string_view repository, absl::string_view branch);
  absl::StatusOr<std::string> Namespace(absl::string_view repository);

  // The bytes at the path of "main", as a reader gets them, or "nothing".
  std::string Read(const ObjectPath& object);
  // Commits the branch "main".
  bool Commit() { return lakefs_.Commit(); }

  // The HTTP status of a request that the gateway's client does not make.
  // `tail` goes behind the base of the API; the keys and, with a body, the
  // type of JSON are added to `headers`.
  int Raw(HttpMethod method, absl::string_view tail,
          const std::string& body = "", std::vector<HttpHeader> headers = {});
  // The `tail` of the object's get-address and link.
  std::string Backing(const ObjectPath& object) const;

  // From now on all calls are made with a secret that is wrong.
  void UseWrongSecret();

 private:
  CallContext Context() const;

  LakefsUnderTest& lakefs_;
  const std::string repository_;
  const std::string prefix_;
  mutable RealClock clock_;
  CurlHttpClient http_;
  FixedCredentials keys_;
  FixedCredentials wrong_keys_;
  RestClient with_keys_;
  RestClient with_wrong_keys_;
  PresignedStore store_;
  RestClient* rest_ = &with_keys_;
};

// "OK", or the reason of the error, with what is missing in the case of
// NOT_FOUND: "NOT_FOUND branch".
std::string Said(const absl::Status& status);
template <typename T>
std::string Said(const absl::StatusOr<T>& result) {
  return Said(result.status());
}

}  // namespace lakefs::gateway::testing
