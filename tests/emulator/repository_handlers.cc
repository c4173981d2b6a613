#include "tests/emulator/repository_handlers.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/emulator/branch_writer.h"
#include "tests/emulator/json_fields.h"
#include "tests/emulator/lakefs_reply.h"

namespace lakefs::gateway::testing {
namespace {

using nlohmann::json;

json BodyOf(const Call& call) {
  json body = json::parse(call.request.body, nullptr, false);
  return body.is_discarded() ? json::object() : body;
}

json Describe(const Repository& repository, const DialectTraits& traits) {
  json body = {{"id", repository.name()},
               {"default_branch", repository.default_branch()},
               {"storage_namespace", repository.storage_namespace()},
               {"creation_date", repository.creation_date()}};
  if (traits.has_read_only) body["read_only"] = repository.read_only();
  if (traits.has_part_urls) body["storage_id"] = repository.storage_id();
  return body;
}

HttpResponse Text(int status, std::string text) {
  HttpResponse reply;
  reply.status = status;
  reply.headers["Content-Type"] = "text/plain; charset=utf-8";
  reply.body = std::move(text);
  return reply;
}

HttpResponse NoContent() {
  HttpResponse reply;
  reply.status = 204;
  return reply;
}

HttpResponse NoRepository() { return LakefsError(404, "repository not found"); }

}  // namespace

HttpResponse CreateRepository(const Call& call) {
  json body = BodyOf(call);
  std::string name = StringField(body, "name");
  std::string storage_namespace = StringField(body, "storage_namespace");
  std::string default_branch = StringField(body, "default_branch");
  std::string storage_id = StringField(body, "storage_id");
  const Backend::Store* store = call.backend.FindStore(storage_id);
  if (store == nullptr) {
    return LakefsError(400, absl::StrCat("invalid storage id: ", storage_id));
  }
  std::string own = store->objects.NamespaceOf(name);
  if (!absl::StartsWith(storage_namespace, own.substr(0, own.find("//")))) {
    return LakefsError(400, absl::StrCat("Storage namespace does not match "
                                         "the block store: ",
                                         storage_namespace));
  }
  auto repository = std::make_shared<Repository>(
      name, storage_namespace, storage_id,
      default_branch.empty() ? "main" : default_branch,
      call.backend.NowSeconds());
  repository->set_read_only(BoolField(body, "read_only"));
  if (!call.backend.catalog.Add(repository)) {
    return LakefsError(409, "error creating repository: not unique");
  }
  return JsonReply(201, Describe(*repository, call.backend.traits));
}

HttpResponse GetRepository(const Call& call) {
  auto repository = call.backend.catalog.Find(call.route.repository);
  if (repository == nullptr) return NoRepository();
  return JsonReply(200, Describe(*repository, call.backend.traits));
}

HttpResponse SetBranchProtectionRules(const Call& call) {
  auto repository = call.backend.catalog.Find(call.route.repository);
  if (repository == nullptr) return NoRepository();
  for (const json& rule : BodyOf(call)) {
    if (rule.is_object()) repository->Protect(StringField(rule, "pattern"));
  }
  return NoContent();
}

HttpResponse CreateBranch(const Call& call) {
  auto repository = call.backend.catalog.Find(call.route.repository);
  if (repository == nullptr) return NoRepository();
  json body = BodyOf(call);
  std::string name = StringField(body, "name");
  if (repository->FindBranch(name) != nullptr) {
    return LakefsError(409, "branch already exists");
  }
  auto branch = repository->CreateBranch(name, StringField(body, "source"));
  if (branch == nullptr) return LakefsError(404, "source branch not found");
  return Text(201, branch->head()->id);
}

HttpResponse GetBranch(const Call& call) {
  auto repository = call.backend.catalog.Find(call.route.repository);
  if (repository == nullptr) return NoRepository();
  auto branch = repository->FindBranch(call.route.branch);
  if (auto refused = RefuseBranchName(call, "branch")) return *refused;
  if (branch == nullptr) return LakefsError(404, "branch not found");
  return JsonReply(200,
                   {{"id", branch->name()}, {"commit_id", branch->head()->id}});
}

HttpResponse DeleteBranch(const Call& call) {
  auto repository = call.backend.catalog.Find(call.route.repository);
  if (repository == nullptr) return NoRepository();
  if (!repository->DeleteBranch(call.route.branch)) {
    return LakefsError(404, "branch not found");
  }
  return NoContent();
}

HttpResponse Commit(const Call& call) {
  auto repository = call.backend.catalog.Find(call.route.repository);
  if (repository == nullptr) return NoRepository();
  auto branch = repository->FindBranch(call.route.branch);
  if (branch == nullptr) return LakefsError(404, "branch not found");
  if (repository->read_only()) return LakefsError(403, "read-only repository");
  if (repository->IsProtected(call.route.branch)) {
    return LakefsError(call.backend.traits.protected_branch_status,
                       "cannot commit to protected branch");
  }
  CommitPtr commit = repository->Commit(*branch);
  if (commit == nullptr) return LakefsError(400, "commit: no changes");
  return JsonReply(201, {{"id", commit->id},
                         {"committer", "admin"},
                         {"message", StringField(BodyOf(call), "message")},
                         {"creation_date", call.backend.NowSeconds()},
                         {"parents", json::array()},
                         {"meta_range_id", commit->id},
                         {"metadata", json::object()}});
}

}  // namespace lakefs::gateway::testing
