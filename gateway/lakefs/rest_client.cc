#include "gateway/lakefs/rest_client.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gateway/base/error.h"
#include "gateway/http/reply_time.h"
#include "gateway/lakefs/answers.h"
#include "gateway/lakefs/dialect.h"
#include "gateway/lakefs/json.h"
#include "gateway/lakefs/upload_headers.h"

namespace lakefs::gateway {
namespace {

// The store may take minutes to put many parts together.
constexpr std::chrono::minutes kCompleteTimeout{5};

std::string RepositoryPath(absl::string_view repository) {
  return absl::StrCat("/repositories/", PercentEncode(repository));
}

std::string BranchPath(absl::string_view repository, absl::string_view branch) {
  return absl::StrCat(RepositoryPath(repository), "/branches/",
                      PercentEncode(branch));
}

// `tail` of the object's branch, with its path as the query.
std::string OnBranch(const ObjectPath& object, absl::string_view tail) {
  return absl::StrCat(BranchPath(object.repository, object.branch), tail,
                      "?path=", PercentEncode(object.path));
}

// The upload below its object's branch; `tail` stands before the query.
std::string OfUpload(const ObjectPath& object, const MultipartUpload& upload,
                     absl::string_view tail = "") {
  return OnBranch(object, absl::StrCat("/staging/pmpu/",
                                       PercentEncode(upload.upload_id), tail));
}

// The object as readers of the branch see it, or with `committed` of its last
// commit, by `kind`: "/objects", "/objects/stat".
std::string OnRef(const ObjectPath& object, absl::string_view kind,
                  bool committed = false) {
  return absl::StrCat(RepositoryPath(object.repository), "/refs/",
                      PercentEncode(object.branch), committed ? "@" : "", kind,
                      "?path=", PercentEncode(object.path));
}

// The body as the one file of a form, of the type that the object gets.
HttpBody AsForm(HttpBody body, const std::string& boundary,
                const std::string& content_type) {
  return {.size_bytes = std::nullopt,
          .read = [read = std::move(body.read),
                   head = absl::StrCat(
                       "--", boundary,
                       "\r\nContent-Disposition: form-data; name=\"content\"; "
                       "filename=\"content\"\r\nContent-Type: ",
                       content_type, "\r\n\r\n"),
                   tail = absl::StrCat("\r\n--", boundary, "--\r\n"),
                   ended = false](std::span<char> buffer) mutable
          -> absl::StatusOr<size_t> {
            if (head.empty() && !ended) {
              const auto n = read(buffer);
              if (!n.ok() || *n > 0) return n;
              ended = true;
            }
            std::string& rest = ended ? tail : head;
            const size_t n = rest.copy(buffer.data(), buffer.size());
            rest.erase(0, n);
            return n;
          }};
}

// The location in a reply, with the time at which it was signed.
std::optional<StagingLocation> LocationIn(const HttpResponse& response,
                                          const Clock& clock) {
  auto location = ParseStagingLocation(response.body);
  if (location) {
    location->signed_at = DateOf(response).value_or(clock.WallNow());
  }
  return location;
}

// lakeFS takes the checksum as it shows it, without quotes.
void AddCondition(const WriteCondition& condition, HttpRequest& request) {
  if (condition.if_absent) request.headers.push_back({"If-None-Match", "*"});
  if (condition.if_match) {
    request.headers.push_back({"If-Match", *condition.if_match});
  }
}

// The error of getting credentials: whatever became of that, the request itself
// never left.
absl::Status NeverSent(const absl::Status& status) {
  if (!Ambiguous(status)) return status;
  ErrorDetails details = DetailsOf(status);
  details.reason = Reason::kUpstreamUnreachable;
  return MakeError(absl::StatusCode::kUnavailable, status.message(), details);
}

}  // namespace

std::string ApiBase(absl::string_view endpoint) {
  while (absl::ConsumeSuffix(&endpoint, "/")) {
  }
  return absl::EndsWith(endpoint, "/api/v1")
             ? std::string(endpoint)
             : absl::StrCat(endpoint, "/api/v1");
}

RestClient::RestClient(const RestClientOptions& options, HttpClient& http,
                       Credentials& credentials)
    : base_(ApiBase(options.endpoint)),
      timeout_(options.timeout),
      local_roots_(options.local_roots),
      http_(http),
      credentials_(credentials) {}

HttpRequest RestClient::Request(absl::string_view operation, HttpMethod method,
                                absl::string_view path) const {
  return HttpRequest{.operation = operation,
                     .method = method,
                     .url = absl::StrCat(base_, path),
                     .repeatable = method == HttpMethod::kGet,
                     .timeout = timeout_};
}

absl::StatusOr<HttpResponse> RestClient::Send(const CallContext& context,
                                              HttpRequest request) {
  auto credentials = credentials_.Get(context);
  if (!credentials.ok()) return NeverSent(credentials.status());
  if (context.trace()) {
    request.headers.push_back({"traceparent", context.trace()->ToString()});
  }
  request.headers.push_back(*credentials);
  auto response = http_.Send(context, request);
  // A streamed body is gone by now, and cannot be sent again.
  if (!response.ok() || request.stream ||
      !RefusesCredentials(request.operation, *response) ||
      !credentials_.Renew(context, *credentials)) {
    return response;
  }
  credentials = credentials_.Get(context);
  if (!credentials.ok()) return response;
  request.headers.back() = *credentials;
  return http_.Send(context, request);
}

absl::StatusOr<HttpResponse> RestClient::SendOk(const CallContext& context,
                                                HttpRequest request) {
  const absl::string_view operation = request.operation;
  auto response = Send(context, std::move(request));
  if (response.ok() && !response->Succeeded()) {
    return AnswerToStatus(operation, *response);
  }
  return response;
}

absl::StatusOr<ServerConfigs> RestClient::GetConfig(
    const CallContext& context) {
  const auto config =
      SendOk(context, Request("getConfig", HttpMethod::kGet, "/config"));
  if (config.ok()) {
    if (auto parsed = ParseConfig(config->body)) return *std::move(parsed);
    return UnreadableAnswer("getConfig", *config);
  }
  if (ReasonOf(config.status()) != Reason::kUpstreamUnimplemented) {
    return config.status();
  }
  const auto storage =
      SendOk(context,
             Request("getStorageConfig", HttpMethod::kGet, "/config/storage"));
  if (!storage.ok()) return storage.status();
  const auto version =
      SendOk(context,
             Request("getLakeFSVersion", HttpMethod::kGet, "/config/version"));
  if (!version.ok()) return version.status();
  if (auto parsed = ParseStorageConfig(storage->body, version->body)) {
    return ServerConfigs{.usual = *std::move(parsed)};
  }
  return UnreadableAnswer("getStorageConfig", *storage);
}

absl::Status RestClient::HealthCheck(const CallContext& context) {
  const auto response = http_.Send(
      context, Request("healthCheck", HttpMethod::kGet, "/healthcheck"));
  if (!response.ok()) return response.status();
  if (response->Succeeded()) return absl::OkStatus();
  return AnswerToStatus("healthCheck", *response);
}

absl::Status RestClient::GetBranch(const CallContext& context,
                                   absl::string_view repository,
                                   absl::string_view branch) {
  return SendOk(context, Request("getBranch", HttpMethod::kGet,
                                 BranchPath(repository, branch)))
      .status();
}

absl::StatusOr<Repository> RestClient::GetRepository(
    const CallContext& context, absl::string_view repository) {
  const auto response = SendOk(
      context,
      Request("getRepository", HttpMethod::kGet, RepositoryPath(repository)));
  if (!response.ok()) return response.status();
  if (auto found = ParseRepository(response->body)) return *std::move(found);
  return UnreadableAnswer("getRepository", *response);
}

absl::StatusOr<StagingLocation> RestClient::GetPhysicalAddress(
    const CallContext& context, const ObjectPath& object, bool presign) {
  const auto response =
      SendOk(context, Request("getPhysicalAddress", HttpMethod::kGet,
                              absl::StrCat(OnBranch(object, "/staging/backing"),
                                           presign ? "&presign=true" : "")));
  if (!response.ok()) return response.status();
  if (auto location = LocationIn(*response, context.clock())) {
    return *std::move(location);
  }
  return UnreadableAnswer("getPhysicalAddress", *response);
}

LinkAnswer RestClient::LinkPhysicalAddress(const CallContext& context,
                                           const ObjectPath& object,
                                           const StagingMetadata& metadata,
                                           const WriteCondition& condition) {
  HttpRequest request = Request("linkPhysicalAddress", HttpMethod::kPut,
                                OnBranch(object, "/staging/backing"));
  request.body = ToJson(metadata);
  request.headers = {{"Content-Type", "application/json"}};
  AddCondition(condition, request);
  const auto response = Send(context, std::move(request));
  if (!response.ok()) return {.stats = response.status()};
  if (!response->Succeeded()) {
    LinkAnswer answer{.stats =
                          AnswerToStatus("linkPhysicalAddress", *response)};
    if (response->status == 409) {
      answer.try_here = LocationIn(*response, context.clock());
    }
    return answer;
  }
  // Before v0.53 a link had no answer but 200.
  if (response->status == 200 && response->body.empty()) {
    return {.stats = ObjectStats{
                .path = object.path,
                .physical_address = metadata.staging.physical_address,
                .checksum = metadata.checksum,
                .size_bytes = metadata.size_bytes,
                .user_metadata = metadata.user_metadata,
                .content_type = metadata.content_type}};
  }
  auto stats = ParseObjectStats(response->body);
  if (!stats) {
    return {.stats = UnreadableAnswer("linkPhysicalAddress", *response)};
  }
  // Some releases answer with a relative address, or with none.
  stats->physical_address = metadata.staging.physical_address;
  return {.stats = *std::move(stats)};
}

absl::StatusOr<std::optional<ObjectStats>> RestClient::StatObject(
    const CallContext& context, const ObjectPath& object) {
  return Stat(context, OnRef(object, "/objects/stat"));
}

absl::StatusOr<std::optional<ObjectStats>> RestClient::StatCommitted(
    const CallContext& context, const ObjectPath& object) {
  return Stat(context, OnRef(object, "/objects/stat", /*committed=*/true));
}

absl::StatusOr<std::optional<ObjectStats>> RestClient::Stat(
    const CallContext& context, const std::string& path) {
  const auto response =
      Send(context, Request("statObject", HttpMethod::kGet, path));
  if (!response.ok()) return response.status();
  if (SaysAbsent(*response)) return std::nullopt;
  if (!response->Succeeded()) return AnswerToStatus("statObject", *response);
  if (auto stats = ParseObjectStats(response->body)) {
    for (const std::string& root : local_roots_) {
      stats->physical_address = WithRootOnce(stats->physical_address, root);
    }
    stats->shown_at = DateOf(*response);
    return stats;
  }
  return UnreadableAnswer("statObject", *response);
}

absl::StatusOr<MultipartUpload> RestClient::CreatePresignMultipartUpload(
    const CallContext& context, const ObjectPath& object, int parts) {
  constexpr char kOperation[] = "createPresignMultipartUpload";
  const auto response =
      SendOk(context, Request(kOperation, HttpMethod::kPost,
                              absl::StrCat(OnBranch(object, "/staging/pmpu"),
                                           "&parts=", parts)));
  if (!response.ok()) return response.status();
  if (auto upload = ParseMultipartUpload(response->body)) {
    return *std::move(upload);
  }
  return UnreadableAnswer(kOperation, *response);
}

absl::StatusOr<std::string> RestClient::UploadPart(
    const CallContext& context, const ObjectPath& object,
    const MultipartUpload& upload, int number) {
  HttpRequest request =
      Request("uploadPart", HttpMethod::kPut,
              OfUpload(object, upload, absl::StrCat("/parts/", number)));
  request.headers = {{"Content-Type", "application/json"}};
  request.body = AddressToJson(upload);
  request.repeatable = true;
  const auto response = SendOk(context, std::move(request));
  if (!response.ok()) return response.status();
  if (auto url = ParsePresignedUrl(response->body)) return *std::move(url);
  return UnreadableAnswer("uploadPart", *response);
}

absl::StatusOr<ObjectStats> RestClient::CompletePresignMultipartUpload(
    const CallContext& context, const ObjectPath& object,
    const MultipartUpload& upload, std::span<const StoredPart> parts,
    const UserMetadata& user_metadata, const std::string& content_type) {
  constexpr char kOperation[] = "completePresignMultipartUpload";
  HttpRequest request =
      Request(kOperation, HttpMethod::kPut, OfUpload(object, upload));
  request.headers = {{"Content-Type", "application/json"}};
  request.body = ToJson(upload, parts, user_metadata, content_type);
  request.timeout = kCompleteTimeout;
  const auto response = SendOk(context, std::move(request));
  if (!response.ok()) return response.status();
  auto stats = ParseObjectStats(response->body);
  if (!stats) return UnreadableAnswer(kOperation, *response);
  stats->physical_address = upload.physical_address;  // the reply's is relative
  return *std::move(stats);
}

absl::Status RestClient::AbortPresignMultipartUpload(
    const CallContext& context, const ObjectPath& object,
    const MultipartUpload& upload) {
  HttpRequest request = Request("abortPresignMultipartUpload",
                                HttpMethod::kDelete, OfUpload(object, upload));
  request.headers = {{"Content-Type", "application/json"}};
  request.body = AddressToJson(upload);
  return SendOk(context, std::move(request)).status();
}

absl::StatusOr<bool> RestClient::ReadFirstByte(const CallContext& context,
                                               const ObjectPath& object) {
  HttpRequest request =
      Request("getObject", HttpMethod::kGet, OnRef(object, "/objects"));
  request.headers = {{"Range", "bytes=0-0"}};
  const auto response = Send(context, std::move(request));
  if (!response.ok()) return response.status();
  if (SaysNoData(*response)) return false;
  if (response->status == 200 || response->status == 206) {
    return !response->body.empty();
  }
  return AnswerToStatus("getObject", *response);
}

absl::Status RestClient::DeleteObject(const CallContext& context,
                                      const ObjectPath& object) {
  const absl::Status status =
      SendOk(context, Request("deleteObject", HttpMethod::kDelete,
                              OnBranch(object, "/objects")))
          .status();
  return ReasonOf(status) == Reason::kNotFound ? absl::OkStatus() : status;
}

absl::StatusOr<ObjectStats> RestClient::UploadObject(
    const CallContext& context, const ObjectPath& object,
    const UploadOptions& options, HttpBody body) {
  if (auto s = InvalidRequest(HeaderViolations(
          options.content_type, options.user_metadata, "header."));
      !s.ok()) {
    return s;
  }
  HttpRequest request =
      Request("uploadObject", HttpMethod::kPost,
              absl::StrCat(OnBranch(object, "/objects"),
                           options.force ? "&force=true" : ""));
  request.stream = std::move(body);
  request.timeout = std::chrono::milliseconds(0);  // the call's deadline alone
  std::string content_type = options.content_type.empty()
                                 ? "application/octet-stream"
                                 : options.content_type;
  if (!options.form_boundary.empty()) {
    request.stream =
        AsForm(*std::move(request.stream), options.form_boundary, content_type);
    content_type =
        absl::StrCat("multipart/form-data; boundary=", options.form_boundary);
  }
  request.headers = {{"Content-Type", std::move(content_type)}};
  AddCondition(options.condition, request);
  for (const auto& [key, value] : options.user_metadata) {
    request.headers.push_back({absl::StrCat("x-lakefs-meta-", key), value});
  }
  const auto response = SendOk(context, std::move(request));
  if (!response.ok()) return response.status();
  if (auto stats = ParseObjectStats(response->body)) return *std::move(stats);
  return UnreadableAnswer("uploadObject", *response);
}

}  // namespace lakefs::gateway
