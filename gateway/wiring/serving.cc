#include "gateway/wiring/serving.h"

#include <unistd.h>

#include <csignal>

namespace lakefs::gateway {
namespace {

constexpr int kUnaryQueue = 1024;
constexpr int kManyThreads = 64;    // for the objects of UploadMany
constexpr int kManyStreams = 1024;  // that may wait, each with one object

absl::StatusOr<std::unique_ptr<AllowFile>> AllowFileOf(const Settings& settings,
                                                       const Clock& clock) {
  if (settings.allow_file.empty()) return nullptr;
  return AllowFile::Open(settings.allow_file, clock);
}

absl::StatusOr<std::unique_ptr<SharedFolders>> SharedFoldersOf(
    const Settings& settings) {
  if (settings.source_roots.empty()) return nullptr;
  std::vector<SharedFolders::Root> roots;
  for (const SourceRoot& root : settings.source_roots) {
    roots.push_back({root.callers, root.here});
  }
  return SharedFolders::Open(roots);
}

absl::StatusOr<std::unique_ptr<Admin>> AdminOf(const Settings& settings,
                                               Metrics& metrics,
                                               Readiness& readiness) {
  if (settings.admin_listen.empty()) return nullptr;
  std::function<void()> quit;
  if (settings.allow_quit) quit = [] { kill(getpid(), SIGTERM); };
  return Admin::Start(settings.admin_listen, metrics, readiness,
                      std::move(quit));
}

ServerOptions ServerOf(const Settings& settings, const TlsIdentity* identity) {
  return {.listen = settings.listen,
          .tls = identity,
          .allow_plaintext = settings.allow_plaintext,
          .unix_mode = settings.unix_mode,
          .unix_group = settings.unix_group,
          .identify_peers =
              !settings.allow_file.empty() || !settings.source_roots.empty(),
          .max_connections = settings.max_connections,
          .max_streams = settings.max_streams,
          .idle_timeout = settings.idle_timeout,
          .max_connection_age = settings.max_connection_age,
          .receive_bytes = settings.receive_bytes};
}

}  // namespace

Serving::Serving(const Settings& settings, Clock& clock, Upstream& upstream,
                 ThreadBudget& threads, Metrics& metrics,
                 std::unique_ptr<AllowFile> own_allow,
                 std::unique_ptr<SharedFolders> own_folders,
                 std::unique_ptr<TlsIdentity> own_identity)
    : allow(std::move(own_allow)),
      shared_folders(std::move(own_folders)),
      identity(std::move(own_identity)),
      unary_pool(settings.unary_threads, kUnaryQueue, &threads, kLeastThreads),
      many_pool(kManyThreads, kManyStreams, &threads, kLeastThreads),
      upload_places(settings.max_uploads, &threads, kLeastThreads),
      message_room(settings.memory_bytes / 2),
      calls(clock, metrics, allow.get(),
            {.unary_timeout = settings.unary_timeout,
             .upload_timeout = settings.upload_timeout,
             .pass_through = settings.auth == AuthMode::kPassThrough}),
      readiness(clock, upstream.lakefs, calls,
                /*own_credentials=*/settings.auth != AuthMode::kPassThrough) {}

absl::StatusOr<std::unique_ptr<Serving>> Serving::Start(
    const Settings& settings, Clock& clock, Upstream& upstream, Engine& engine,
    ThreadBudget& threads, Metrics& metrics) {
  auto allow = AllowFileOf(settings, clock);
  if (!allow.ok()) return allow.status();
  auto folders = SharedFoldersOf(settings);
  if (!folders.ok()) return folders.status();
  auto identity = TlsIdentity::OpenIfGiven({.certificate = settings.tls_cert,
                                            .key = settings.tls_key,
                                            .client_ca = settings.tls_client_ca,
                                            .settings = "tls"});
  if (!identity.ok()) return identity.status();
  auto serving = std::make_unique<Serving>(
      settings, clock, upstream, threads, metrics, *std::move(allow),
      *std::move(folders), *std::move(identity));
  Serving& it = *serving;
  metrics.SetGauges([&it, &engine] {
    return MetricGauges{
        .ready = it.readiness.Check() == Readiness::Verdict::kReady,
        .queued_calls = it.unary_pool.waiting(),
        .memory_capacity_bytes = engine.memory.capacity_bytes(),
        .memory_used_bytes = engine.memory.used_bytes(),
        .memory_waiting_uploads = engine.memory.waiting(),
        .spool_capacity_bytes = engine.spool.capacity_bytes(),
        .spool_used_bytes = engine.spool.used_bytes(),
        .link_concurrency_limit = engine.link_gate.limit()};
  });
  auto admin = AdminOf(settings, metrics, it.readiness);
  if (!admin.ok()) return admin.status();
  it.admin = *std::move(admin);
  auto server = Server::Start(ServerOf(settings, it.identity.get()),
                              {.lakefs = upstream.lakefs,
                               .lakefs_budget = upstream.lakefs_budget,
                               .uploads = engine.uploads,
                               .linker = engine.linker,
                               .memory = engine.memory,
                               .unary_pool = it.unary_pool,
                               .many_pool = it.many_pool,
                               .upload_places = it.upload_places,
                               .message_room = it.message_room,
                               .calls = it.calls,
                               .shared_folders = it.shared_folders.get()},
                              metrics);
  if (!server.ok()) return server.status();
  it.server = *std::move(server);
  return serving;
}

}  // namespace lakefs::gateway
