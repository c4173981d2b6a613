// The service Staging on gRPC's callback API.
#pragma once

#include <grpcpp/support/server_callback.h>

#include "gateway/base/worker_pool.h"
#include "gateway/server/rpc/call_runner.h"
#include "gateway/server/rpc/message_room.h"
#include "gateway/server/rpc/upload_places.h"
#include "gateway/staging/intake/shared_file.h"
#include "gateway/staging/link/address_linker.h"
#include "gateway/staging/upload/upload_session.h"
#include "lakefs_staging/v1/staging.grpc.pb.h"

namespace lakefs::gateway {

// What the handlers work with; owned by who wires the program.
struct ServiceDependencies {
  LakefsApi& lakefs;
  RetryBudget& lakefs_budget;
  UploadSession& uploads;
  AddressLinker& linker;
  MemoryBudget& memory;
  WorkerPool& unary_pool;
  WorkerPool& many_pool;  // for the objects of UploadMany
  UploadPlaces& upload_places;
  MessageRoom& message_room;
  CallRunner& calls;
  const SharedFolders* shared_folders = nullptr;  // null: UploadFile is off
};

// Each handler turns messages into values, does its work on a pool's thread,
// and turns the report into a reply. gRPC's own threads never block.
class StagingService final
    : public ::lakefs::staging::v1::Staging::CallbackService {
 public:
  // `peer`: the user behind the socket that all its calls come by, if known.
  explicit StagingService(ServiceDependencies dependencies,
                          std::optional<SocketPeer> peer = {});

  grpc::ServerUnaryReactor* GetPhysicalAddress(
      grpc::CallbackServerContext* context,
      const ::lakefs::staging::v1::GetPhysicalAddressRequest* request,
      ::lakefs::staging::v1::GetPhysicalAddressResponse* response) override;
  grpc::ServerUnaryReactor* LinkPhysicalAddress(
      grpc::CallbackServerContext* context,
      const ::lakefs::staging::v1::LinkPhysicalAddressRequest* request,
      ::lakefs::staging::v1::LinkPhysicalAddressResponse* response) override;
  grpc::ServerUnaryReactor* UploadObject(
      grpc::CallbackServerContext* context,
      const ::lakefs::staging::v1::UploadObjectRequest* request,
      ::lakefs::staging::v1::UploadObjectResponse* response) override;
  grpc::ServerBidiReactor<::lakefs::staging::v1::UploadAndLinkRequest,
                          ::lakefs::staging::v1::UploadAndLinkResponse>*
  UploadAndLink(grpc::CallbackServerContext* context) override;
  grpc::ServerWriteReactor<::lakefs::staging::v1::UploadAndLinkResponse>*
  UploadFile(grpc::CallbackServerContext* context,
             const ::lakefs::staging::v1::UploadFileRequest* request) override;
  grpc::ServerBidiReactor<::lakefs::staging::v1::UploadManyRequest,
                          ::lakefs::staging::v1::UploadManyResponse>*
  UploadMany(grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* GetUploadOutcome(
      grpc::CallbackServerContext* context,
      const ::lakefs::staging::v1::GetUploadOutcomeRequest* request,
      ::lakefs::staging::v1::GetUploadOutcomeResponse* response) override;
  grpc::ServerUnaryReactor* DiscardUpload(
      grpc::CallbackServerContext* context,
      const ::lakefs::staging::v1::DiscardUploadRequest* request,
      ::lakefs::staging::v1::DiscardUploadResponse* response) override;

 private:
  const ServiceDependencies deps_;
  const std::optional<SocketPeer> peer_;
};

}  // namespace lakefs::gateway
