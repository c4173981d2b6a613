#include "gateway/staging/link/link_loop.h"

#include <utility>

#include "gateway/staging/link/link_run.h"

namespace lakefs::gateway {

LinkLoop::LinkLoop(LakefsApi& lakefs, RetryBudget& budget, LinkGate& gate,
                   LinkOptions options)
    : lakefs_(lakefs), budget_(budget), gate_(gate), options_(options) {}

LinkReport LinkLoop::Run(const CallContext& context, const LinkRequest& request,
                         const Before& before, Placement placement,
                         const Place& place, absl::BitGenRef random) {
  LinkRun run(lakefs_, budget_, gate_, options_, context, place,
              {.request = request, .before = before}, random);
  LinkReport report = run.Run(std::move(placement));
  if (!report.undecided || !run.over()) return report;
  LinkReport found =
      FindOut(context.Detached(options_.find_out), *report.undecided, random);
  return found.outcome == Outcome::kUnknown ? report : found;
}

LinkReport LinkLoop::Resume(const CallContext& context,
                            const UndecidedLink& link, const Place& place,
                            absl::BitGenRef random) {
  return LinkRun(lakefs_, budget_, gate_, options_, context, place, link,
                 random)
      .Resume(/*look_only=*/false);
}

LinkReport LinkLoop::FindOut(const CallContext& context,
                             const UndecidedLink& link,
                             absl::BitGenRef random) {
  const Place no_bytes;
  return LinkRun(lakefs_, budget_, gate_, options_, context, no_bytes, link,
                 random)
      .Resume(/*look_only=*/true);
}

}  // namespace lakefs::gateway
