#include "gateway/staging/transfer/object_mover.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/lakefs/dialect.h"
#include "gateway/objectstore/url_expiry.h"
#include "gateway/staging/repeat.h"
#include "gateway/staging/transfer/hear_out.h"

namespace lakefs::gateway {
namespace {

// A store that refuses this many fresh URLs refuses the object.
constexpr int kMaxUrls = 3;

// Times that the caller is asked to send again because URLs ended too early, or
// the store has lost what it acknowledged.
constexpr int kMaxRestarts = 2;

// For an abort when the call may be over.
constexpr std::chrono::seconds kAbortTime{10};

// What the stores take.
constexpr int64_t kS3Parts = 10'000;
constexpr int64_t kAzureBlocks = 50'000;

// What lakeFS signs a URL for, unless it is told otherwise; and the longest
// that is believed: it takes no address for longer than a day.
constexpr std::chrono::seconds kUsualLifetime{900};
constexpr std::chrono::hours kLongestLifetime{24};

// The store's clock may be ahead of lakeFS's by so much.
constexpr std::chrono::seconds kSasMargin{30};

// How long an upload runs before its speed says when it will end.
constexpr std::chrono::seconds kJudgeAfter{60};

int64_t SizeOf(const Part& part) {
  return static_cast<int64_t>(part.bytes.size_bytes());
}

absl::Status CannotBringAgain() {
  return MakeError(absl::StatusCode::kAborted,
                   "the bytes are needed again, and are not held any more; "
                   "call again with all of them, or set header.can_rewind",
                   Reason::kLinkConflict);
}

// The failure of an upload that would have to begin anew, and cannot.
absl::Status CannotBegin(const absl::Status& failure) {
  if (ReasonOf(failure) != Reason::kUpstreamUnimplemented) return failure;
  return Annotate(failure,
                  "this lakeFS gives out no URLs of single parts, which its "
                  "version did not tell; with header.can_rewind the upload "
                  "begins anew with all of them");
}

absl::Status TooManyParts(int64_t max_parts, int64_t part_bytes) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition,
      absl::StrCat("an object of unknown size may have at most ",
                   max_parts * part_bytes,
                   " bytes here; tell header.size_bytes, so that larger parts "
                   "can be made"),
      Reason::kObjectTooLarge);
}

// What ends before the upload does, and why that ends the upload.
struct Limit {
  absl::string_view what;
  absl::string_view why;
};
constexpr Limit kSas{
    "the presigned URL of this upload",
    "Azure gives no second one for the same address, so all bytes have to come "
    "within about 15 minutes"};
constexpr Limit kAddress{
    "the address of this upload",
    "lakeFS links an address only for some hours (6, from v1.80 on 24), so all "
    "bytes have to come within them"};

absl::Status TimeIsUp(const Limit& limit, absl::string_view how) {
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   absl::StrCat(limit.what, " ", how, "; ", limit.why),
                   Reason::kLinkAddressExpired);
}

}  // namespace

ObjectMover::ObjectMover(const MoverDependencies& deps,
                         const CallContext& context,
                         const UploadRequest& request,
                         const ServerConfig& server, PartSource& reader,
                         UploadProgress& progress,
                         std::function<absl::Status()> go_on,
                         absl::BitGenRef random)
    : deps_(deps),
      context_(context),
      request_(request),
      server_(server),
      reader_(reader),
      progress_(progress),
      go_on_(std::move(go_on)),
      random_(random) {}

absl::StatusOr<Placement> ObjectMover::Move() {
  for (int restarts = 0;; ++restarts) {
    auto placement = MoveOnce(std::nullopt);
    // What others may go on with is not begun anew behind their backs.
    if (shared()) return OrGone(std::move(placement));
    if (placement.ok() || whole_ || restarts == kMaxRestarts ||
        !HelpedByRestart(placement.status())) {
      return placement;
    }
    Abandon();
    if (!reader_.Restart()) return CannotBegin(placement.status());
  }
}

// Whether the same bytes at another address can succeed.
bool ObjectMover::HelpedByRestart(const absl::Status& failure) {
  if (plan_ == Plan::kMultipart && DialectOfParts().part_urls &&
      ReasonOf(failure) == Reason::kUpstreamUnimplemented) {
    urls_at_once_ = true;
    return true;
  }
  return ReasonOf(failure) == Reason::kLinkAddressExpired ||
         AddressRefused(failure) || absl::IsDataLoss(failure);
}

absl::StatusOr<Placement> ObjectMover::MoveAgain(const Where& where) {
  if (whole_) return PutWhole(where);
  Abandon();
  if (!reader_.Restart()) return CannotBringAgain();
  return MoveOnce(where);
}

void ObjectMover::Abandon() {
  checkpoints_.reset();
  kept_.clear();
  if (!target_) return;
  const CallContext context = context_.Detached(kAbortTime);
  // Nobody is helped by an error here; a rule of the bucket cleans up what is
  // left by a store that cannot be reached now.
  (void)Repeat(context, deps_.lakefs_budget, random_,
               [&] { return target_->Abort(context); });
  target_.reset();
}

absl::StatusOr<Placement> ObjectMover::MoveOnce(const Where& where) {
  ++moves_;
  progress_.stored_bytes = 0;
  progress_.phase = UploadProgress::Phase::kUploading;
  auto plan = ChoosePlan(server_, NeedsLink(request_), SizeOfAll(), deps_.plan);
  if (!plan.ok()) return plan.status();
  plan_ = *plan;
  if (request_.if_absent) {
    if (auto s = CheckConditional(server_); !s.ok()) return s;
  }
  if (request_.mtime) {
    if (auto s = CheckMtime(server_); !s.ok()) return s;
  }
  const auto part_bytes = PartBytesOfPlan();
  if (!part_bytes.ok()) return part_bytes.status();
  auto first = reader_.Next(*part_bytes);
  if (!first.ok()) return first.status();
  if (reader_.ended()) {
    plan = ChoosePlan(server_, NeedsLink(request_),
                      {SizeOf(*first), true, reader_.at_hand()}, deps_.plan);
    if (!plan.ok()) return plan.status();
    plan_ = *plan;
  }
  if (!reader_.ended() || SizeOf(*first) > deps_.plan.part_bytes) {
    if (auto s = go_on_(); !s.ok()) return s;
  }
  if (plan_ == Plan::kSpooledPut) {
    if (auto s = ReadToSpool(*std::move(first)); !s.ok()) return s;
  } else if (reader_.ended()) {
    whole_ = *std::move(first);
  } else {
    return plan_ == Plan::kMultipart
               ? PutByLakefs(*std::move(first), *part_bytes)
               : PutByStore(*std::move(first), *part_bytes, where);
  }
  if (auto s = reader_.CheckDigests(&whole_->bytes); !s.ok()) return s;
  if (auto md5 = reader_.md5(); !md5.empty()) {
    whole_->bytes.set_md5(std::move(md5));
  }
  return PutWhole(where);
}

// The whole object, in one file.
absl::Status ObjectMover::ReadToSpool(Part first) {
  auto file = deps_.spool.Create();
  if (!file.ok()) return file.status();
  Part part = std::move(first);
  std::string buffer(256 * 1024, '\0');
  while (true) {
    const auto read = part.bytes.Reader();
    while (true) {
      const auto n = read({buffer.data(), buffer.size()});
      if (!n.ok()) return n.status();
      if (*n == 0) break;
      if (auto s = (*file)->Append({buffer.data(), *n}); !s.ok()) return s;
    }
    part = Part();  // its memory is free before more is asked for
    if (reader_.ended()) break;
    if (auto s = go_on_(); !s.ok()) return s;
    auto next = reader_.Next(deps_.plan.part_bytes);
    if (!next.ok()) return next.status();
    part = *std::move(next);
    const auto still =
        ChoosePlan(server_, NeedsLink(request_),
                   {(*file)->size_bytes() + SizeOf(part), false}, deps_.plan);
    if (!still.ok()) return still.status();
  }
  whole_.emplace();
  whole_->bytes.AppendFile((*file)->fd(), 0,
                           static_cast<uint64_t>((*file)->size_bytes()));
  whole_->bytes.set_crc32c(*reader_.crc32c());
  whole_->file = *std::move(file);
  return absl::OkStatus();
}

absl::StatusOr<Placement> ObjectMover::PutWhole(Where where) {
  for (int url = 1;; ++url) {
    auto placement = PutWholeOnce(where);
    // A URL that has expired looks like any other refusal; a fresh one, which
    // comes with an address of its own, tells.
    const bool elsewhere =
        UrlRefused(placement.status()) || AddressRefused(placement.status());
    if (placement.ok() || !elsewhere || url == kMaxUrls) return placement;
    where.reset();
  }
}

absl::StatusOr<Placement> ObjectMover::PutWholeOnce(const Where& where) {
  const TimePoint asked = context_.clock().Now();
  auto location = Locate(where);
  if (!location.ok()) return location.status();
  if (auto s = ProveStore(*location); !s.ok()) return s;
  const Rope& bytes = whole_->bytes;
  const auto size = static_cast<int64_t>(bytes.size_bytes());
  auto stored = Repeat(
      context_, deps_.store_budget, random_,
      [&] {
        if (puts_++ > 0) bytes_resent_ += size;
        return Store().Put(context_, *location, bytes, request_.content_type);
      },
      kForBytes);
  if (!stored.ok()) return stored.status();
  if (auto s = reader_.CheckSent(); !s.ok()) return s;
  progress_.stored_bytes = size;
  return Placement{.location = *location,
                   .checksum = std::move(stored->checksum),
                   .relinkable = DialectOf(server_, *location).relinkable,
                   .link_before = LinkBefore(*location, asked)};
}

// A multipart upload that lakeFS completes when it links.
absl::StatusOr<Placement> ObjectMover::PutByLakefs(Part first,
                                                   int64_t part_bytes) {
  const Dialect dialect = DialectOfParts();
  began_ = context_.clock().Now();
  auto multipart =
      PresignedMultipart::Begin(context_, OfMultipart(), request_.object,
                                dialect, PartsKnown(part_bytes), random_);
  if (!multipart.ok()) return multipart.status();
  const MultipartUpload upload = (*multipart)->upload();
  target_ = *std::move(multipart);
  sas_ends_.reset();
  const StagingLocation location{.physical_address = upload.physical_address};
  link_before_ = LinkBefore(location, began_);
  BeginCheckpoints(location, part_bytes);
  return FinishByLakefs(std::move(first), part_bytes, upload);
}

absl::StatusOr<Placement> ObjectMover::FinishByLakefs(
    Part first, int64_t part_bytes, const MultipartUpload& upload) {
  StagingLocation location{.physical_address = upload.physical_address};
  auto stored = SendParts(std::move(first), part_bytes);
  if (!stored.ok()) return stored.status();
  const bool relinkable = DialectOf(server_, location).relinkable;
  return Placement{.location = std::move(location),
                   .checksum = CompositeChecksum(*stored),
                   .multipart = StoredMultipart{upload, *std::move(stored)},
                   .relinkable = relinkable,
                   .shared = shared(),
                   .link_before = link_before_};
}

MultipartDependencies ObjectMover::OfMultipart() const {
  return {.lakefs = deps_.lakefs,
          .store = deps_.presigned_store,
          .lakefs_budget = deps_.lakefs_budget,
          .pool = deps_.background};
}

// Parts that the store itself puts together, before the link.
absl::StatusOr<Placement> ObjectMover::PutByStore(Part first,
                                                  int64_t part_bytes,
                                                  const Where& where) {
  began_ = context_.clock().Now();
  const auto location = Locate(where);
  if (!location.ok()) return location.status();
  if (auto s = ProveStore(*location); !s.ok()) return s;
  link_before_ = LinkBefore(*location, began_);
  auto begun = Repeat(
      context_, deps_.store_budget, random_,
      [&] {
        using Begun = std::unique_ptr<PartedUpload>;
        return HearOut<Begun>(
            context_, deps_.background,
            [&store = Store(), location = *location, part_bytes,
             type = request_.content_type](const CallContext& own) {
              return store.BeginParts(own, location, part_bytes, type);
            },
            [](const CallContext& own, const Begun& upload) {
              return upload->Abort(own);
            });
      },
      kForBytes);
  if (!begun.ok()) return begun.status();
  PartedUpload& upload = **begun;
  target_ = *std::move(begun);
  sas_ends_ = SasEnd(*location);
  BeginCheckpoints(*location, part_bytes);
  return FinishByStore(std::move(first), part_bytes, *location, upload);
}

absl::StatusOr<Placement> ObjectMover::FinishByStore(
    Part first, int64_t part_bytes, const StagingLocation& location,
    PartedUpload& upload) {
  const auto parts = SendParts(std::move(first), part_bytes);
  if (!parts.ok()) return Judged(parts.status());
  progress_.phase = UploadProgress::Phase::kCompleting;
  auto stored = Repeat(
      context_, deps_.store_budget, random_,
      [&] { return upload.Complete(context_, *parts); }, kForBytes);
  if (!stored.ok()) return Judged(stored.status());
  target_.reset();
  return Placement{.location = location,
                   .checksum = std::move(stored->checksum),
                   .relinkable = DialectOf(server_, location).relinkable,
                   .shared = shared(),
                   .link_before = link_before_};
}

// Sends `first` and all parts that follow it; returns all of the object.
absl::StatusOr<std::vector<StoredPart>> ObjectMover::SendParts(
    Part first, int64_t part_bytes) {
  auto stored = SendAll(std::move(first), part_bytes);
  if (stored.ok()) {
    stored->insert(stored->begin(), kept_.begin(), kept_.end());
  } else if (checkpoints_ && context_.cancelled()) {
    // By a drain. A caller who has cancelled is known to be gone.
    checkpoints_->TellLast();
  }
  return stored;
}

absl::StatusOr<std::vector<StoredPart>> ObjectMover::SendAll(
    Part first, int64_t part_bytes) {
  const int64_t max_parts = MaxParts();
  // The caller is waited for until a part fails or the time for them is over.
  CallScope reading(context_);
  const CallContext while_useful = reading.context().WithDeadline(NearestEnd());
  PartSender sender(
      context_, *target_, deps_.part_pool, deps_.store_budget, progress_, {},
      [&reading] { reading.Cancel(); }, checkpoints_.get());
  Part part = std::move(first);
  absl::Status failure;
  while (failure.ok()) {
    // Only an object of unknown size can end with nothing in its last part.
    if (SizeOf(part) > 0) {
      failure = part.number > max_parts ? TooManyParts(max_parts, part_bytes)
                                        : sender.Send(std::move(part));
    }
    if (!failure.ok() || reader_.ended()) break;
    failure = go_on_();
    if (failure.ok()) failure = InTime();
    if (!failure.ok()) break;
    auto next = reader_.Next(while_useful, part_bytes);
    if (!next.ok()) {
      const bool given_up = context_.Over().ok() &&
                            next.status().code() == while_useful.Over().code();
      if (given_up) failure = sender.failure();
      if (given_up && failure.ok()) failure = InTime();
      return failure.ok() ? next.status() : failure;
    }
    part = *std::move(next);
  }
  if (failure.ok()) failure = reader_.CheckDigests(nullptr);
  if (!failure.ok()) return failure;
  progress_.phase = UploadProgress::Phase::kCompleting;
  auto stored = sender.Finish();
  bytes_resent_ += moves_ > 1 ? sender.sent_bytes() : sender.resent_bytes();
  if (!stored.ok()) return stored;
  if (auto s = reader_.CheckSent(); !s.ok()) return s;
  return stored;
}

absl::StatusOr<StagingLocation> ObjectMover::Locate(const Where& where) {
  // A location that lakeFS named in a conflict may lack the URL.
  if (where && (where->presigned_url || !Presigned())) return *where;
  auto location = Repeat(
      context_, deps_.lakefs_budget, random_,
      [&] {
        return deps_.lakefs.GetPhysicalAddress(context_, request_.object,
                                               Presigned());
      },
      // Who has sent one part only can send it again.
      plan_ == Plan::kSinglePut ? Persistence{} : kForBytes);
  if (!location.ok()) return location;
  if (request_.if_absent) {
    const auto kept = CheckConditional(DialectOf(server_, *location));
    if (!kept.ok()) return kept;
  }
  return location;
}

// A store of our own settings is believed only once lakeFS reads what it took.
absl::Status ObjectMover::ProveStore(const StagingLocation& location) {
  if (Presigned() || deps_.proof == nullptr) return absl::OkStatus();
  return deps_.proof->Check(
      context_, request_.object, location, Store(),
      plan_ == Plan::kLocalFile
          ? "--local-store"
          : "--s3-endpoint (AWS_ENDPOINT_URL) with the gateway's S3 keys",
      random_);
}

TimePoint ObjectMover::LinkBefore(const StagingLocation& location,
                                  TimePoint asked) const {
  const auto deadline = DialectOf(server_, location).link_deadline;
  return deadline ? asked + *deadline : TimePoint::max();
}

// When the store takes no more parts at the URL of an address that was asked
// for when the upload began.
std::optional<TimePoint> ObjectMover::SasEnd(
    const StagingLocation& location) const {
  if (!location.presigned_url) return std::nullopt;
  auto lifetime =
      UrlLifetime(*location.presigned_url,
                  location.signed_at.value_or(context_.clock().WallNow()));
  if (!lifetime) return std::nullopt;
  // What stands between may have put a Date of its own into the reply.
  if (*lifetime <= std::chrono::seconds(0) || *lifetime > kLongestLifetime) {
    lifetime = kUsualLifetime;
  }
  return began_ + *lifetime;
}

// What ends first, the store's URL or the address.
bool ObjectMover::SasEndsFirst() const {
  return sas_ends_ && *sas_ends_ < link_before_;
}
TimePoint ObjectMover::NearestEnd() const {
  return SasEndsFirst() ? *sas_ends_ : link_before_;
}

// Whether that will outlive the upload.
absl::Status ObjectMover::InTime() const {
  const TimePoint end = NearestEnd();
  const Limit& limit = SasEndsFirst() ? kSas : kAddress;
  const TimePoint now = context_.clock().Now();
  if (now >= end) return TimeIsUp(limit, "has expired");
  const int64_t stored = progress_.stored_bytes;
  if (!request_.size_bytes || stored == 0 || now - began_ < kJudgeAfter) {
    return absl::OkStatus();
  }
  const double share =
      static_cast<double>(stored) / static_cast<double>(*request_.size_bytes);
  const auto needed = std::chrono::duration<double>(now - began_) / share;
  if (needed < std::chrono::duration<double>(end - began_)) {
    return absl::OkStatus();
  }
  return TimeIsUp(
      limit,
      absl::StrCat(
          "would expire before all bytes are up: at this speed they take ",
          static_cast<int64_t>(needed.count() / 60), " minutes"));
}

// A refusal of blocks is their URL's end, once that is near.
absl::Status ObjectMover::Judged(const absl::Status& failure) const {
  if (!sas_ends_ || !UrlRefused(failure)) return failure;
  const Duration margin =
      std::min<Duration>(kSasMargin, (*sas_ends_ - began_) / 2);
  const bool expired = context_.clock().Now() >= *sas_ends_ - margin;
  return expired ? TimeIsUp(kSas, "has expired") : failure;
}

// As far as it is known before the first part.
KnownSize ObjectMover::SizeOfAll() const {
  return {request_.size_bytes.value_or(0), request_.size_bytes.has_value(),
          reader_.at_hand()};
}

// What the first part may have. All of it, where it goes at once and is at
// hand.
absl::StatusOr<int64_t> ObjectMover::PartBytesOfPlan() const {
  if (plan_ == Plan::kSinglePut && reader_.at_hand()) {
    return reader_.size_bytes();
  }
  return PartBytes(request_.size_bytes, MaxParts(), reader_.at_hand(),
                   deps_.plan);
}

// The server's, as far as it has shown by now.
Dialect ObjectMover::DialectOfParts() const {
  Dialect dialect = DialectOf(server_);
  if (urls_at_once_) dialect.part_urls = false;
  return dialect;
}

std::optional<int64_t> ObjectMover::PartsKnown(int64_t part_bytes) const {
  if (!request_.size_bytes) return std::nullopt;
  return (*request_.size_bytes + part_bytes - 1) / part_bytes;
}

int64_t ObjectMover::MaxParts() const {
  switch (plan_) {
    case Plan::kAzureBlocks:
      return kAzureBlocks;
    case Plan::kMultipart: {
      const Dialect dialect = DialectOfParts();
      return dialect.part_urls || request_.size_bytes
                 ? dialect.max_parts
                 : PresignedMultipart::kPartsUnknown;
    }
    case Plan::kDirectS3:
      return kS3Parts;
    default:
      return RequestLimits::kObjectBytes;  // no limit of their own
  }
}

bool ObjectMover::Presigned() const {
  return plan_ != Plan::kDirectS3 && plan_ != Plan::kLocalFile;
}

ObjectStore& ObjectMover::Store() const {
  const OwnWays& own = deps_.plan.own_ways.To(server_.blockstore_id);
  if (plan_ == Plan::kDirectS3) return *own.direct_s3;
  return plan_ == Plan::kLocalFile ? *own.local_file : deps_.presigned_store;
}

}  // namespace lakefs::gateway
