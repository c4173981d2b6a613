// How far an upload is, on a terminal.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lakefs_staging/v1/staging.pb.h"

namespace lakefs::staging {

// One line that is written over again and again, and cleared at the end.
class ProgressBar {
 public:
  // `size_bytes` is the size of the whole, if known.
  ProgressBar(std::ostream& out, std::optional<int64_t> size_bytes);
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar();

  void Show(const v1::UploadProgress& progress);

  // Until it is shown again.
  void Clear();

 private:
  std::ostream& out_;
  const std::optional<int64_t> size_bytes_;
  const absl::Time begin_;
};

// The text of that line, such as
// `[======      ]  50 %  32.0 MiB of 64.0 MiB  12.5 MiB/s`.
std::string ProgressText(const v1::UploadProgress& progress,
                         std::optional<int64_t> size_bytes,
                         absl::Duration elapsed);

// A size for people: `1 B`, `64.0 MiB`.
std::string SizeText(int64_t bytes);

}  // namespace lakefs::staging
