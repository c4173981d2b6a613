#include "client/cli/progress_bar.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace lakefs::staging {
namespace {

constexpr int kBarColumns = 24;

// Back to the first column, and clear what is there.
constexpr char kClearLine[] = "\r\x1b[K";

absl::string_view PhaseText(v1::UploadProgress::Phase phase) {
  switch (phase) {
    case v1::UploadProgress::PHASE_COMPLETING:
      return "  completing";
    case v1::UploadProgress::PHASE_LINKING:
      return "  linking";
    default:
      return "";
  }
}

}  // namespace

std::string SizeText(int64_t bytes) {
  constexpr std::array kUnits = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  double size = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; size >= 1024 && unit + 1 < kUnits.size(); ++unit) size /= 1024;
  return absl::StrFormat("%.1f %s", size, kUnits[unit]);
}

std::string ProgressText(const v1::UploadProgress& progress,
                         std::optional<int64_t> size_bytes,
                         absl::Duration elapsed) {
  const int64_t received = progress.received_bytes();
  std::string text;
  if (size_bytes && *size_bytes > 0) {
    const double share = std::clamp(
        static_cast<double>(received) / static_cast<double>(*size_bytes), 0.0,
        1.0);
    const int filled = static_cast<int>(share * kBarColumns);
    text = absl::StrFormat("[%s%s] %3d %%  %s of %s", std::string(filled, '='),
                           std::string(kBarColumns - filled, ' '),
                           static_cast<int>(share * 100), SizeText(received),
                           SizeText(*size_bytes));
  } else {
    text = SizeText(received);
  }
  const double seconds = absl::ToDoubleSeconds(elapsed);
  if (seconds > 0) {
    const double rate = static_cast<double>(received) / seconds;
    absl::StrAppend(&text, "  ", SizeText(static_cast<int64_t>(rate)), "/s");
  }
  absl::StrAppend(&text, PhaseText(progress.phase()));
  return text;
}

ProgressBar::ProgressBar(std::ostream& out, std::optional<int64_t> size_bytes)
    : out_(out), size_bytes_(size_bytes), begin_(absl::Now()) {}

ProgressBar::~ProgressBar() { Clear(); }

void ProgressBar::Clear() { out_ << kClearLine << std::flush; }

void ProgressBar::Show(const v1::UploadProgress& progress) {
  out_ << kClearLine
       << ProgressText(progress, size_bytes_, absl::Now() - begin_)
       << std::flush;
}

}  // namespace lakefs::staging
