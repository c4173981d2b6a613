// How long a presigned URL is good for.
#pragma once

#include <chrono>
#include <optional>

#include "absl/strings/string_view.h"
#include "gateway/base/clock.h"

namespace lakefs::gateway {

// The time from a URL's signing to its end, as the URL tells it, so that no
// clock of ours is compared with the signer's: X-Amz-Expires on S3,
// X-Goog-Expires on Google. Azure's SAS tells the end (`se`), and not always
// its begin (`st`); without a begin it is compared with `signer_now`.
//
// Nothing if the URL does not tell; never negative.
// Source: answers of v1.84 on S3, Azure and Google.
std::optional<std::chrono::seconds> UrlLifetime(absl::string_view url,
                                                WallTime signer_now);

}  // namespace lakefs::gateway
