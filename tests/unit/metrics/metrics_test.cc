#include "gateway/metrics/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/testing/golden.h"
#include "tests/testing/places.h"

namespace lakefs::gateway::testing {
namespace {

// The text, sorted, without the buckets of histograms, which are many.
std::string Overview(const std::string& text) {
  std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  std::erase_if(lines, [](absl::string_view line) {
    return line.empty() || absl::StrContains(line, "_bucket{");
  });
  std::sort(lines.begin(), lines.end());
  return absl::StrJoin(lines, "\n") + "\n";
}

bool Has(const Metrics& metrics, const std::string& text) {
  return absl::StrContains(metrics.Text(), text);
}

TEST(MetricsTest, NamesTypesHelpAndLabelsAreAsDashboardsExpectThem) {
  Metrics metrics("0.0.0");
  metrics.UpstreamFinished("linkPhysicalAddress", "2xx", 0.25);
  metrics.UpstreamFinished("storePut", "lost", 0.25);
  ExpectGolden("metrics.txt", Overview(metrics.Text()));
}

TEST(MetricsTest, EachCallIsCountedOnceAndIsInFlightUntilItsEnd) {
  Metrics metrics("1");
  metrics.RpcStarted("UploadObject");
  EXPECT_TRUE(Has(metrics, "rpcs_in_flight{method=\"UploadObject\"} 1\n"));
  metrics.RpcFinished("UploadObject", absl::StatusCode::kNotFound, 0.02);
  EXPECT_TRUE(Has(metrics, "rpcs_in_flight{method=\"UploadObject\"} 0\n"));
  EXPECT_TRUE(Has(
      metrics, "rpcs_total{code=\"NOT_FOUND\",method=\"UploadObject\"} 1\n"));
  EXPECT_TRUE(Has(metrics,
                  "rpc_duration_seconds_bucket{method=\"UploadObject\",le="
                  "\"0.025\"} 1\n"));
}

TEST(MetricsTest, WhatIsNotOfAClosedSetIsOther) {
  Metrics metrics("1");
  metrics.RpcFinished("marked", absl::StatusCode::kOk, 1);
  metrics.UpstreamFinished("http://h/marked", "marked", 1);
  metrics.UploadFinished("marked", "marked");
  metrics.UploadRefused("marked");
  metrics.MemoryGivenUp("marked");
  metrics.LinkRescued("marked");
  metrics.CallerDenied("marked");
  EXPECT_FALSE(Has(metrics, "marked"));
  EXPECT_TRUE(
      Has(metrics, "uploads_total{outcome=\"other\",plan=\"other\"} 1\n"));
}

// The sources name operations in these three ways.
TEST(MetricsTest, TheOperationsAreThoseThatTheSourcesName) {
  const std::regex named(
      R"x((?:Request\(|operation = |kOperation\[\] = )\s*"([A-Za-z]+)")x");
  std::set<std::string> found;
  for (const char* folder : {"lakefs", "objectstore"}) {
    for (const auto& entry : std::filesystem::directory_iterator(
             SourceDir() + "/gateway/" + folder)) {
      std::ifstream file(entry.path());
      const std::string text{std::istreambuf_iterator<char>(file), {}};
      for (std::sregex_iterator it(text.begin(), text.end(), named), end;
           it != end; ++it) {
        found.insert((*it)[1]);
      }
    }
  }
  const auto& operations = Metrics::Operations();
  EXPECT_EQ(found, std::set<std::string>(operations.begin(), operations.end()));
}

TEST(MetricsTest, GaugesAreReadWhenTheTextIsMade) {
  Metrics metrics("1");
  int64_t used = 5;
  metrics.SetGauges([&used] {
    return MetricGauges{.ready = true, .memory_used_bytes = used};
  });
  EXPECT_TRUE(Has(metrics, "memory_used_bytes 5\n"));
  used = 7;
  EXPECT_TRUE(Has(metrics, "memory_used_bytes 7\n"));
  EXPECT_TRUE(Has(metrics, "staging_gateway_ready 1\n"));
}

}  // namespace
}  // namespace lakefs::gateway::testing
