#include "gateway/staging/upload/preflight.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/staging/link/request_mark.h"
#include "gateway/staging/repeat.h"

namespace lakefs::gateway {

Preflight::Preflight(const CallContext& context, LakefsApi& lakefs,
                     WorkerPool& pool, const UploadRequest& request,
                     bool is_large)
    : lakefs_(lakefs), request_(request) {
  // The task may outlive this call: all that it uses but lakeFS is a copy.
  question_->task =
      std::packaged_task<Answers()>([context, &lakefs, object = request.object,
                                     is_large, force = request.force] {
        return Ask(context, lakefs, object, is_large, force);
      });
  asked_ = question_->task.get_future();
  const auto ask = [question = question_] { question->AskIfNobodyDoes(); };
  if (!pool.TryRun(ask)) ask();
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
  question_->AskIfNobodyDoes();
  if (asked_.valid()) Take(asked_.get());
  return before_;
}

const Before& Preflight::GetBefore(const CallContext& context,
                                   RetryBudget& budget,
                                   absl::BitGenRef random) {
  GetBefore();
  if (may_answer_later_) {
    Take({.stats = Repeat(context, budget, random, [&] {
            return lakefs_.StatObject(context, request_.object);
          })});
  }
  return before_;
}

Preflight::Answers Preflight::Ask(const CallContext& context, LakefsApi& lakefs,
                                  const ObjectPath& object, bool is_large,
                                  bool force) {
  Answers answers{.stats = lakefs.StatObject(context, object)};
  const bool absent = answers.stats.ok() && !answers.stats->has_value();
  // An object on the branch proves the branch.
  if (is_large && absent) {
    answers.branch =
        lakefs.GetBranch(context, object.repository, object.branch);
  }
  if (is_large && !force) {
    answers.read_only =
        lakefs.IsReadOnly(context, object.repository).value_or(false);
  }
  return answers;
}

void Preflight::TakeIfAnswered() {
  const bool answered = asked_.valid() && asked_.wait_for(Duration::zero()) ==
                                              std::future_status::ready;
  if (answered) Take(asked_.get());
}

void Preflight::Take(Answers answers) {
  may_answer_later_ = Transient(answers.stats.status());
  if (answers.stats.ok()) before_ = {.known = true, .object = *answers.stats};
  if (before_.object && CameBy(request_, *before_.object)) {
    earlier_ = before_.object;
    return;
  }
  // Other failures may pass before the link; it is the link that counts.
  for (const absl::Status& status : {answers.branch, answers.stats.status()}) {
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
  if (request_.if_absent && before_.object) {
    refusal_ = NotCommitted(
        MakeError(absl::StatusCode::kAlreadyExists,
                  absl::StrCat(ToString(request_.object), " exists already"),
                  Reason::kObjectExists));
    refusal_->object = before_.object;
  }
}

}  // namespace lakefs::gateway
