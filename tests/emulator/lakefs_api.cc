#include "tests/emulator/lakefs_api.h"

#include <map>
#include <optional>
#include <random>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "tests/emulator/lakefs_reply.h"
#include "tests/emulator/multipart_handlers.h"
#include "tests/emulator/object_handlers.h"
#include "tests/emulator/repository_handlers.h"
#include "tests/emulator/request_validation.h"
#include "tests/emulator/staging_handlers.h"

namespace lakefs::gateway::testing {
namespace {

using Handler = HttpResponse (*)(const Call&);

HttpResponse HealthCheck(const Call&) {
  HttpResponse reply;
  reply.status = 204;
  return reply;
}

const std::map<std::string, Handler>& Handlers() {
  static const auto* const kHandlers = new std::map<std::string, Handler>{
      {"healthCheck", HealthCheck},
      {"getConfig", GetConfig},
      {"getStorageConfig", GetStorageConfig},
      {"getLakeFSVersion", GetLakeFSVersion},
      {"login", Login},
      {"createRepository", CreateRepository},
      {"getRepository", GetRepository},
      {"setBranchProtectionRules", SetBranchProtectionRules},
      {"createBranch", CreateBranch},
      {"getBranch", GetBranch},
      {"deleteBranch", DeleteBranch},
      {"commit", Commit},
      {"getPhysicalAddress", GetPhysicalAddress},
      {"linkPhysicalAddress", LinkPhysicalAddress},
      {"createPresignMultipartUpload", CreatePresignMultipartUpload},
      {"uploadPart", UploadPart},
      {"completePresignMultipartUpload", CompletePresignMultipartUpload},
      {"abortPresignMultipartUpload", AbortPresignMultipartUpload},
      {"uploadObject", UploadObject},
      {"uploadObjectPreflight", UploadObjectPreflight},
      {"deleteObject", DeleteObject},
      {"getObject", GetObject},
      {"headObject", GetObject},
      {"statObject", StatObject},
      {"listObjects", ListObjects},
  };
  return *kHandlers;
}

std::string RequestId() {
  thread_local std::mt19937_64 random(std::random_device{}());
  uint64_t a = random();
  uint64_t b = random();
  return absl::StrFormat("%08x-%04x-4%03x-8%03x-%012x", a >> 32, a & 0xffff,
                         a >> 16 & 0xfff, b >> 48 & 0xfff, b & 0xffffffffffff);
}

}  // namespace

LakefsApi::LakefsApi(Backend& backend, FaultPlan& plan, RequestLog& log)
    : backend_(backend),
      service_(plan, log, LakefsError, /*keep_json=*/true,
               ContentPolicyOf(backend.options)) {}

HttpResponse LakefsApi::Handle(HttpExchange& exchange) {
  Route route = RouteOf(exchange.request());
  if (!Has(route)) {
    route = Route();
    route.operation = "unknown";
  }
  bool has_request_id = route.operation != "unknown";
  HttpResponse reply = service_.Run(
      exchange, route.operation, [&](HttpRequest& request, const Fault* fault) {
        if (route.operation == "unknown") {
          return LakefsError(backend_.traits.unknown_endpoint_status,
                             "invalid API endpoint");
        }
        if (auto invalid = ValidateRequest(backend_.traits, route, request)) {
          has_request_id = false;
          return *invalid;
        }
        return CarryOut(route, request, fault);
      });
  if (has_request_id) reply.headers.emplace("X-Request-Id", RequestId());
  return reply;
}

HttpResponse LakefsApi::CarryOut(const Route& route, HttpRequest& request,
                                 const Fault* fault) {
  if (route.operation != "login" && route.operation != "healthCheck" &&
      !backend_.authenticator.Knows(request)) {
    return LakefsError(401, "error authenticating request");
  }
  return Handlers().at(route.operation)({backend_, route, request, fault});
}

bool LakefsApi::Has(const Route& route) const {
  const DialectTraits& traits = backend_.traits;
  if (route.operation.empty()) return false;
  if (route.operation == "getConfig") return traits.has_config;
  if (route.operation == "uploadPart") return traits.has_part_urls;
  if (route.operation == "uploadObjectPreflight") return traits.has_preflight;
  if (absl::StrContains(route.operation, "PresignMultipart")) {
    return traits.has_multipart;
  }
  return true;
}

}  // namespace lakefs::gateway::testing
