#include "tests/emulator/azure_store.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "tests/emulator/digest.h"

namespace lakefs::gateway::testing {
namespace {

constexpr absl::string_view kAccount = "devstoreaccount1";
constexpr absl::string_view kVersion = "2026-06-06";
constexpr absl::string_view kProtocols = "https,http";
constexpr size_t kLongestBlockId = 64;

std::string AccountUrl() {
  return absl::StrCat("https://", kAccount, ".blob.core.windows.net/");
}

// "https://ACCOUNT.blob.core.windows.net/lake/x" -> "lake/x".
std::string KeyOf(absl::string_view address) {
  absl::ConsumePrefix(&address, AccountUrl());
  return std::string(address);
}

HttpResponse Error(int status, const std::string& code,
                   absl::string_view message) {
  HttpResponse reply;
  reply.status = status;
  reply.headers["Content-Type"] = "application/xml";
  reply.headers["x-ms-error-code"] = code;
  reply.body = absl::StrCat(
      "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n"
      "<Error>\n  <Code>",
      code, "</Code>\n  <Message>", message, "</Message>\n</Error>");
  return reply;
}

HttpResponse Created() {
  HttpResponse reply;
  reply.status = 201;
  return reply;
}

HttpResponse BadRequest() {
  HttpResponse reply;  // Without a word, as the service does it.
  reply.status = 400;
  return reply;
}

bool ContradictsMd5(const HttpRequest& request, absl::string_view header) {
  std::string md5 = request.Header(header);
  return !md5.empty() && md5 != absl::Base64Escape(request.content.md5);
}

HttpResponse Md5Mismatch() {
  return Error(400, "InvalidOperation", "Provided contentMD5 doesn't match.");
}

}  // namespace

AzureStore::AzureStore(const EmulatorOptions& options)
    : now_(options.now),
      lifetime_(options.presign_lifetime),
      policy_(ContentPolicyOf(options)),
      secret_(options.store_secret_access_key) {}

std::string AzureStore::NamespaceOf(absl::string_view repository) const {
  return absl::StrCat(AccountUrl(), "lake/", repository);
}

StoredObject AzureStore::Put(const std::string& address, Content content,
                             const std::string& content_type) {
  StoredObject stored{Hex(ETagBytes(content, policy_)), content.size_bytes};
  absl::MutexLock lock(&mu_);
  AzureBlob& blob = blobs_[KeyOf(address)];
  blob = AzureBlob();
  blob.content_md5 = absl::Base64Escape(content.md5);
  blob.content = std::move(content);
  blob.content_type = content_type;
  blob.etag = NextETag();
  return stored;
}

std::optional<Content> AzureStore::Get(const std::string& address) const {
  absl::MutexLock lock(&mu_);
  auto it = blobs_.find(KeyOf(address));
  return it == blobs_.end() ? std::nullopt : it->second.content;
}

absl::StatusOr<std::string> AzureStore::Presign(absl::string_view method,
                                                const std::string& address) {
  std::string key = KeyOf(address);
  std::string expiry = absl::FormatTime("%E4Y-%m-%dT%H:%M:%SZ",
                                        absl::FromChrono(now_() + lifetime_),
                                        absl::UTCTimeZone());
  absl::string_view permissions = method == "PUT" ? "raw" : "r";
  // The comma of an address stays as it is, unlike with S3.
  return absl::StrCat(
      "http://", host(), "/", kAccount, "/", key, "?se=", PercentEncode(expiry),
      "&sig=", PercentEncode(Signature(key, expiry, permissions)),
      "&sp=", permissions, "&spr=", PercentEncode(kProtocols),
      "&sr=b&sv=", kVersion);
}

std::string AzureStore::Signature(absl::string_view key,
                                  absl::string_view expiry,
                                  absl::string_view permissions) const {
  return absl::Base64Escape(HmacSha256(
      secret_, absl::StrCat(permissions, "\n", expiry, "\n", kProtocols, "\n",
                            kVersion, "\n/blob/", kAccount, "/", key)));
}

bool AzureStore::IsSigned(const std::string& key,
                          const HttpRequest& request) const {
  std::string expiry = request.Query("se");
  absl::Time until;
  return absl::ParseTime("%E4Y-%m-%dT%H:%M:%SZ", expiry, &until, nullptr) &&
         absl::FromChrono(request.arrived) <= until &&
         request.Query("sig") == Signature(key, expiry, request.Query("sp")) &&
         request.Query("spr") == kProtocols &&
         request.Query("sv") == kVersion && request.Query("sr") == "b";
}

std::string AzureStore::OperationOf(const HttpRequest& request) const {
  std::string comp = request.Query("comp");
  if (request.method == "GET") {
    return comp == "blocklist" ? "storeGetBlockList" : "storeGet";
  }
  if (request.method == "HEAD") return "storeHead";
  if (request.method != "PUT") return "store";
  if (comp == "block") return "storePutPart";
  return comp == "blocklist" ? "storePutBlockList" : "storePut";
}

HttpResponse AzureStore::Handle(HttpRequest& request) {
  std::string path = PercentDecode(request.path, /*plus_is_space=*/false);
  absl::string_view rest = path;
  if (!absl::ConsumePrefix(&rest, absl::StrCat("/", kAccount, "/")) ||
      !IsSigned(std::string(rest), request)) {
    return Error(403, "AuthorizationFailure",
                 "Server failed to authenticate the request. Make sure the "
                 "value of the Authorization header is formed correctly "
                 "including the signature.");
  }
  std::string operation = OperationOf(request);
  bool writes = request.method == "PUT";
  if (operation == "store" || (writes && request.Query("sp") != "raw")) {
    return Error(403, "AuthorizationPermissionMismatch",
                 "This request is not authorized to perform this operation "
                 "using this permission.");
  }
  if (writes && request.Header("content-length").empty()) return BadRequest();
  absl::MutexLock lock(&mu_);
  if (!writes) {
    auto found = blobs_.find(std::string(rest));
    AzureBlob nothing;
    const AzureBlob& blob = found == blobs_.end() ? nothing : found->second;
    if (operation != "storeGetBlockList") return GetBlob(blob, request);
    HttpResponse reply;
    reply.headers["Content-Type"] = "application/xml";
    reply.body = DescribeBlocks(blob);
    return reply;
  }
  AzureBlob& blob = blobs_[std::string(rest)];
  if (operation == "storePutPart") return PutBlock(blob, request);
  if (request.Header("if-none-match") == "*" && blob.content.has_value()) {
    return Error(409, "BlobAlreadyExists",
                 "The specified blob already exists.");
  }
  return operation == "storePut" ? PutBlob(blob, request)
                                 : PutBlockList(blob, request);
}

HttpResponse AzureStore::PutBlob(AzureBlob& blob, HttpRequest& request) {
  if (request.Header("x-ms-blob-type") != "BlockBlob") return BadRequest();
  if (ContradictsMd5(request, "content-md5") ||
      ContradictsMd5(request, "x-ms-blob-content-md5")) {
    return Md5Mismatch();
  }
  blob = AzureBlob();
  blob.etag = NextETag();
  blob.content_md5 = absl::Base64Escape(request.content.md5);
  blob.content_type = request.Header("content-type");
  blob.content = std::move(request.content);
  HttpResponse reply = Created();
  reply.headers["Etag"] = blob.etag;
  if (!blob.content_md5.empty()) {
    reply.headers["Content-MD5"] = blob.content_md5;
  }
  return reply;
}

HttpResponse AzureStore::PutBlock(AzureBlob& blob, HttpRequest& request) {
  std::string id = request.Query("blockid");
  std::string decoded;
  if (id.empty() || !absl::Base64Unescape(id, &decoded) ||
      absl::Base64Escape(decoded) != id) {
    return Error(400, "InvalidQueryParameterValue",
                 "Value for one of the query parameters specified in the "
                 "request URI is invalid.");
  }
  if (decoded.size() > kLongestBlockId) {
    return Error(400, "OutOfRangeInput",
                 "One of the request inputs is out of range.");
  }
  if (!blob.uncommitted.empty() &&
      blob.uncommitted.begin()->first.size() != id.size()) {
    return Error(400, "InvalidBlobOrBlock",
                 "The specified blob or block content is invalid.");
  }
  if (ContradictsMd5(request, "content-md5")) return Md5Mismatch();
  blob.uncommitted[id] = std::move(request.content);
  return Created();
}

HttpResponse AzureStore::PutBlockList(AzureBlob& blob,
                                      const HttpRequest& request) {
  auto list = ParseBlockList(request.body);
  if (!list.has_value()) {
    return Error(400, "InvalidXmlDocument",
                 "The specified XML is not syntactically valid.");
  }
  if (!CommitBlocks(*list, blob)) {
    return Error(400, "InvalidBlockList",
                 "The specified block list is invalid.");
  }
  blob.etag = NextETag();
  blob.content_type = request.Header("x-ms-blob-content-type");
  blob.content_md5 = request.Header("x-ms-blob-content-md5");
  HttpResponse reply = Created();
  reply.headers["Etag"] = blob.etag;
  // Of the XML, not of the blob: a trap for who takes it for a checksum.
  reply.headers["Content-MD5"] = absl::Base64Escape(Md5(request.body));
  return reply;
}

HttpResponse AzureStore::GetBlob(const AzureBlob& blob,
                                 const HttpRequest& request) const {
  if (!blob.content.has_value()) {
    return Error(404, "BlobNotFound", "The specified blob does not exist.");
  }
  HttpResponse reply;
  reply.headers["Etag"] = blob.etag;
  if (!blob.content_md5.empty()) {
    reply.headers["Content-MD5"] = blob.content_md5;
  }
  reply.headers["Content-Type"] = blob.content_type.empty()
                                      ? "application/octet-stream"
                                      : blob.content_type;
  ServeContent(request, *blob.content, reply);
  return reply;
}

std::string AzureStore::NextETag() {
  last_etag_ += 0x51C6E40;
  return absl::StrFormat("\"0x%X\"", last_etag_);
}

}  // namespace lakefs::gateway::testing
