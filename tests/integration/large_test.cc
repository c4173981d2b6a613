// Objects that are larger than any memory, from a source that makes them.
#include <gtest/gtest.h>

#include "gateway/base/crc32c.h"
#include "tests/emulator/emulator.h"
#include "tests/testing/gateway_process.h"
#include "tests/testing/upload_call.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;

constexpr int64_t kGiB = 1 << 30;

struct Case {
  const char* name;
  EmulatorOptions options;
  int64_t size_bytes;
  bool known;
  pb::Plan plan;
};

const Case kCases[] = {
    {"S3Known", {}, kGiB, true, pb::PLAN_MULTIPART},
    {"S3Unknown", {}, kGiB, false, pb::PLAN_MULTIPART},
    {"S3SixGiBKnown", {}, 6 * kGiB, true, pb::PLAN_MULTIPART},
    {"S3SixGiBUnknown", {}, 6 * kGiB, false, pb::PLAN_MULTIPART},
    {"V121SixGiBKnown",
     {.dialect = Dialect::kV1_21},
     6 * kGiB,
     true,
     pb::PLAN_MULTIPART},
    {"V121Unknown",
     {.dialect = Dialect::kV1_21},
     kGiB,
     false,
     pb::PLAN_MULTIPART},
    {"V0101Unknown",
     {.dialect = Dialect::kV0_101},
     kGiB,
     false,
     pb::PLAN_SPOOLED_PUT},
    {"V066Unknown",
     {.dialect = Dialect::kV0_66},
     kGiB,
     false,
     pb::PLAN_THROUGH_LAKEFS},
    {"AzureSixGiBUnknown",
     {.store = StoreKind::kAzure},
     6 * kGiB,
     false,
     pb::PLAN_AZURE_BLOCKS},
    {"GoogleSixGiBKnown",
     {.store = StoreKind::kGcs},
     6 * kGiB,
     true,
     pb::PLAN_SPOOLED_PUT},
};

class LargeTest : public ::testing::TestWithParam<Case> {};

TEST_P(LargeTest, ArrivesByteForByteInLittleMemory) {
  const Case& test = GetParam();
#ifdef __SANITIZE_ADDRESS__
  const int64_t size = test.size_bytes / 32;
#else
  const int64_t size = test.size_bytes;
#endif
  EmulatorOptions options = test.options;
  options.discard_bytes = true;
  options.etag_md5 = false;
  Emulator emulator(options);
  ASSERT_TRUE(emulator.Start().ok());
  emulator.CreateRepository("quickstart");
  const GatewayProcess gateway(emulator.endpoint());
  const auto stub = gateway.NewStub();

  grpc::ClientContext context;
  const auto stream = stub->UploadAndLink(&context);
  pb::UploadAndLinkRequest message;
  *message.mutable_header() = HeaderFor("large");
  if (test.known) message.mutable_header()->set_size_bytes(size);
  ASSERT_TRUE(stream->Write(message));
  // Each MiB differs from the others by its first bytes.
  std::string data = Bytes(1 << 20);
  uint32_t crc = 0;
  for (int64_t offset = 0; offset < size;
       offset += static_cast<int64_t>(data.size())) {
    data.replace(0, sizeof(offset), reinterpret_cast<const char*>(&offset),
                 sizeof(offset));
    crc = ConcatCrc32c(crc, Crc32c(data), data.size());
    message.mutable_chunk()->set_write_offset(offset);
    message.mutable_chunk()->set_data(data);
    ASSERT_TRUE(stream->Write(message)) << offset;
  }
  message.mutable_finish()->set_size_bytes(size);
  message.mutable_finish()->set_crc32c(crc);
  stream->Write(message);
  stream->WritesDone();
  pb::UploadAndLinkResponse response;
  stream->Read(&response);
  const grpc::Status status = stream->Finish();
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.result().plan(), test.plan);
  EXPECT_EQ(response.result().object().size_bytes(), size);
  EXPECT_EQ(response.result().bytes_resent(), 0);
  const auto digest = emulator.DigestObject("quickstart", "main", "large");
  ASSERT_TRUE(digest.has_value());
  EXPECT_EQ(static_cast<int64_t>(digest->size_bytes), size);
  EXPECT_EQ(digest->crc32c, crc);
#ifndef __SANITIZE_ADDRESS__
  EXPECT_LT(gateway.PeakRssBytes(), 212ll << 20);
#endif
}

INSTANTIATE_TEST_SUITE_P(Cases, LargeTest, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace lakefs::gateway::testing
