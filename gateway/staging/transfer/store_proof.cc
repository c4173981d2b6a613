#include "gateway/staging/transfer/store_proof.h"

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/random/distributions.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/base/log.h"
#include "gateway/staging/repeat.h"

namespace lakefs::gateway {
namespace {

// Namespaces that are remembered; past it, those that nobody asks for are
// forgotten.
constexpr size_t kMaxNamespaces = 1024;

// For taking a probe away when the call may be over.
constexpr std::chrono::seconds kCleanUp{10};

constexpr size_t kMaxPathBytes = 1024;

// "s3://bucket/prefix" of "s3://bucket/prefix/data/…", which the ids that
// follow hold no slash-data-slash of.
std::string NamespaceOf(const std::string& physical_address) {
  return physical_address.substr(0, physical_address.rfind("/data/"));
}

absl::Status NotRead(absl::string_view settings, absl::string_view why) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition,
      absl::StrCat("lakeFS does not read what the gateway has put into the "
                   "store that ",
                   settings,
                   " leads to, so that is not lakeFS's own store, and nothing "
                   "was linked: ",
                   why),
      Reason::kStoreRejected);
}

absl::Status NotProven(const absl::Status& failure,
                       absl::string_view settings) {
  const bool right = absl::IsPermissionDenied(failure);
  return Annotate(
      failure,
      absl::StrCat("it cannot be proven that the store that ", settings,
                   " leads to is lakeFS's",
                   right ? ", which takes the rights fs:WriteObject, "
                           "fs:ReadObject and fs:DeleteObject beside the object"
                         : ""));
}

}  // namespace

ObjectPath ProbeBeside(const ObjectPath& object, absl::string_view id) {
  const std::string name = absl::StrCat(".lakefs-staging-gateway-proof-", id);
  ObjectPath probe = object;
  do {
    probe.path.resize(probe.path.find_last_of('/') + 1);
    if (probe.path.size() + name.size() <= kMaxPathBytes) break;
    probe.path.pop_back();
  } while (!probe.path.empty());
  probe.path += name;
  return probe;
}

StoreProof::StoreProof(LakefsApi& lakefs, RetryBudget& lakefs_budget,
                       RetryBudget& store_budget, std::chrono::seconds good_for)
    : lakefs_(lakefs),
      lakefs_budget_(lakefs_budget),
      store_budget_(store_budget),
      good_for_(good_for) {}

absl::Status StoreProof::Check(const CallContext& context,
                               const ObjectPath& object,
                               const StagingLocation& location,
                               ObjectStore& store, absl::string_view settings,
                               absl::BitGenRef random) {
  bool cancelled = false;
  CancelHook wake(context, [this, &cancelled] {
    absl::MutexLock lock(&mu_);
    cancelled = true;
  });
  absl::MutexLock lock(&mu_);
  if (namespaces_.size() >= kMaxNamespaces) {
    std::erase_if(namespaces_,
                  [](const auto& entry) { return entry.second.callers == 0; });
  }
  Namespace& known = namespaces_[NamespaceOf(location.physical_address)];
  ++known.callers;
  const absl::Cleanup leave = [&known]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    --known.callers;
  };
  const int64_t before = known.verdicts;
  while (true) {
    const bool fresh =
        known.verdicts > 0 && context.clock().Now() - known.at < good_for_;
    if (fresh && (known.verdict.ok() || known.verdicts > before)) {
      return known.verdict;
    }
    if (!known.running) break;
    const auto done = [&known, &cancelled]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return !known.running || cancelled;
    };
    context.clock().WaitUntil(mu_, context.deadline(), absl::Condition(&done));
    if (known.running) return context.Over();
  }
  known.running = true;
  mu_.Unlock();
  Finding finding = Prove(context, object, store, settings, random);
  mu_.Lock();
  known.running = false;
  if (finding.verdict) {
    ++known.verdicts;
    known.verdict = finding.status;
    known.at = context.clock().Now();
  }
  return finding.status;
}

StoreProof::Finding StoreProof::Prove(const CallContext& context,
                                      const ObjectPath& object,
                                      ObjectStore& store,
                                      absl::string_view settings,
                                      absl::BitGenRef random) {
  const std::string id = absl::StrCat(
      absl::Hex(absl::Uniform<uint64_t>(random), absl::kZeroPad16));
  const ObjectPath probe = ProbeBeside(object, id);
  const auto failed = [&](const absl::Status& status) {
    return Finding{.status = NotProven(status, settings)};
  };
  const auto remove = [&](const CallContext& call) {
    return Repeat(call, lakefs_budget_, random,
                  [&] { return lakefs_.DeleteObject(call, probe); });
  };
  const auto location = Repeat(context, lakefs_budget_, random, [&] {
    return lakefs_.GetPhysicalAddress(context, probe, /*presign=*/false);
  });
  if (!location.ok()) return failed(location.status());
  Rope bytes;
  bytes.Append(id);
  const auto stored = Repeat(
      context, store_budget_, random,
      [&] { return store.Put(context, *location, bytes, ""); }, kForBytes);
  if (!stored.ok()) return failed(stored.status());
  // Nothing is there. But it tells whether the probe could be taken away.
  if (auto s = remove(context); !s.ok()) return failed(s);

  const StagingMetadata metadata{
      .staging = *location,
      .checksum = stored->checksum,
      .size_bytes = static_cast<int64_t>(bytes.size_bytes())};
  bool may_stand = false;
  const auto linked = Repeat(context, lakefs_budget_, random, [&] {
    auto stats =
        lakefs_.LinkPhysicalAddress(context, probe, metadata, {}).stats;
    may_stand |= stats.ok() || Ambiguous(stats.status());
    return stats;
  });
  if (!may_stand) return failed(linked.status());
  const auto read = Repeat(context, lakefs_budget_, random, [&] {
    return lakefs_.ReadFirstByte(context, probe);
  });
  if (const auto gone = remove(context.Detached(kCleanUp)); !gone.ok()) {
    Log(LogLevel::kWarning, "a probe of the store is left",
        {{"call_id", context.call_id()},
         {"object", ToString(probe)},
         {"message", std::string(gone.message())}});
  }
  if (read.ok() && *read) return {.status = absl::OkStatus(), .verdict = true};
  if (read.ok()) {
    return {.status = NotRead(settings, "it says that there are no bytes"),
            .verdict = true};
  }
  if (!linked.ok()) return failed(linked.status());
  const absl::StatusCode code = read.status().code();
  if (code == absl::StatusCode::kNotFound ||
      code == absl::StatusCode::kInternal) {
    return {.status = NotRead(settings, read.status().message()),
            .verdict = true};
  }
  return failed(read.status());
}

}  // namespace lakefs::gateway
