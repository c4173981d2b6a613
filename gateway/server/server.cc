#include "gateway/server/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server_builder.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace lakefs::gateway {
namespace {

constexpr char kUnixPrefix[] = "unix:";

// A chunk of 4 MiB and what is around it.
constexpr int kMaxMessageBytes = (4 << 20) + (64 << 10);

// The window of a stream. Through loopback, a small one is both the fastest and
// what keeps a stream that nobody reads from holding a megabyte; bandwidth
// probing would grow it.
constexpr int kLookaheadBytes = 64 << 10;

// Kept of the grace period for calls that are cancelled then: a link in flight
// is asked about for five seconds.
constexpr std::chrono::milliseconds kFindOutReserve{5'000};

// For statuses that are still on their way to callers.
constexpr std::chrono::milliseconds kLastWrites{500};

bool IsLoopback(absl::string_view address) {
  return absl::StartsWith(address, "127.") ||
         absl::StartsWith(address, "localhost:") ||
         absl::StartsWith(address, "[::1]:");
}

// Whether somebody answers on the socket.
bool IsServed(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool served =
      connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return served;
}

absl::Status PrepareSocket(const std::string& path) {
  if (path.empty() || path.size() >= sizeof(sockaddr_un{}.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--listen=unix:", path, ": a socket's path has 1 to 107 bytes"));
  }
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return absl::OkStatus();
  if (!S_ISSOCK(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--listen=unix:", path, ": there is a file that is not a socket"));
  }
  if (IsServed(path)) {
    return absl::UnavailableError(
        absl::StrCat("--listen=unix:", path, ": another server is using it"));
  }
  unlink(path.c_str());
  return absl::OkStatus();
}

absl::Status CheckAddress(const std::string& address) {
  absl::string_view path = address;
  if (absl::ConsumePrefix(&path, kUnixPrefix)) {
    return PrepareSocket(std::string(path));
  }
  if (IsLoopback(address)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "--listen=", address,
      ": only loopback addresses and unix sockets are served without TLS; use "
      "127.0.0.1:PORT or unix:/path"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(
    const std::vector<std::string>& listen, StagingService& service) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument("grpc.http2.bdp_probe", 0);
  builder.AddChannelArgument("grpc.http2.lookahead_bytes", kLookaheadBytes);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.RegisterService(&service);

  auto server = std::unique_ptr<Server>(new Server);
  std::vector<int> ports(listen.size(), 0);
  for (size_t i = 0; i < listen.size(); ++i) {
    if (auto s = CheckAddress(listen[i]); !s.ok()) return s;
    builder.AddListeningPort(listen[i], grpc::InsecureServerCredentials(),
                             &ports[i]);
  }
  // Nobody else may connect between the bind and a chmod.
  const mode_t old_mask = umask(0177);
  server->server_ = builder.BuildAndStart();
  umask(old_mask);
  for (size_t i = 0; i < listen.size(); ++i) {
    if (server->server_ == nullptr || ports[i] == 0) {
      if (listen.size() > 1 && ports[i] != 0) continue;
      return absl::UnavailableError(
          absl::StrCat("--listen=", listen[i], ": cannot listen there"));
    }
    absl::string_view address = listen[i];
    if (absl::ConsumePrefix(&address, kUnixPrefix)) {
      server->socket_files_.emplace_back(address);
      server->addresses_.push_back(listen[i]);
    } else {
      server->addresses_.push_back(
          absl::StrCat(address.substr(0, address.rfind(':')), ":", ports[i]));
    }
  }
  return server;
}

Server::~Server() {
  if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
  for (const std::string& path : socket_files_) unlink(path.c_str());
}

void Server::Drain(CallRunner& calls, std::chrono::milliseconds grace) {
  calls.StartDraining();
  server_->GetHealthCheckService()->SetServingStatus(false);
  const auto reserve = std::min(grace / 5, kFindOutReserve);
  if (!calls.AwaitIdle(grace - reserve)) {
    calls.CancelAll();
    calls.AwaitIdle(reserve);
  }
  server_->Shutdown(std::chrono::system_clock::now() + kLastWrites);
  server_->Wait();
}

}  // namespace lakefs::gateway
