#include "gateway/staging/transfer/presigned_multipart.h"

#include <algorithm>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/objectstore/url_expiry.h"
#include "gateway/staging/repeat.h"
#include "gateway/staging/transfer/hear_out.h"

namespace lakefs::gateway {
namespace {

// A URL is used no more when it has less than this to live: the PUT must begin
// before it expires.
constexpr std::chrono::seconds kMargin{30};

// What a URL that does not tell is good for: lakeFS's 15 minutes.
constexpr std::chrono::seconds kUsualLifetime{900};

// A store that refuses this many fresh URLs refuses the part.
constexpr int kMaxUrls = 3;

absl::Status UrlsExpired(int number) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition,
      absl::StrCat("the presigned URL of part ", number,
                   " has expired, and this lakeFS gives out no other: all "
                   "parts have to be sent within 15 minutes; lakeFS v1.55 and "
                   "later have no such limit"),
      Reason::kLinkAddressExpired);
}

}  // namespace

absl::StatusOr<std::unique_ptr<PresignedMultipart>> PresignedMultipart::Begin(
    const CallContext& context, const MultipartDependencies& deps,
    const ObjectPath& object, const Dialect& dialect,
    std::optional<int64_t> parts, absl::BitGenRef random) {
  const int64_t at_once = dialect.part_urls ? kAhead : kPartsUnknown;
  const auto urls = static_cast<int>(
      dialect.part_urls ? std::min(parts.value_or(at_once), at_once)
                        : parts.value_or(at_once));
  auto upload = Repeat(
      context, deps.lakefs_budget, random,
      [&] {
        LakefsApi& lakefs = deps.lakefs;
        return HearOut<MultipartUpload>(
            context, deps.pool,
            [&lakefs, object, urls](const CallContext& own) {
              return lakefs.CreatePresignMultipartUpload(own, object, urls);
            },
            [&lakefs, object](const CallContext& own,
                              const MultipartUpload& begun) {
              return lakefs.AbortPresignMultipartUpload(own, object, begun);
            });
      },
      kForBytes);
  if (!upload.ok()) return upload.status();
  std::unique_ptr<PresignedMultipart> multipart(
      new PresignedMultipart(context, deps, object, dialect, parts));
  int number = 0;
  {
    absl::MutexLock lock(&multipart->mu_);
    for (std::string& url : upload->presigned_urls) {
      multipart->urls_[++number] = multipart->Received(std::move(url));
    }
    multipart->asked_ = number;
  }
  upload->presigned_urls.clear();
  multipart->upload_ = *std::move(upload);
  return multipart;
}

std::unique_ptr<PresignedMultipart> PresignedMultipart::GoOn(
    const CallContext& context, const MultipartDependencies& deps,
    const ObjectPath& object, const Dialect& dialect,
    std::optional<int64_t> parts, MultipartUpload upload) {
  std::unique_ptr<PresignedMultipart> multipart(
      new PresignedMultipart(context, deps, object, dialect, parts));
  multipart->upload_ = std::move(upload);
  return multipart;
}

PresignedMultipart::PresignedMultipart(const CallContext& context,
                                       const MultipartDependencies& deps,
                                       const ObjectPath& object,
                                       const Dialect& dialect,
                                       std::optional<int64_t> parts)
    : scope_(context),
      deps_(deps),
      object_(object),
      dialect_(dialect),
      parts_(parts) {}

PresignedMultipart::~PresignedMultipart() {
  scope_.Cancel();
  absl::MutexLock lock(&mu_);
  const auto idle = [this]()
                        ABSL_SHARED_LOCKS_REQUIRED(mu_) { return !asking_; };
  mu_.Await(absl::Condition(&idle));
}

absl::StatusOr<StoredPart> PresignedMultipart::PutPart(
    const CallContext& context, int number, const Rope& bytes) {
  for (int attempt = 1;; ++attempt) {
    auto url = UrlOf(context, number);
    if (!url.ok()) return url.status();
    const auto stored =
        deps_.store.Put(context,
                        {.physical_address = upload_.physical_address,
                         .presigned_url = std::move(url->text)},
                        bytes, /*content_type=*/"");
    if (stored.ok()) return StoredPart{number, stored->etag};
    if (!UrlRefused(stored.status()) || attempt == kMaxUrls) {
      return stored.status();
    }
    // One that has expired looks like any other refusal; a fresh one tells.
    if (!dialect_.part_urls) {
      return scope_.context().clock().Now() >= url->good_until
                 ? UrlsExpired(number)
                 : stored.status();
    }
  }
}

absl::Status PresignedMultipart::Abort(const CallContext& context) {
  return deps_.lakefs.AbortPresignMultipartUpload(context, object_, upload_);
}

absl::StatusOr<PresignedMultipart::Url> PresignedMultipart::UrlOf(
    const CallContext& context, int number) {
  if (dialect_.part_urls) AskAhead(number);
  {
    absl::MutexLock lock(&mu_);
    const auto known = urls_.find(number);
    if (known != urls_.end()) {
      const Url url = std::move(known->second);
      urls_.erase(known);  // a second attempt takes a fresh one
      if (!dialect_.part_urls) urls_[number] = url;
      if (context.clock().Now() < url.good_until) return url;
    }
  }
  if (!dialect_.part_urls) return UrlsExpired(number);
  return AskForUrl(context, number);
}

absl::StatusOr<PresignedMultipart::Url> PresignedMultipart::AskForUrl(
    const CallContext& context, int number) {
  absl::InsecureBitGen random;
  auto text = Repeat(
      context, deps_.lakefs_budget, random,
      [&] {
        return deps_.lakefs.UploadPart(context, object_, upload_, number);
      },
      kForBytes);
  if (!text.ok()) return text.status();
  return Received(*std::move(text));
}

// Has the URLs that follow `number` asked for, by one thread at a time.
void PresignedMultipart::AskAhead(int number) {
  absl::MutexLock lock(&mu_);
  const int64_t last = parts_.value_or(dialect_.max_parts);
  asked_ = std::max(asked_, number);
  wanted_ = static_cast<int>(std::min<int64_t>(number + kAhead, last));
  if (asking_ || asked_ >= wanted_) return;
  asking_ = deps_.pool.TryRun([this] { AskInBackground(); });
}

void PresignedMultipart::AskInBackground() {
  absl::MutexLock lock(&mu_);
  while (asked_ < wanted_) {
    const int number = ++asked_;
    mu_.Unlock();
    auto url = AskForUrl(scope_.context(), number);
    mu_.Lock();
    if (!url.ok()) break;  // whoever sends the part asks, and is told why
    urls_[number] = *std::move(url);
  }
  asking_ = false;
}

PresignedMultipart::Url PresignedMultipart::Received(std::string text) const {
  const Clock& clock = scope_.context().clock();
  const auto lifetime =
      UrlLifetime(text, clock.WallNow()).value_or(kUsualLifetime);
  // A life shorter than the margin is used for what it is worth.
  const Duration good = std::max<Duration>(lifetime - kMargin, lifetime / 2);
  return {std::move(text), clock.Now() + good};
}

}  // namespace lakefs::gateway
