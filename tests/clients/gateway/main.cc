// scripted-gateway: serves lakefs.staging.v1.Staging by script, for the
// conformance suite of the clients.
//
// Reads a JSON object a line from standard input and answers each in its
// record, which it writes to standard output:
//   {"script": {…}}           see scripts.h and call.h
//   {"release": KEY}          ends the stalls of the key
//   {"crc32c_of": {"size", "seed"}}
//   {"sync": true}            is answered when all that was is in the record
// It ends with its input.
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>

#include "tests/clients/gateway/record.h"
#include "tests/clients/gateway/scripted_service.h"
#include "tests/clients/gateway/scripts.h"
#include "tests/clients/gateway/source_bytes.h"
#include "tests/emulator/crc32c.h"

namespace {

using lakefs::gateway::testing::Crc32c;
using lakefs::staging::testing::Record;
using lakefs::staging::testing::ScriptedService;
using lakefs::staging::testing::Scripts;
using lakefs::staging::testing::SourceBytes;
using nlohmann::json;

// As of the gateway: a chunk of 4 MiB and its framing.
constexpr int kMaxMessageBytes = 4 * 1024 * 1024 + 16 * 1024;

// So little is on its way that what a client sends ahead of what is read shows
// in the client.
constexpr int kLookaheadBytes = 64 * 1024;

constexpr uint64_t kPieceBytes = 1 << 20;

uint32_t Crc32cOf(const json& content) {
  const SourceBytes source(content.at("seed"));
  const uint64_t size = content.at("size");
  uint32_t crc = 0;
  for (uint64_t at = 0; at < size; at += kPieceBytes) {
    crc = Crc32c(source.Read(at, std::min(kPieceBytes, size - at)), crc);
  }
  return crc;
}

void Obey(const json& command, Scripts& scripts, Record& record) {
  json answer = {{"event", "done"}, {"id", command.value("id", 0)}};
  if (command.contains("script")) {
    scripts.Set(command["script"]);
  } else if (command.contains("release")) {
    scripts.Release(command["release"]);
  } else if (command.contains("crc32c_of")) {
    answer["crc32c"] = Crc32cOf(command.at("crc32c_of"));
  }
  record.Write(answer);
}

}  // namespace

int main() {
  Record record;
  Scripts scripts;
  ScriptedService service(record, scripts);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES,
                             kLookaheadBytes);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) {
    std::fputs("scripted-gateway: cannot listen\n", stderr);
    return 1;
  }
  record.Write({{"event", "listening"},
                {"address", "127.0.0.1:" + std::to_string(port)}});
  for (std::string line; std::getline(std::cin, line);) {
    Obey(json::parse(line), scripts, record);
  }
  server->Shutdown(std::chrono::system_clock::now());
  return 0;
}
