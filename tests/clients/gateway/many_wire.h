// The messages of an UploadMany.
#pragma once

#include <grpcpp/support/sync_stream.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lakefs_staging/v1/staging.grpc.pb.h"
#include "tests/clients/gateway/call.h"
#include "tests/clients/gateway/reader.h"

namespace lakefs::staging::testing {

// Records each object, and answers by their numbers in the order of arrival,
// from 0 on: {"object": N, "result": {…}} or {"object": N, "status": {STATUS}};
// without "object" each that has no answer yet.
class ManyWire : public Wire {
 public:
  using Stream =
      grpc::ServerReaderWriter<v1::UploadManyResponse, v1::UploadManyRequest>;

  ManyWire(Call& call, Stream& stream)
      : call_(call), reader_(stream), stream_(stream) {}

  // Takes the first object and begins the call; false if there is none.
  bool Begin();

  bool Has(const std::string& step, const nlohmann::json& value) override;
  bool Receive() override;
  bool ReceiveWithin(int ms) override;
  bool Send(const std::string& step, const nlohmann::json& value) override;

 private:
  void Take(v1::UploadManyRequest request);
  void Serve(const v1::UploadManyRequest& request, size_t object);
  void Answer(size_t object, const nlohmann::json& answer);

  Call& call_;
  Reader<v1::UploadManyRequest, Stream> reader_;
  Stream& stream_;
  std::vector<v1::UploadManyRequest> objects_;
  std::vector<bool> answered_;
  std::optional<nlohmann::json> served_;  // the value of the step "serve"
};

}  // namespace lakefs::staging::testing
