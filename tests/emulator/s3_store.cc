#include "tests/emulator/s3_store.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tests/emulator/digest.h"
#include "tests/emulator/s3_xml.h"

namespace lakefs::gateway::testing {
namespace {

// "s3://lake/repo/data/x" -> "lake/repo/data/x"; other stores' addresses are
// keys that nothing is ever stored at.
std::string KeyOf(absl::string_view address) {
  absl::ConsumePrefix(&address, "s3://");
  return std::string(address);
}

std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", text, "\"");
}

std::string ChecksumOf(absl::string_view etag) {
  return std::string(etag.substr(1, etag.size() - 2));
}

// How S3 says what is wrong with a signature; MinIO's status where they differ.
struct Refusal {
  int status;
  absl::string_view code;
  absl::string_view message;
};

constexpr absl::string_view kNotSigned =
    "There were headers present in the request which were not signed";

Refusal RefusalOf(SigV4::Verdict verdict) {
  switch (verdict) {
    case SigV4::Verdict::kExpired:
      return {403, "AccessDenied", "Request has expired"};
    case SigV4::Verdict::kNotYet:
      return {403, "AccessDenied", "Request is not valid yet"};
    case SigV4::Verdict::kMissing:
      return {403, "AccessDenied", "Access Denied."};
    case SigV4::Verdict::kSkewed:
      return {403, "RequestTimeTooSkewed",
              "The difference between the request time and the server's time "
              "is too large."};
    case SigV4::Verdict::kNoPayload:
      return {400, "InvalidRequest",
              "Missing required header for this request: "
              "x-amz-content-sha256"};
    case SigV4::Verdict::kNamedOnly:
      return {400, "AccessDenied", kNotSigned};
    case SigV4::Verdict::kSentOnly:
      return {403, "AccessDenied", kNotSigned};
    default:
      return {403, "SignatureDoesNotMatch",
              "The request signature we calculated does not match the "
              "signature you provided. Check your key and signing method."};
  }
}

HttpResponse ReplyOf(const S3Error& error, absl::string_view key) {
  return S3ErrorReply(error.status, error.code, error.message, key);
}

HttpResponse NotAllowed(absl::string_view key) {
  return S3ErrorReply(
      405, "MethodNotAllowed",
      "The specified method is not allowed against this resource.", key);
}

HttpResponse XmlReply(std::string body) {
  HttpResponse reply;
  reply.headers["Content-Type"] = "application/xml";
  reply.body = std::move(body);
  return reply;
}

// Whether the header is there and wrong.
bool ContradictsMd5(const HttpRequest& request) {
  std::string header = request.Header("content-md5");
  std::string md5;
  return !header.empty() &&
         (!absl::Base64Unescape(header, &md5) || md5 != request.content.md5);
}

}  // namespace

HttpResponse S3ErrorReply(int status, absl::string_view code,
                          absl::string_view message,
                          absl::string_view resource) {
  HttpResponse reply;
  reply.status = status;
  reply.headers["Content-Type"] = "application/xml";
  reply.body = absl::StrCat(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>", code,
      "</Code><Message>", message, "</Message><Resource>", resource,
      "</Resource><RequestId>18EA96C19124EF8D</RequestId></Error>");
  return reply;
}

S3Store::S3Store(const EmulatorOptions& options)
    : now_(options.now),
      lifetime_(options.presign_lifetime),
      policy_(ContentPolicyOf(options)),
      signer_(options.store_access_key_id, options.store_secret_access_key),
      uploads_(policy_) {}

std::string S3Store::NamespaceOf(absl::string_view repository) const {
  return absl::StrCat("s3://lake/", repository);
}

StoredObject S3Store::Put(const std::string& address, Content content,
                          const std::string& content_type) {
  StoredObject stored{Hex(ETagBytes(content, policy_)), content.size_bytes};
  blobs_.Put(KeyOf(address),
             {std::move(content), Quoted(stored.checksum), content_type, ""});
  return stored;
}

std::optional<Content> S3Store::Get(const std::string& address) const {
  std::optional<Blob> blob = blobs_.Get(KeyOf(address));
  return blob.has_value() ? std::optional(blob->content) : std::nullopt;
}

absl::StatusOr<std::string> S3Store::Presign(absl::string_view method,
                                             const std::string& address) {
  std::map<std::string, std::string> query;
  if (method == "PUT") query["x-id"] = "PutObject";
  if (method == "GET") query["x-id"] = "GetObject";
  return signer_.Presign(method, host(), absl::StrCat("/", KeyOf(address)),
                         std::move(query), now_(), lifetime_);
}

std::string S3Store::CreateUpload(const std::string& address) {
  return uploads_.Create(KeyOf(address));
}

std::string S3Store::PresignPart(const std::string& address,
                                 const std::string& upload_id, int number) {
  return signer_.Presign("PUT", host(), absl::StrCat("/", KeyOf(address)),
                         {{"partNumber", absl::StrCat(number)},
                          {"uploadId", upload_id},
                          {"x-id", "UploadPart"}},
                         now_(), lifetime_);
}

absl::StatusOr<StoredObject> S3Store::CompleteUpload(
    const std::string& address, const std::string& upload_id,
    const std::vector<CompletedPart>& parts) {
  std::string key = KeyOf(address);
  Content whole;
  std::string etag;
  S3Error error = uploads_.Complete(key, upload_id, parts, whole, etag);
  if (error.status != 0) {
    return absl::InternalError(absl::StrCat(
        "operation error S3: CompleteMultipartUpload, https response error "
        "StatusCode: ",
        error.status, ", RequestID: 18EA91F16423A667, HostID: emulator, ",
        "api error ", error.code, ": ", error.message));
  }
  StoredObject stored{ChecksumOf(etag), whole.size_bytes};
  blobs_.Put(key, {std::move(whole), etag, "binary/octet-stream", ""});
  return stored;
}

void S3Store::AbortUpload(const std::string& address,
                          const std::string& upload_id) {
  uploads_.Abort(KeyOf(address), upload_id);
}

std::string S3Store::OperationOf(const HttpRequest& request) const {
  const std::string& method = request.method;
  bool of_upload = request.query.count("uploadId") > 0;
  if (method == "GET") return "storeGet";
  if (method == "HEAD") return "storeHead";
  if (method == "PUT") return of_upload ? "storePutPart" : "storePut";
  if (method == "POST" && of_upload) return "storeCompleteMultipartUpload";
  if (method == "POST" && request.query.count("uploads") > 0) {
    return "storeCreateMultipartUpload";
  }
  if (method == "DELETE") {
    return of_upload ? "storeAbortMultipartUpload" : "storeDelete";
  }
  return "store";
}

HttpResponse S3Store::Handle(HttpRequest& request) {
  std::string path = PercentDecode(request.path, /*plus_is_space=*/false);
  SigV4::Verdict verdict = signer_.Verify(request, request.arrived);
  if (verdict != SigV4::Verdict::kGood) {
    const Refusal refusal = RefusalOf(verdict);
    return S3ErrorReply(refusal.status, refusal.code, refusal.message, path);
  }
  std::string key = path.substr(1);
  const std::string& method = request.method;
  if (method == "GET" || method == "HEAD") return GetObject(key, request);
  if (method == "PUT") return Put(key, request);
  if (method == "POST") return Post(key, request);
  if (method == "DELETE") return Delete(key, request);
  return NotAllowed(key);
}

HttpResponse S3Store::Put(const std::string& key, HttpRequest& request) {
  if (request.Header("content-length").empty()) {
    return S3ErrorReply(411, "MissingContentLength",
                        "You must provide the Content-Length HTTP header.",
                        key);
  }
  if (ContradictsMd5(request)) {
    return S3ErrorReply(400, "BadDigest",
                        "The Content-Md5 you specified did not match what we "
                        "received.",
                        key);
  }
  return request.query.count("uploadId") > 0 ? PutPart(key, request)
                                             : PutObject(key, request);
}

HttpResponse S3Store::Post(const std::string& key, const HttpRequest& request) {
  if (request.query.count("uploadId") > 0) return Complete(key, request);
  if (request.query.count("uploads") == 0) return NotAllowed(key);
  return XmlReply(DescribeCreatedUpload(key, uploads_.Create(key)));
}

HttpResponse S3Store::Complete(const std::string& key,
                               const HttpRequest& request) {
  auto parts = ParseCompletedParts(request.body);
  if (!parts.has_value()) {
    return S3ErrorReply(400, "MalformedXML",
                        "The XML you provided was not well-formed or did not "
                        "validate against our published schema.",
                        key);
  }
  Content whole;
  std::string etag;
  S3Error error =
      uploads_.Complete(key, request.Query("uploadId"), *parts, whole, etag);
  if (error.status != 0) return ReplyOf(error, key);
  blobs_.Put(key, {std::move(whole), etag, "binary/octet-stream", ""});
  return XmlReply(DescribeCompletedUpload(key, etag));
}

HttpResponse S3Store::Delete(const std::string& key,
                             const HttpRequest& request) {
  HttpResponse gone;
  gone.status = 204;
  if (request.query.count("uploadId") == 0) {
    blobs_.Delete(key);
    return gone;
  }
  if (uploads_.Abort(key, request.Query("uploadId"))) return gone;
  return ReplyOf(kNoSuchUpload, key);
}

HttpResponse S3Store::PutObject(const std::string& key, HttpRequest& request) {
  Blob blob;
  blob.etag = Quoted(Hex(ETagBytes(request.content, policy_)));
  blob.content_type = request.Header("content-type");
  blob.content = std::move(request.content);
  HttpResponse reply;
  reply.headers["Etag"] = blob.etag;
  blobs_.Put(key, std::move(blob));
  return reply;
}

HttpResponse S3Store::PutPart(const std::string& key, HttpRequest& request) {
  int number = 0;
  (void)absl::SimpleAtoi(request.Query("partNumber"), &number);
  std::string etag;
  S3Error error = uploads_.PutPart(key, request.Query("uploadId"), number,
                                   std::move(request.content), etag);
  if (error.status != 0) return ReplyOf(error, key);
  HttpResponse reply;
  reply.headers["Etag"] = etag;
  return reply;
}

HttpResponse S3Store::GetObject(const std::string& key,
                                const HttpRequest& request) const {
  std::optional<Blob> blob = blobs_.Get(key);
  if (!blob.has_value()) {
    return S3ErrorReply(404, "NoSuchKey", "The specified key does not exist.",
                        key);
  }
  HttpResponse reply;
  reply.headers["Etag"] = blob->etag;
  reply.headers["Content-Type"] =
      blob->content_type.empty() ? "binary/octet-stream" : blob->content_type;
  ServeContent(request, blob->content, reply);
  return reply;
}

}  // namespace lakefs::gateway::testing
