#include "gateway/staging/upload/preflight.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/staging/link/request_mark.h"
#include "gateway/staging/repeat.h"

namespace lakefs::gateway {

void Preflight::Ask(bool is_large) {
  TakeIfAnswered();
  const bool of_branch = is_large && !std::exchange(branch_asked_, true);
  const bool path = !std::exchange(path_asked_, true);
  // A stat does not tell a missing branch from a missing object.
  const bool branch = of_branch || (path && request_.if_match);
  const Questions questions{.path = path,
                            .branch = branch && !before_.object,
                            .read_only = of_branch && !request_.force};
  if (!questions.path && !of_branch) return;
  // The task may outlive this call: all that it uses but lakeFS is a copy.
  auto task = std::make_shared<Task>();
  task->run = std::packaged_task<Answers()>(
      [context = context_, &lakefs = lakefs_, object = request_.object,
       questions] { return AskLakefs(context, lakefs, object, questions); });
  asked_.push_back({task, task->run.get_future()});
  const auto ask = [task] { task->RunIfNobodyDoes(); };
  if (!pool_.TryRun(ask)) ask();
}

std::optional<LinkReport> Preflight::Refusal() {
  TakeIfAnswered();
  return refusal_;
}

const std::optional<ObjectStats>& Preflight::Earlier() {
  TakeIfAnswered();
  return earlier_;
}

const Before& Preflight::GetBefore() {
  for (Asked& asked : asked_) {
    asked.task->RunIfNobodyDoes();
    Take(asked.answers.get());
  }
  asked_.clear();
  return before_;
}

const Before& Preflight::GetBefore(const CallContext& context,
                                   RetryBudget& budget,
                                   absl::BitGenRef random) {
  GetBefore();
  if (may_answer_later_) LookAgain(context, budget, random);
  return before_;
}

void Preflight::LookAgain(const CallContext& context, RetryBudget& budget,
                          absl::BitGenRef random) {
  Take({.stats = Repeat(context, budget, random, [&] {
          return lakefs_.StatObject(context, request_.object);
        })});
}

Preflight::Answers Preflight::AskLakefs(const CallContext& context,
                                        LakefsApi& lakefs,
                                        const ObjectPath& object,
                                        const Questions& questions) {
  Answers answers;
  bool absent = true;  // an object on the branch proves the branch
  if (questions.path) {
    answers.stats = lakefs.StatObject(context, object);
    absent = answers.stats->ok() && !(*answers.stats)->has_value();
  }
  if (questions.branch && absent) {
    answers.branch =
        lakefs.GetBranch(context, object.repository, object.branch);
  }
  if (questions.read_only) {
    const auto repository = lakefs.GetRepository(context, object.repository);
    answers.read_only = repository.ok() && repository->read_only;
  }
  return answers;
}

void Preflight::TakeIfAnswered() {
  for (auto asked = asked_.begin(); asked != asked_.end();) {
    if (asked->answers.wait_for(Duration::zero()) !=
        std::future_status::ready) {
      ++asked;
      continue;
    }
    Take(asked->answers.get());
    asked = asked_.erase(asked);
  }
}

void Preflight::Take(const Answers& answers) {
  absl::Status stat;
  if (answers.stats) {
    stat = answers.stats->status();
    may_answer_later_ = Transient(stat);
    if (stat.ok()) before_ = {.known = true, .object = **answers.stats};
  }
  if (before_.object && CameBy(request_, *before_.object)) {
    earlier_ = before_.object;
    return;
  }
  // Other failures may pass before the link; it is the link that counts.
  for (const absl::Status& status : {answers.branch, stat}) {
    if (ReasonOf(status) == Reason::kNotFound ||
        ReasonOf(status) == Reason::kCredentialsRejected) {
      refusal_ = NotCommitted(status);
      return;
    }
  }
  if (answers.read_only) {
    refusal_ = NotCommitted(MakeError(
        absl::StatusCode::kPermissionDenied,
        absl::StrCat("repository ", request_.object.repository,
                     " is read-only; header.force writes to it all the same"),
        Reason::kPermissionDenied));
    return;
  }
  if (request_.if_match && before_.known) {
    const bool is_expected =
        before_.object && before_.object->checksum == *request_.if_match;
    if (!is_expected) refusal_ = Unexpected();
  }
  if (request_.if_absent && before_.object) {
    refusal_ = NotCommitted(
        MakeError(absl::StatusCode::kAlreadyExists,
                  absl::StrCat(ToString(request_.object), " exists already"),
                  Reason::kObjectExists));
    refusal_->object = before_.object;
  }
}

// What stands at the path is not what if_match expects. Where there may have
// been an earlier call, only a mark tells that it was not that which has come
// in between.
LinkReport Preflight::Unexpected() const {
  const auto& seen = before_.object;
  LinkReport report = ObjectChanged(request_.object, seen);
  const bool replaced = seen && Replaces(*seen, *request_.if_match);
  if (MayBeRepetition(request_) && !replaced) {
    report.outcome = Outcome::kUnknown;
  }
  return report;
}

}  // namespace lakefs::gateway
