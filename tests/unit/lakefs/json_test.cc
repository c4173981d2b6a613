#include "gateway/lakefs/json.h"

#include <gmock/gmock.h>

#include "tests/testing/golden.h"

namespace lakefs::gateway::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

WallTime At(int64_t seconds) { return WallTime(std::chrono::seconds(seconds)); }

// Source: recorded from v1.84 and v0.66.
TEST(JsonTest, AStagingLocationIsReadByteForByte) {
  const auto location = ParseStagingLocation(
      R"({"physical_address":"s3://lake/r/data/a/b,2z","presigned_url":)"
      R"("http://h/a%2Cb?X-Amz-Date=1\u0026x=%2F","presigned_url_expiry":1795408760})");
  ASSERT_TRUE(location.has_value());
  EXPECT_EQ(location->physical_address, "s3://lake/r/data/a/b,2z");
  EXPECT_EQ(location->presigned_url, "http://h/a%2Cb?X-Amz-Date=1&x=%2F");
  EXPECT_EQ(location->presigned_url_expiry, At(1795408760));
  EXPECT_EQ(location->token, std::nullopt);
  const auto old = ParseStagingLocation(
      R"({"physical_address":"s3://b/data/t/i","presigned_url":null,"token":"r-main:e4"})");
  ASSERT_TRUE(old.has_value());
  EXPECT_EQ(old->token, "r-main:e4");
  EXPECT_EQ(old->presigned_url, std::nullopt);
}

TEST(JsonTest, ObjectStatsAreRead) {
  const auto stats = ParseObjectStats(
      R"({"checksum":"5d","content_type":"text/plain","metadata":{"k":"v"},)"
      R"("mtime":1795407860,"path":"c/w","path_type":"object",)"
      R"("physical_address":"s3://b/x","size_bytes":5})");
  ASSERT_TRUE(stats.has_value());
  EXPECT_EQ(stats->checksum, "5d");
  EXPECT_EQ(stats->content_type, "text/plain");
  EXPECT_THAT(stats->user_metadata, ElementsAre(Pair("k", "v")));
  EXPECT_EQ(stats->mtime, 1795407860);
  EXPECT_EQ(stats->size_bytes, 5);
}

TEST(JsonTest, WhatIsNotOfTheShapeIsRefused) {
  for (const char* text :
       {"", "null", "[]", "{", "{}", R"({"physical_address":7})",
        R"({"physical_address":""})", R"({"physical_address":"a","token":{}})",
        R"({"physical_address":"a","presigned_url_expiry":"soon"})"}) {
    EXPECT_FALSE(ParseStagingLocation(text).has_value()) << text;
  }
  for (const char* text :
       {"", "{}", R"({"path":"p","checksum":"c"})",
        R"({"path":"p","checksum":"c","mtime":"x"})",
        R"({"path":"p","checksum":"c","mtime":1,"metadata":{"k":1}})",
        R"({"path":"p","checksum":"c","mtime":1,"size_bytes":1.5})"}) {
    EXPECT_FALSE(ParseObjectStats(text).has_value()) << text;
  }
  EXPECT_FALSE(ParseConfig(R"({"version_config":{}})").has_value());
  EXPECT_FALSE(ParseRepository("{}").has_value());
}

TEST(JsonTest, WhatAConfigurationLacksIsUnknownNotFalse) {
  const auto config = ParseConfig(
      R"({"storage_config":{"blockstore_type":"s3","pre_sign_support":true},)"
      R"("version_config":{"version":"1.84.0"}})");
  ASSERT_TRUE(config.has_value());
  EXPECT_EQ(config->usual->version, "1.84.0");
  EXPECT_EQ(config->usual->pre_sign_support, true);
  EXPECT_EQ(config->usual->pre_sign_multipart_upload, std::nullopt);
  EXPECT_FALSE(config->usual->has_storage_list);
  EXPECT_TRUE(ParseConfig(R"({"storage_config":{},"storage_config_list":[]})")
                  ->usual->has_storage_list);
  const auto old = ParseStorageConfig(R"({"blockstore_type":"s3"})",
                                      R"({"version":"0.66.0"})");
  ASSERT_TRUE(old.has_value());
  EXPECT_EQ(old->version, "0.66.0");
  EXPECT_EQ(old->pre_sign_support, std::nullopt);
}

TEST(JsonTest, AServerMayHaveSeveralStoresAndNoUsualOne) {
  const auto configs = ParseConfig(
      R"({"storage_config_list":[)"
      R"({"blockstore_id":"eu","blockstore_type":"s3",)"
      R"("pre_sign_support":true,"pre_sign_multipart_upload":true},)"
      R"({"blockstore_id":"az","blockstore_type":"azure"}],)"
      R"("version_config":{"version":"1.84.0"}})");
  ASSERT_TRUE(configs.has_value());
  EXPECT_FALSE(configs->usual.has_value());
  EXPECT_EQ(configs->listed,
            (std::vector<ServerConfig>{{.version = "1.84.0",
                                        .blockstore_type = "s3",
                                        .pre_sign_support = true,
                                        .pre_sign_multipart_upload = true,
                                        .has_storage_list = true,
                                        .blockstore_id = "eu"},
                                       {.version = "1.84.0",
                                        .blockstore_type = "azure",
                                        .has_storage_list = true,
                                        .blockstore_id = "az"}}));
  EXPECT_FALSE(ParseConfig(R"({"storage_config_list":[]})").has_value());
}

TEST(JsonTest, TheBodiesOfLinksAreAsLakefsTakesThem) {
  const std::string all = ToJson({.staging = {.physical_address = "s3://b/x,y",
                                              .token = "t",
                                              .presigned_url = "http://h/?a&b",
                                              .presigned_url_expiry = At(9)},
                                  .checksum = "5d",
                                  .size_bytes = 5,
                                  .user_metadata = {{"k", "ä\"\\"}},
                                  .content_type = "text/plain",
                                  .mtime = At(1'000'000'000),
                                  .force = true});
  const std::string least =
      ToJson({.staging = {.physical_address = "s3://b/x"}, .checksum = "5d"});
  ExpectGolden("link_bodies.txt", all + "\n" + least + "\n");
}

}  // namespace
}  // namespace lakefs::gateway::testing
