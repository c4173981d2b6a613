// Callers of the gateway, for the benchmarks. Prints one line of JSON.
//
//   bench-load ADDRESS bulk STREAMS BYTES_EACH
//   bench-load ADDRESS file PATH [if-absent]
//   bench-load ADDRESS stream CALLERS SIZE SECONDS
//   bench-load ADDRESS unary CALLERS SIZE SECONDS
//   bench-load ADDRESS many IN_FLIGHT SIZE SECONDS
//   bench-load ADDRESS address CALLERS SECONDS
//   bench-load ADDRESS empty CALLERS SECONDS
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gateway/base/crc32c.h"
#include "lakefs_staging/v1/staging.grpc.pb.h"
#include "tests/bench/many_load.h"
#include "tests/bench/repeat.h"

namespace {

namespace pb = ::lakefs::staging::v1;
using Clock = std::chrono::steady_clock;
using lakefs::gateway::ConcatCrc32c;
using lakefs::gateway::Crc32c;
using lakefs::gateway::bench::Repeat;

constexpr size_t kChunk = 1 << 20;

std::shared_ptr<grpc::Channel> NewChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt("grpc.use_local_subchannel_pool", 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                   arguments);
}

void Fill(pb::UploadHeader& header) {
  header.mutable_object()->set_repository("repo");
  header.mutable_object()->set_branch("main");
  header.mutable_object()->set_path("o");
}

// A caller with a connection of its own.
struct Caller {
  explicit Caller(const std::string& address)
      : channel(NewChannel(address)),
        stub(pb::Staging::NewStub(channel)),
        generic(channel) {}
  ~Caller() { queue.Shutdown(); }

  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<pb::Staging::Stub> stub;
  grpc::GenericStub generic;
  grpc::CompletionQueue queue;
};

[[noreturn]] void Die(const std::string& why) {
  std::cerr << "bench-load: " << why << "\n";
  std::_Exit(1);
}

// Compares with what the sink says that it got, if it was told to look.
void CheckSum(const pb::UploadResult& result, uint32_t crc32c) {
  const std::string& said = result.object().checksum();
  if (result.crc32c() != crc32c) Die("the gateway has another crc32c");
  if (said.size() == 8 &&
      said != absl::StrCat(absl::Hex(crc32c, absl::kZeroPad8))) {
    Die("the store got other bytes");
  }
}

pb::UploadResult UploadStream(pb::Staging::Stub& stub, const std::string& data,
                              uint32_t chunk_crc, int64_t bytes) {
  grpc::ClientContext context;
  const auto stream = stub.UploadAndLink(&context);
  pb::UploadAndLinkRequest message;
  Fill(*message.mutable_header());
  message.mutable_header()->set_size_bytes(bytes);
  stream->Write(message);
  const auto chunk = static_cast<int64_t>(data.size());
  message.mutable_chunk()->set_data(data);
  uint32_t crc = 0;
  for (int64_t offset = 0; offset < bytes; offset += chunk) {
    message.mutable_chunk()->set_write_offset(offset);
    message.mutable_chunk()->set_crc32c(chunk_crc);
    crc = ConcatCrc32c(crc, chunk_crc, data.size());
    if (!stream->Write(message)) break;
  }
  message.mutable_finish()->set_size_bytes(bytes);
  stream->Write(message);
  stream->WritesDone();
  pb::UploadAndLinkResponse response;
  stream->Read(&response);
  const grpc::Status status = stream->Finish();
  if (!status.ok()) Die(status.error_message());
  CheckSum(response.result(), crc);
  return response.result();
}

void Bulk(const std::string& address, int streams, int64_t bytes) {
  const std::string data(kChunk, 'x');
  const uint32_t crc = Crc32c(data);
  std::vector<std::unique_ptr<Caller>> callers;
  for (int i = 0; i < streams; ++i) {
    callers.push_back(std::make_unique<Caller>(address));
  }
  const auto start = Clock::now();
  std::vector<std::thread> threads;
  for (int i = 0; i < streams; ++i) {
    threads.emplace_back(
        [&, i] { UploadStream(*callers[i]->stub, data, crc, bytes); });
  }
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double> took = Clock::now() - start;
  std::cout << "{\"seconds\": " << took.count() << "}\n";
}

// A file that the gateway reads by itself.
void UploadFile(const std::string& address, const std::string& file,
                bool if_absent) {
  const Caller caller(address);
  grpc::ClientContext context;
  pb::UploadFileRequest request;
  Fill(*request.mutable_header());
  request.mutable_header()->set_if_absent(if_absent);
  request.set_file(file);
  const auto start = Clock::now();
  const auto stream = caller.stub->UploadFile(&context, request);
  pb::UploadAndLinkResponse response;
  stream->Read(&response);
  const grpc::Status status = stream->Finish();
  const std::chrono::duration<double> took = Clock::now() - start;
  if (!status.ok()) Die(status.error_message());
  std::cout << "{\"seconds\": " << took.count() << "}\n";
}

// A call that gRPC answers by itself: what any call costs.
void EmptyCall(Caller& caller) {
  grpc::ClientContext context;
  const grpc::Slice nothing;
  grpc::ByteBuffer response;
  grpc::Status status;
  const auto call = caller.generic.PrepareUnaryCall(
      &context, "/grpc.health.v1.Health/Check", grpc::ByteBuffer(&nothing, 1),
      &caller.queue);
  call->StartCall();
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  caller.queue.Next(&tag, &ok);
  if (!status.ok()) Die(status.error_message());
}

void GetAddress(Caller& caller) {
  grpc::ClientContext context;
  pb::GetPhysicalAddressRequest request;
  request.mutable_object()->set_repository("repo");
  request.mutable_object()->set_branch("main");
  request.mutable_object()->set_path("o");
  request.set_presign(true);
  pb::GetPhysicalAddressResponse response;
  const auto status =
      caller.stub->GetPhysicalAddress(&context, request, &response);
  if (!status.ok()) Die(status.error_message());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const std::string address = argv[1];
  const std::string mode = argv[2];
  if (mode == "file") {
    UploadFile(address, argv[3], /*if_absent=*/argc > 4);
    return 0;
  }
  if (argc < 5) return 2;
  if (mode == "bulk") {
    Bulk(address, std::atoi(argv[3]), std::atoll(argv[4]));
    return 0;
  }
  const int callers = std::atoi(argv[3]);
  if (mode == "address" || mode == "empty") {
    Repeat<Caller>(address, callers, std::atof(argv[4]),
                   mode == "empty" ? EmptyCall : GetAddress);
    return 0;
  }
  if (argc < 6) return 2;
  const std::string data(static_cast<size_t>(std::atoll(argv[4])), 'x');
  if (mode == "many") {
    pb::UploadHeader header;
    Fill(header);
    lakefs::gateway::bench::UploadMany(*Caller(address).stub, header, data,
                                       callers, std::atof(argv[5]));
    return 0;
  }
  const uint32_t crc = Crc32c(data);
  const auto size = static_cast<int64_t>(data.size());
  Repeat<Caller>(address, callers, std::atof(argv[5]), [&](Caller& caller) {
    if (mode == "stream") {
      UploadStream(*caller.stub, data, crc, size);
      return;
    }
    grpc::ClientContext context;
    pb::UploadObjectRequest request;
    Fill(*request.mutable_header());
    request.set_data(data);
    request.set_crc32c(crc);
    pb::UploadObjectResponse response;
    const auto status = caller.stub->UploadObject(&context, request, &response);
    if (!status.ok()) Die(status.error_message());
    CheckSum(response.result(), crc);
  });
}
