#include "client/cli/progress_bar.h"

#include <gtest/gtest.h>

#include <sstream>

namespace lakefs::staging {
namespace {

v1::UploadProgress Received(int64_t bytes) {
  v1::UploadProgress progress;
  progress.set_received_bytes(bytes);
  return progress;
}

TEST(ProgressBarTest, KnownSizeHasABarAndAShare) {
  EXPECT_EQ(ProgressText(Received(32 << 20), 64 << 20, absl::Seconds(4)),
            "[============            ]  50 %  32.0 MiB of 64.0 MiB  "
            "8.0 MiB/s");
}

TEST(ProgressBarTest, UnknownSizeHasOnlyTheBytes) {
  EXPECT_EQ(ProgressText(Received(512), std::nullopt, absl::ZeroDuration()),
            "512 B");
}

TEST(ProgressBarTest, MoreThanTheWholeIsTheWhole) {
  v1::UploadProgress progress = Received(20);
  progress.set_phase(v1::UploadProgress::PHASE_LINKING);
  EXPECT_EQ(ProgressText(progress, 10, absl::ZeroDuration()),
            "[========================] 100 %  20 B of 10 B  linking");
}

TEST(ProgressBarTest, LeavesAnEmptyLine) {
  std::ostringstream out;
  { ProgressBar(out, 10).Show(Received(5)); }
  EXPECT_TRUE(out.str().ends_with("\r\x1b[K"));
}

TEST(SizeTextTest, TakesTheUnitThatFits) {
  EXPECT_EQ(SizeText(0), "0 B");
  EXPECT_EQ(SizeText(1023), "1023 B");
  EXPECT_EQ(SizeText(1024), "1.0 KiB");
  EXPECT_EQ(SizeText(5 * 1024LL * 1024 * 1024), "5.0 GiB");
  EXPECT_EQ(SizeText(5000LL << 40), "5000.0 TiB");
}

}  // namespace
}  // namespace lakefs::staging
