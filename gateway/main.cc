// lakefs-staging-gateway: flags and environment, wiring, serve, drain.
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <iostream>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "gateway/base/log.h"
#include "gateway/process/descriptors.h"
#include "gateway/process/idle_memory.h"
#include "gateway/process/memory_limit.h"
#include "gateway/process/service_manager.h"
#include "gateway/wiring/serving.h"

namespace lakefs::gateway {
namespace {

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

// Blocks the signals that end the program, and the one that has it read its
// files again, in all threads to come, so that the main thread can wait for
// them.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

// Folders that were given have to be there, and to be writable, from the start:
// else the first large upload would be the one to find out.
absl::Status CheckFolders(const Settings& settings) {
  std::vector<std::pair<const char*, std::string>> folders = {
      {"spool-dir", settings.spool_dir}, {"local-store", settings.local_mount}};
  for (const auto& [id, store] : settings.stores) {
    folders.emplace_back("local-store", store.local_mount);
  }
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

// Says early where the container may have less than the settings take: then
// the system kills the gateway under load, without a word.
void CheckMemory(const Settings& settings) {
  constexpr int64_t kOwn = 20 << 20;
  const std::optional<int64_t> limit = MemoryLimit();
  const int64_t wanted =
      kOwn + settings.memory_bytes / 10 * 21 + settings.receive_bytes;
  if (!limit || *limit >= wanted) return;
  Log(LogLevel::kWarning, "memory is limited",
      {{"limit", *limit},
       {"wanted", wanted},
       {"message",
        "raise the limit of the container, or lower --memory-bytes and "
        "--receive-bytes: beyond it the system kills the gateway"}});
}

// Says early that lakeFS does not answer; it may come up later, so the gateway
// serves all the same.
void TryLakefs(const Settings& settings, Clock& clock,
               ServerInfo& server_info) {
  const CallContext context(clock, clock.Now() + std::chrono::seconds(2),
                            "start");
  absl::InsecureBitGen random;
  const auto configs = server_info.GetAll(context, random);
  if (!configs.ok()) {
    Log(LogLevel::kWarning, "lakefs does not answer",
        {{"message", std::string(configs.status().message())}});
    return;
  }
  std::set<std::string> ids;
  for (const ServerConfig& store : configs->Stores()) {
    ids.insert(store.blockstore_id);
    Log(LogLevel::kInfo, "lakefs",
        {{"version", store.version},
         {"blockstore_id", store.blockstore_id},
         {"blockstore_type", store.blockstore_type}});
  }
  for (const auto& [id, store] : settings.stores) {
    if (ids.contains(id)) continue;
    Log(LogLevel::kWarning, "lakefs has no such store",
        {{"blockstore_id", id},
         {"message", "the list stores of the --config file names it"}});
  }
}

// Waits for a signal to end, which it returns. Meanwhile it looks after memory
// and `identities`, some of which may be null: every few seconds, and when a
// signal asks for it. All other files that are read again are looked at when
// they are needed.
int AwaitEnd(const sigset_t& signals, const Clock& clock,
             std::initializer_list<TlsIdentity*> identities, Metrics& metrics,
             const ServiceManager& manager) {
  constexpr timespec kLookEvery{5, 0};
  IdleMemory idle_memory(clock);
  while (true) {
    const int received = sigtimedwait(&signals, nullptr, &kLookEvery);
    const bool reload = received == SIGHUP;
    if (received > 0 && !reload) return received;
    if (reload) manager.Reloading();
    idle_memory.Look();
    for (TlsIdentity* identity : identities) {
      if (identity == nullptr) continue;
      const TlsIdentity::Change change = identity->ReadAgain();
      if (change == TlsIdentity::Change::kNone) continue;
      metrics.CredentialsRenewed(change == TlsIdentity::Change::kRenewed);
    }
    if (!reload) continue;
    Log(LogLevel::kInfo, "certificates were read again");
    manager.Ready();
  }
}

// All threads that are to be there from the start, or the error that says how
// many there are.
absl::Status ReserveThreads(ThreadBudget& threads) {
  constexpr int kPools = 5;
  constexpr int kOthers = 6;  // of the admin port, and one a listener
  return threads.Reserve(kPools * kLeastThreads + kOthers);
}

// The end of a start that failed.
int Fail(const absl::Status& status) {
  std::cerr << "lakefs-staging-gateway: " << status.message() << "\n";
  return 2;
}

int Run(const Settings& settings, const ServiceManager& manager) {
  const sigset_t signals = BlockSignals();
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of write()

  RealClock clock;
  Metrics metrics(kVersion);
  CheckDescriptors(settings);
  CheckMemory(settings);
  ThreadBudget threads(ThreadsOfLibraries());
  if (const auto s = ReserveThreads(threads); !s.ok()) return Fail(s);
  if (const auto s = CheckFolders(settings); !s.ok()) return Fail(s);

  auto opened = Upstream::Open(settings, clock, metrics);
  if (!opened.ok()) return Fail(opened.status());
  Upstream& upstream = **opened;
  auto resume_keys = ResumeKeys::Open(settings.resume_key_file, clock);
  if (!resume_keys.ok()) {
    return Fail(absl::InvalidArgumentError(
        absl::StrCat("--resume-key-file=", resume_keys.status().message())));
  }
  Engine engine(settings, clock, upstream, threads, **resume_keys, metrics);
  auto started =
      Serving::Start(settings, clock, upstream, engine, threads, metrics);
  if (!started.ok()) return Fail(started.status());
  Serving& serving = **started;

  for (const std::string& address : serving.server->addresses()) {
    std::cout << "listening on " << address << std::endl;
  }
  if (serving.admin != nullptr) {
    std::cout << "admin on " << serving.admin->address() << std::endl;
  }
  manager.Ready();
  if (settings.auth != AuthMode::kPassThrough) {
    engine.background.TryRun(
        [&] { TryLakefs(settings, clock, engine.server_info); });
  }
  const int received = AwaitEnd(
      signals, clock, {upstream.client->identity.get(), serving.identity.get()},
      metrics, manager);
  manager.Stopping();
  Log(LogLevel::kInfo, "draining", {{"signal", int64_t{received}}});
  serving.server->Drain(serving.calls, settings.drain_timeout);
  Log(LogLevel::kInfo, "stopped");
  return 0;
}

int Main(int argc, char** argv) {
  TuneAllocator();
  SkipDeadlockDetection();
  const Environment environment = ProcessEnvironment();
  const auto line = ReadSettings(argc, argv, environment);
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
  const auto notify = environment.find("NOTIFY_SOCKET");
  const ServiceManager manager(notify == environment.end() ? ""
                                                           : notify->second);
  try {
    return Run(line->settings, manager);
  } catch (const std::exception& error) {  // of the standard library, at start
    return Fail(absl::ResourceExhaustedError(absl::StrCat(
        "the system does not give what it takes to start: ", error.what())));
  }
}

}  // namespace
}  // namespace lakefs::gateway

int main(int argc, char** argv) { return lakefs::gateway::Main(argc, argv); }
