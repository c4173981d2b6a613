// lakefs-staging-gateway: flags and environment, wiring, serve, drain.
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "gateway/base/log.h"
#include "gateway/base/thread_budget.h"
#include "gateway/base/worker_pool.h"
#include "gateway/http/curl_http_client.h"
#include "gateway/http/metered_http_client.h"
#include "gateway/http/tls_identity.h"
#include "gateway/lakefs/credentials_file.h"
#include "gateway/lakefs/login.h"
#include "gateway/lakefs/rest_client.h"
#include "gateway/objectstore/direct_s3_store.h"
#include "gateway/objectstore/local_store.h"
#include "gateway/objectstore/presigned_store.h"
#include "gateway/process/descriptors.h"
#include "gateway/process/idle_memory.h"
#include "gateway/server/admin/admin.h"
#include "gateway/server/listen/server.h"
#include "gateway/settings/settings.h"

namespace lakefs::gateway {
namespace {

constexpr int kUnaryQueue = 1024;
constexpr int kBackgroundThreads = 16;
constexpr int kBackgroundQueue = 256;
constexpr int kPartSenders = 64;
constexpr int kPartQueue = 256;

// Of each pool, whatever the others have: with fewer nothing would go on.
constexpr int kLeastThreads = 2;

// What is not ours of the threads: gRPC's and curl's, which resolves names in
// them. What gRPC has goes by the processors.
int ThreadsOfLibraries() {
  return 12 + 2 * static_cast<int>(sysconf(_SC_NPROCESSORS_CONF));
}

// Chunks come and go by the megabyte. Kept in the heap they cost no page
// faults: half as fast again, and a third less CPU. What one thread frees the
// next can use only in the same arena; a second one is no faster.
void TuneAllocator() {
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_ARENA_MAX, 1);
}

// abseil looks for locks taken in orders that can block each other, at each
// lock of gRPC's and ours, and ends the program over one. Builds for production
// leave that out; Debian's does not.
void SkipDeadlockDetection() {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
}

// Blocks the signals that end the program, in all threads to come, so that the
// main thread can wait for them.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

absl::StatusOr<std::unique_ptr<Credentials>> CredentialsOf(
    const Settings& settings, const Clock& clock, HttpClient& http,
    Metrics& metrics) {
  switch (settings.auth) {
    case AuthMode::kPassThrough:
      return std::make_unique<CallersCredentials>();
    case AuthMode::kLogin:
    case AuthMode::kCookie: {
      LoginOptions options{.endpoint = settings.lakefs_endpoint,
                           .key = {.id = settings.access_key_id,
                                   .secret = settings.secret_access_key},
                           .key_file = settings.credentials_file,
                           .cookie = settings.auth == AuthMode::kCookie};
      if (!options.key_file.empty()) {
        auto key = ReadAccessKey(options.key_file);
        if (!key.ok()) return key.status();
        options.key = *std::move(key);
      }
      return std::make_unique<Login>(std::move(options), http, metrics);
    }
    case AuthMode::kToken:
      if (!settings.token_file.empty()) {
        return CredentialsFile::Open(
            settings.token_file, CredentialsFile::Kind::kToken, clock, metrics);
      }
      return std::make_unique<FixedCredentials>(
          FixedCredentials::Token(settings.token));
    case AuthMode::kUnset:
    case AuthMode::kKeys:
      break;
  }
  if (!settings.credentials_file.empty()) {
    return CredentialsFile::Open(settings.credentials_file,
                                 CredentialsFile::Kind::kKeys, clock, metrics);
  }
  return std::make_unique<FixedCredentials>(FixedCredentials::Keys(
      settings.access_key_id, settings.secret_access_key));
}

// Null if no certificate was given.
absl::StatusOr<std::unique_ptr<TlsIdentity>> IdentityOf(TlsFiles files) {
  if (files.certificate.empty()) return nullptr;
  return TlsIdentity::Open(std::move(files));
}

CurlOptions UpstreamOf(const Settings& settings, const TlsIdentity* identity) {
  return {.ca_file = settings.ca_file,
          .identity = identity,
          .proxy = settings.proxy,
          .allowed_networks = settings.allow_address,
          .https_only = settings.lakefs_endpoint.starts_with("https://") &&
                        !settings.allow_http_store};
}

// Folders that were given have to be there, and to be writable, from the start:
// else the first large upload would be the one to find out.
absl::Status CheckFolders(const Settings& settings) {
  const std::pair<const char*, const std::string&> folders[] = {
      {"spool-dir", settings.spool_dir}, {"local-store", settings.local_mount}};
  for (const auto& [setting, folder] : folders) {
    if (folder.empty()) continue;
    const int fd = open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    const bool good =
        fd >= 0 && faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) == 0;
    const char* why = std::strerror(errno);
    if (fd >= 0) close(fd);
    if (good) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "--", setting, ": ", folder, " cannot be written to: ", why));
  }
  return absl::OkStatus();
}

// Has all descriptors that the system allows, and says early where those are
// too few for what the settings allow.
void CheckDescriptors(const Settings& settings) {
  constexpr int64_t kOwn = 64;  // files, listeners, polls
  constexpr int64_t kUpload = 4;
  const int64_t limit = RaiseDescriptorLimit();
  const int64_t wanted = kOwn + settings.max_connections +
                         kUpload * settings.max_uploads +
                         2 * settings.unary_threads;
  if (limit >= wanted) return;
  Log(LogLevel::kWarning, "file descriptors are limited",
      {{"limit", limit},
       {"wanted", wanted},
       {"message",
        "raise the hard limit (ulimit -Hn, RLIMIT_NOFILE), or lower "
        "--max-connections, --max-uploads and --unary-threads"}});
}

// The ways to a store that the gateway has of its own, if it was given them.
std::unique_ptr<ObjectStore> DirectS3(const Settings& settings,
                                      const StoreOptions& options,
                                      HttpClient& http) {
  if (settings.s3_access_key_id.empty()) return nullptr;
  return std::make_unique<DirectS3Store>(
      http, DirectS3Options{
                .endpoint = settings.s3_endpoint,
                .keys = {.region = settings.s3_region,
                         .access_key_id = settings.s3_access_key_id,
                         .secret_access_key = settings.s3_secret_access_key,
                         .session_token = settings.s3_session_token},
                .store = options});
}

std::unique_ptr<ObjectStore> LocalFile(const Settings& settings) {
  if (settings.local_store.empty()) return nullptr;
  return std::make_unique<LocalStore>(LocalStoreOptions{
      .lakefs_root = settings.local_store, .mount = settings.local_mount});
}

// Says early that lakeFS does not answer; it may come up later, so the gateway
// serves all the same.
void TryLakefs(Clock& clock, ServerInfo& server_info) {
  const CallContext context(clock, clock.Now() + std::chrono::seconds(2),
                            "start");
  absl::InsecureBitGen random;
  const auto config = server_info.Get(context, random);
  if (config.ok()) {
    Log(LogLevel::kInfo, "lakefs",
        {{"version", config->version},
         {"blockstore_type", config->blockstore_type}});
  } else {
    Log(LogLevel::kWarning, "lakefs does not answer",
        {{"message", std::string(config.status().message())}});
  }
}

// Waits for a signal to end, which it returns. Meanwhile it looks after memory
// and `identities`, some of which may be null.
int AwaitEnd(const sigset_t& signals, const Clock& clock,
             std::initializer_list<TlsIdentity*> identities, Metrics& metrics) {
  constexpr timespec kLookEvery{5, 0};
  IdleMemory idle_memory(clock);
  while (true) {
    const int received = sigtimedwait(&signals, nullptr, &kLookEvery);
    if (received > 0) return received;
    idle_memory.Look();
    for (TlsIdentity* identity : identities) {
      if (identity == nullptr) continue;
      const TlsIdentity::Change change = identity->ReadAgain();
      if (change == TlsIdentity::Change::kNone) continue;
      metrics.CredentialsRenewed(change == TlsIdentity::Change::kRenewed);
    }
  }
}

// The end of a start that failed.
int Fail(const absl::Status& status) {
  std::cerr << "lakefs-staging-gateway: " << status.message() << "\n";
  return 2;
}

int Run(const Settings& settings) {
  const sigset_t signals = BlockSignals();
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of write()

  RealClock clock;
  Metrics metrics(kVersion);
  CheckDescriptors(settings);
  ThreadBudget threads(ThreadsOfLibraries());
  constexpr int kPools = 4;
  constexpr int kOthers = 6;  // of the admin port, and one a listener
  if (const auto s = threads.Reserve(kPools * kLeastThreads + kOthers);
      !s.ok()) {
    return Fail(s);
  }
  if (const auto s = CheckFolders(settings); !s.ok()) return Fail(s);
  if (!settings.ca_file.empty()) {
    const auto s = CheckAuthorities("ca-file", settings.ca_file);
    if (!s.ok()) return Fail(s);
  }
  const auto client_identity = IdentityOf({.certificate = settings.client_cert,
                                           .key = settings.client_key,
                                           .settings = "client"});
  if (!client_identity.ok()) return Fail(client_identity.status());
  CurlHttpClient curl(UpstreamOf(settings, client_identity->get()));
  MeteredHttpClient http(curl, metrics);
  auto credentials = CredentialsOf(settings, clock, http, metrics);
  if (!credentials.ok()) {
    return Fail(absl::InvalidArgumentError(
        absl::StrCat(settings.auth == AuthMode::kToken ? "--token-file="
                                                       : "--credentials-file=",
                     credentials.status().message())));
  }
  RestClient lakefs({.endpoint = settings.lakefs_endpoint,
                     .local_root = settings.local_store},
                    http, **credentials);
  const StoreOptions store_options{.content_md5 = settings.content_md5};
  PresignedStore store(http, store_options);
  const std::unique_ptr<ObjectStore> direct_s3 =
      DirectS3(settings, store_options, http);
  const std::unique_ptr<ObjectStore> local_file = LocalFile(settings);
  RetryBudget lakefs_budget({}, clock);
  RetryBudget store_budget({}, clock);
  for (RetryBudget* budget : {&lakefs_budget, &store_budget}) {
    budget->SetObserver(
        [&metrics](RetryVerdict verdict) { metrics.RetryDecided(verdict); });
  }
  ServerInfo server_info(lakefs, lakefs_budget);
  LinkGate link_gate;
  LinkLoop link_loop(lakefs, lakefs_budget, link_gate);
  AddressLinker linker(
      lakefs, server_info, link_loop, lakefs_budget,
      {.any = settings.allow_any_address, .local_root = settings.local_store});
  StoreProof store_proof(lakefs, lakefs_budget, store_budget);
  WorkerPool background(kBackgroundThreads, kBackgroundQueue, &threads,
                        kLeastThreads);
  WorkerPool part_senders(kPartSenders, kPartQueue, &threads, kLeastThreads);
  MemoryBudget memory(settings.memory_bytes);
  memory.SetObserver(
      [&metrics](absl::string_view how) { metrics.MemoryGivenUp(how); });
  Spool spool({.directory = settings.spool_dir,
               .capacity_bytes = settings.spool_bytes});
  UploadRegister upload_register;
  UploadSession uploads(
      {.clock = clock,
       .mover = {.lakefs = lakefs,
                 .presigned_store = store,
                 .direct_s3 = direct_s3.get(),
                 .local_file = local_file.get(),
                 .proof = &store_proof,
                 .lakefs_budget = lakefs_budget,
                 .store_budget = store_budget,
                 .background = background,
                 .part_pool = part_senders,
                 .spool = spool,
                 .plan = {.largest_part_bytes = memory.LargestPart(),
                          .spool_bytes = settings.spool_bytes,
                          .presign = settings.presign,
                          .direct_s3 = direct_s3 != nullptr,
                          .local_file = local_file != nullptr}},
       .server_info = server_info,
       .link_loop = link_loop,
       .memory = memory,
       .uploads = upload_register,
       .max_finding_out = std::max(
           1, std::min(settings.max_uploads, settings.unary_threads) / 4)});
  WorkerPool unary_pool(settings.unary_threads, kUnaryQueue, &threads,
                        kLeastThreads);
  UploadPlaces upload_places(settings.max_uploads, &threads, kLeastThreads);
  MessageRoom message_room(settings.memory_bytes / 2);
  const bool pass_through = settings.auth == AuthMode::kPassThrough;
  std::unique_ptr<AllowFile> allow;
  if (!settings.allow_file.empty()) {
    auto opened = AllowFile::Open(settings.allow_file, clock);
    if (!opened.ok()) return Fail(opened.status());
    allow = *std::move(opened);
  }
  CallRunner calls(clock, metrics, allow.get(),
                   {.unary_timeout = settings.unary_timeout,
                    .upload_timeout = settings.upload_timeout,
                    .pass_through = pass_through});
  const ServiceDependencies service{.lakefs = lakefs,
                                    .lakefs_budget = lakefs_budget,
                                    .uploads = uploads,
                                    .linker = linker,
                                    .unary_pool = unary_pool,
                                    .upload_places = upload_places,
                                    .message_room = message_room,
                                    .calls = calls};
  Readiness readiness(clock, lakefs, calls, /*own_credentials=*/!pass_through);
  metrics.SetGauges([&] {
    return MetricGauges{
        .ready = readiness.Check() == Readiness::Verdict::kReady,
        .queued_calls = unary_pool.waiting(),
        .memory_capacity_bytes = memory.capacity_bytes(),
        .memory_used_bytes = memory.used_bytes(),
        .memory_waiting_uploads = memory.waiting(),
        .spool_capacity_bytes = spool.capacity_bytes(),
        .spool_used_bytes = spool.used_bytes(),
        .link_concurrency_limit = link_gate.limit()};
  });
  std::unique_ptr<Admin> admin;
  if (!settings.admin_listen.empty()) {
    std::function<void()> quit;
    if (settings.allow_quit) quit = [] { kill(getpid(), SIGTERM); };
    auto started = Admin::Start(settings.admin_listen, metrics, readiness,
                                std::move(quit));
    if (!started.ok()) return Fail(started.status());
    admin = *std::move(started);
  }
  const auto tls_identity = IdentityOf({.certificate = settings.tls_cert,
                                        .key = settings.tls_key,
                                        .client_ca = settings.tls_client_ca,
                                        .settings = "tls"});
  if (!tls_identity.ok()) return Fail(tls_identity.status());
  auto server =
      Server::Start({.listen = settings.listen,
                     .tls = tls_identity->get(),
                     .allow_plaintext = settings.allow_plaintext,
                     .unix_mode = settings.unix_mode,
                     .unix_group = settings.unix_group,
                     .identify_peers = allow != nullptr,
                     .max_connections = settings.max_connections,
                     .max_streams = settings.max_streams,
                     .idle_timeout = settings.idle_timeout,
                     .max_connection_age = settings.max_connection_age,
                     .receive_bytes = settings.receive_bytes},
                    service, metrics);
  if (!server.ok()) return Fail(server.status());
  for (const std::string& address : (*server)->addresses()) {
    std::cout << "listening on " << address << std::endl;
  }
  if (admin) std::cout << "admin on " << admin->address() << std::endl;
  if (!pass_through) background.TryRun([&] { TryLakefs(clock, server_info); });

  const int received = AwaitEnd(
      signals, clock, {client_identity->get(), tls_identity->get()}, metrics);
  Log(LogLevel::kInfo, "draining", {{"signal", int64_t{received}}});
  (*server)->Drain(calls, settings.drain_timeout);
  Log(LogLevel::kInfo, "stopped");
  return 0;
}

int Main(int argc, char** argv) {
  TuneAllocator();
  SkipDeadlockDetection();
  const auto line = ReadSettings(argc, argv, ProcessEnvironment());
  if (!line.ok()) return Fail(line.status());
  if (!line->text.empty()) {
    std::cout << line->text;
    return 0;
  }
  SetLogLevel(line->settings.log_level);
  if (!line->warning.empty()) {
    Log(LogLevel::kWarning, "a file of settings is left out",
        {{"message", line->warning}});
  }
  try {
    return Run(line->settings);
  } catch (const std::exception& error) {  // of the standard library, at start
    return Fail(absl::ResourceExhaustedError(absl::StrCat(
        "the system does not give what it takes to start: ", error.what())));
  }
}

}  // namespace
}  // namespace lakefs::gateway

int main(int argc, char** argv) { return lakefs::gateway::Main(argc, argv); }
