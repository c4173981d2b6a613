#include "tests/conformance/staging_client.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "tests/emulator/emulator_options.h"

namespace lakefs::gateway::testing {
namespace {

constexpr std::chrono::seconds kCallTimeout(60);

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

FixedCredentials KeysOf(const LakefsUnderTest& lakefs,
                        absl::string_view suffix) {
  if (lakefs.is_real()) {
    return FixedCredentials::Keys(
        Variable("LAKECTL_CREDENTIALS_ACCESS_KEY_ID"),
        absl::StrCat(Variable("LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY"),
                     suffix));
  }
  const EmulatorOptions defaults;
  return FixedCredentials::Keys(
      defaults.access_key_id, absl::StrCat(defaults.secret_access_key, suffix));
}

// `data` must outlive the body.
HttpBody BodyOf(absl::string_view data, bool chunked) {
  HttpBody body;
  if (!chunked) body.size_bytes = data.size();
  body.read = [data](std::span<char> buffer) mutable {
    const size_t n = std::min(buffer.size(), data.size());
    std::memcpy(buffer.data(), data.data(), n);
    data.remove_prefix(n);
    return n;
  };
  return body;
}

}  // namespace

StagingClient::StagingClient(LakefsUnderTest& lakefs, std::string prefix)
    : lakefs_(lakefs),
      repository_(lakefs.repository()),
      prefix_(std::move(prefix)),
      keys_(KeysOf(lakefs, "")),
      wrong_keys_(KeysOf(lakefs, "-not")),
      with_keys_({.endpoint = lakefs.endpoint()}, http_, keys_),
      with_wrong_keys_({.endpoint = lakefs.endpoint()}, http_, wrong_keys_),
      store_(http_) {}

ObjectPath StagingClient::At(absl::string_view name) const {
  return At(name, "main");
}

ObjectPath StagingClient::At(absl::string_view name,
                             absl::string_view branch) const {
  return {repository_, std::string(branch), absl::StrCat(prefix_, "/", name)};
}

absl::StatusOr<StagingLocation> StagingClient::Address(const ObjectPath& object,
                                                       bool presign) {
  return rest_->GetPhysicalAddress(Context(), object, presign);
}

absl::StatusOr<StagingMetadata> StagingClient::Put(
    const StagingLocation& location, const std::string& data) {
  Rope bytes;
  bytes.Append(data);
  const auto stored = store_.Put(Context(), location, bytes, "");
  if (!stored.ok()) return stored.status();
  return StagingMetadata{.staging = location,
                         .checksum = stored->checksum,
                         .size_bytes = static_cast<int64_t>(data.size())};
}

absl::StatusOr<StagingMetadata> StagingClient::Stage(const ObjectPath& object,
                                                     const std::string& data) {
  const auto location = Address(object);
  if (!location.ok()) return location.status();
  return Put(*location, data);
}

absl::StatusOr<ObjectStats> StagingClient::Link(
    const ObjectPath& object, const StagingMetadata& metadata,
    const WriteCondition& condition) {
  return rest_->LinkPhysicalAddress(Context(), object, metadata, condition)
      .stats;
}

absl::StatusOr<std::optional<ObjectStats>> StagingClient::Stat(
    const ObjectPath& object) {
  return rest_->StatObject(Context(), object);
}

absl::StatusOr<ObjectStats> StagingClient::Upload(const ObjectPath& object,
                                                  const std::string& data,
                                                  const UploadOptions& options,
                                                  bool chunked) {
  return rest_->UploadObject(Context(), object, options, BodyOf(data, chunked));
}

absl::StatusOr<ServerConfig> StagingClient::Config() {
  const auto configs = rest_->GetConfig(Context());
  if (!configs.ok()) return configs.status();
  return configs->Stores().front();
}

absl::Status StagingClient::Branch(absl::string_view repository,
                                   absl::string_view branch) {
  return rest_->GetBranch(Context(), repository, branch);
}

absl::StatusOr<std::string> StagingClient::Namespace(
    absl::string_view repository) {
  auto found = rest_->GetRepository(Context(), repository);
  if (!found.ok()) return found.status();
  return std::move(found->storage_namespace);
}

std::string StagingClient::Read(const ObjectPath& object) {
  return lakefs_.Read(object.path).value_or("nothing");
}

int StagingClient::Raw(HttpMethod method, absl::string_view tail,
                       const std::string& body,
                       std::vector<HttpHeader> headers) {
  headers.push_back(*keys_.Get(Context()));
  if (!body.empty()) headers.push_back({"Content-Type", "application/json"});
  const auto response =
      http_.Send(Context(), {.operation = "raw",
                             .method = method,
                             .url = absl::StrCat(with_keys_.base_url(), tail),
                             .headers = std::move(headers),
                             .body = body});
  return response.ok() ? response->status : 0;
}

std::string StagingClient::Backing(const ObjectPath& object) const {
  return absl::StrCat("/repositories/", object.repository, "/branches/",
                      object.branch,
                      "/staging/backing?path=", PercentEncode(object.path));
}

void StagingClient::UseWrongSecret() { rest_ = &with_wrong_keys_; }

CallContext StagingClient::Context() const {
  return {clock_, clock_.Now() + kCallTimeout, "conformance"};
}

std::string Said(const absl::Status& status) {
  if (status.ok()) return "OK";
  const ErrorDetails details = DetailsOf(status);
  std::string said(ReasonName(details.reason));
  if (!details.resource_type.empty()) {
    absl::StrAppend(&said, " ", details.resource_type);
  }
  return said;
}

}  // namespace lakefs::gateway::testing
