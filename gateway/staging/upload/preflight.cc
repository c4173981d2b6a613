#include "gateway/staging/upload/preflight.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/staging/link/request_mark.h"
#include "gateway/staging/repeat.h"

namespace lakefs::gateway {

Preflight::Preflight(const CallContext& context, LakefsApi& lakefs,
                     WorkerPool& pool, const UploadRequest& request,
                     bool ask_branch)
    : lakefs_(lakefs), request_(request) {
  // The task may outlive this call: all that it uses but lakeFS is a copy.
  question_->task = std::packaged_task<Answers()>(
      [context, &lakefs, object = request.object, ask_branch] {
        return Ask(context, lakefs, object, ask_branch);
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
                                  const ObjectPath& object, bool ask_branch) {
  Answers answers{.stats = lakefs.StatObject(context, object)};
  const bool absent = answers.stats.ok() && !answers.stats->has_value();
  // An object on the branch proves the branch.
  if (ask_branch && absent) {
    answers.branch =
        lakefs.GetBranch(context, object.repository, object.branch);
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
  if (request_.if_absent && before_.object) {
    refusal_ = NotCommitted(
        MakeError(absl::StatusCode::kAlreadyExists,
                  absl::StrCat(ToString(request_.object), " exists already"),
                  Reason::kObjectExists));
    refusal_->object = before_.object;
  }
}

}  // namespace lakefs::gateway
