// The service, served by script.
#pragma once

#include "lakefs_staging/v1/staging.grpc.pb.h"
#include "tests/clients/gateway/record.h"
#include "tests/clients/gateway/scripts.h"

namespace lakefs::staging::testing {

// Every call finds its script by its key: the branch of its target; without a
// target, the request_id or the token. It tells the record what came.
class ScriptedService : public v1::Staging::Service {
 public:
  ScriptedService(Record& record, Scripts& scripts)
      : record_(record), scripts_(scripts) {}

  grpc::Status UploadAndLink(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::UploadAndLinkResponse,
                               v1::UploadAndLinkRequest>* stream) override;
  grpc::Status UploadMany(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::UploadManyResponse, v1::UploadManyRequest>*
          stream) override;
  grpc::Status UploadObject(grpc::ServerContext* context,
                            const v1::UploadObjectRequest* request,
                            v1::UploadObjectResponse* response) override;
  grpc::Status UploadFile(
      grpc::ServerContext* context, const v1::UploadFileRequest* request,
      grpc::ServerWriter<v1::UploadAndLinkResponse>* stream) override;
  grpc::Status GetPhysicalAddress(
      grpc::ServerContext* context,
      const v1::GetPhysicalAddressRequest* request,
      v1::GetPhysicalAddressResponse* response) override;
  grpc::Status LinkPhysicalAddress(
      grpc::ServerContext* context,
      const v1::LinkPhysicalAddressRequest* request,
      v1::LinkPhysicalAddressResponse* response) override;
  grpc::Status GetUploadOutcome(
      grpc::ServerContext* context, const v1::GetUploadOutcomeRequest* request,
      v1::GetUploadOutcomeResponse* response) override;
  grpc::Status DiscardUpload(grpc::ServerContext* context,
                             const v1::DiscardUploadRequest* request,
                             v1::DiscardUploadResponse* response) override;

 private:
  Record& record_;
  Scripts& scripts_;
};

}  // namespace lakefs::staging::testing
