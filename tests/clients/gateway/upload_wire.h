// The messages of an UploadAndLink.
#pragma once

#include <grpcpp/support/sync_stream.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "lakefs_staging/v1/staging.grpc.pb.h"
#include "tests/clients/gateway/call.h"
#include "tests/clients/gateway/reader.h"
#include "tests/clients/gateway/source_bytes.h"

namespace lakefs::staging::testing {

// Takes the chunks as the gateway does: in order, after a rewind from its
// offset, and drops what was in flight until then. Records each, with its
// checksum and its bytes held against what they should be.
class UploadWire : public Wire {
 public:
  using Stream = grpc::ServerReaderWriter<v1::UploadAndLinkResponse,
                                          v1::UploadAndLinkRequest>;

  UploadWire(Call& call, Stream& stream)
      : call_(call), reader_(stream), stream_(stream) {}

  // Takes the header and begins the call; false if there is none.
  bool Begin();

  bool Has(const std::string& step, const nlohmann::json& value) override;
  bool Receive() override;
  bool ReceiveWithin(int ms) override;
  bool Send(const std::string& step, const nlohmann::json& value) override;

 private:
  void Take(const v1::UploadChunk& chunk);
  void Take(const v1::UploadFinish& finish);
  void Rewind(int64_t offset);

  Call& call_;
  Reader<v1::UploadAndLinkRequest, Stream> reader_;
  Stream& stream_;
  v1::UploadHeader header_;
  std::optional<SourceBytes> source_;
  std::string taken_;     // the first kKept bytes
  uint64_t offset_ = 0;   // of the next chunk
  bool rewinds_ = false;  // chunks of other offsets may be in flight
  bool finished_ = false;
};

}  // namespace lakefs::staging::testing
