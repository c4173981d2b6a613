#include "tests/emulator/emulator.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tests/emulator/azure_store.h"
#include "tests/emulator/backend.h"
#include "tests/emulator/content.h"
#include "tests/emulator/crc32c.h"
#include "tests/emulator/fault_plan.h"
#include "tests/emulator/faulty_service.h"
#include "tests/emulator/gcs_store.h"
#include "tests/emulator/http_server.h"
#include "tests/emulator/lakefs_api.h"
#include "tests/emulator/local_store.h"
#include "tests/emulator/request_log.h"
#include "tests/emulator/s3_store.h"

namespace lakefs::gateway::testing {
namespace {

EmulatorOptions Completed(EmulatorOptions options) {
  if (!options.now)
    options.now = [] { return std::chrono::system_clock::now(); };
  return options;
}

// A folder that goes away with its owner; nothing if one was given.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const EmulatorOptions& options) {
    if (options.store != StoreKind::kLocal || !options.local_path.empty()) {
      return;
    }
    std::string name =
        std::filesystem::temp_directory_path() / "lakefs-emulator-XXXXXX";
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }

  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }

  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::unique_ptr<ObjectStore> MakeStore(const EmulatorOptions& options,
                                       const TemporaryFolder& folder) {
  switch (options.store) {
    case StoreKind::kLocal:
      return std::make_unique<LocalStore>(
          options.local_path.empty() ? folder.path() : options.local_path,
          options);
    case StoreKind::kAzure:
      return std::make_unique<AzureStore>(options);
    case StoreKind::kGcs:
      return std::make_unique<GcsStore>(options);
    case StoreKind::kS3:
      break;
  }
  return std::make_unique<S3Store>(options);
}

HttpResponse StoreError(int status, absl::string_view message) {
  return S3ErrorReply(status, "InternalError", message, "/");
}

std::string HostOf(const EmulatorOptions& options, const HttpServer& server) {
  return absl::StrCat(options.host, ":", server.port());
}

std::string UrlOf(const EmulatorOptions& options, const HttpServer& server) {
  if (server.port() == 0) return "";
  return absl::StrCat("http://", HostOf(options, server));
}

// All servers say what time it is, by the clock that they sign by.
HttpResponse Dated(const EmulatorOptions& options, HttpResponse reply) {
  reply.headers.emplace(
      "Date",
      absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT",
                       absl::FromChrono(options.now()), absl::UTCTimeZone()));
  return reply;
}

// The options of another store of the same lakeFS.
EmulatorOptions OptionsOf(const EmulatorOptions& options,
                          const EmulatorOptions::OtherStore& other) {
  EmulatorOptions of_other = options;
  of_other.store = other.kind;
  of_other.store_id = other.id;
  of_other.presign = other.presign;
  of_other.store_port = 0;
  of_other.local_path = other.local_path;
  return of_other;
}

// A store and its server.
struct ServedStore {
  ServedStore(EmulatorOptions of_store, FaultPlan& plan, RequestLog& log)
      : options(std::move(of_store)),
        folder(options),
        store(MakeStore(options, folder)),
        service(plan, log, StoreError, /*keep_json=*/false,
                ContentPolicyOf(options)),
        server([this](HttpExchange& e) { return Dated(options, Handle(e)); }) {}

  HttpResponse Handle(HttpExchange& exchange) {
    exchange.request().arrived = options.now();
    return service.Run(exchange, store->OperationOf(exchange.request()),
                       [this](HttpRequest& request, const Fault*) {
                         return store->Handle(request);
                       });
  }

  absl::Status Start() {
    if (options.store == StoreKind::kLocal) return absl::OkStatus();
    absl::Status listening = server.Start(options.host, options.store_port);
    if (listening.ok()) store->set_host(HostOf(options, server));
    return listening;
  }

  const EmulatorOptions options;
  const TemporaryFolder folder;
  const std::unique_ptr<ObjectStore> store;
  FaultyService service;
  HttpServer server;
};

}  // namespace

struct Emulator::Parts {
  explicit Parts(const EmulatorOptions& given)
      : options(Completed(given)),
        stores(MakeStores()),
        backend(options, StoresOfLakefs()),
        api(backend, plan, log),
        api_server([this](HttpExchange& e) {
          return Dated(options, api.Handle(e));
        }) {}

  std::vector<std::unique_ptr<ServedStore>> MakeStores() {
    std::vector<std::unique_ptr<ServedStore>> made;
    made.push_back(std::make_unique<ServedStore>(options, plan, log));
    for (const auto& other : options.other_stores) {
      made.push_back(
          std::make_unique<ServedStore>(OptionsOf(options, other), plan, log));
    }
    return made;
  }

  std::vector<Backend::Store> StoresOfLakefs() const {
    std::vector<Backend::Store> all;
    for (const auto& served : stores) {
      all.push_back({.id = served->options.store_id,
                     .objects = *served->store,
                     .presign = served->options.presign});
    }
    return all;
  }

  // That of lakeFS by this id, or the usual one.
  ServedStore& StoreBy(absl::string_view id) const {
    for (const auto& served : stores) {
      if (served->options.store_id == id) return *served;
    }
    return *stores.front();
  }

  // The repository and branch, which must exist.
  std::shared_ptr<Branch> BranchOf(absl::string_view repository,
                                   absl::string_view branch) const {
    auto found = backend.catalog.Find(repository);
    return found == nullptr ? nullptr : found->FindBranch(branch);
  }

  // What stands at the address of the entry that a reader sees.
  std::optional<Content> ContentAt(absl::string_view repository,
                                   absl::string_view ref,
                                   absl::string_view path) const {
    auto found = backend.catalog.Find(repository);
    bool found_ref = false;
    EntryPtr entry = found == nullptr
                         ? nullptr
                         : found->FindEntry(ref, std::string(path), found_ref);
    if (entry == nullptr) return std::nullopt;
    return backend.StoreOf(repository).objects.Get(entry->physical_address);
  }

  const EmulatorOptions options;
  FaultPlan plan;
  RequestLog log;
  const std::vector<std::unique_ptr<ServedStore>> stores;
  Backend backend;
  LakefsApi api;
  HttpServer api_server;
  bool stopped = false;
};

Emulator::Emulator(EmulatorOptions options)
    : parts_(std::make_unique<Parts>(std::move(options))) {}

Emulator::~Emulator() { Stop(); }

absl::Status Emulator::Start() {
  for (const auto& store : parts_->stores) {
    if (absl::Status started = store->Start(); !started.ok()) return started;
  }
  return parts_->api_server.Start(parts_->options.host, parts_->options.port);
}

void Emulator::Stop() {
  if (parts_->stopped) return;
  parts_->stopped = true;
  parts_->api.Stop();
  for (const auto& store : parts_->stores) store->service.Stop();
  parts_->api_server.Stop();
  for (const auto& store : parts_->stores) store->server.Stop();
}

std::string Emulator::endpoint() const {
  return UrlOf(parts_->options, parts_->api_server);
}

std::string Emulator::store_endpoint(absl::string_view storage_id) const {
  const ServedStore& store = parts_->StoreBy(storage_id);
  return UrlOf(store.options, store.server);
}

void Emulator::CreateRepository(absl::string_view repository,
                                absl::string_view storage_id) {
  const ServedStore& store = parts_->StoreBy(storage_id);
  parts_->backend.catalog.Add(std::make_shared<Repository>(
      std::string(repository), store.store->NamespaceOf(repository),
      store.options.store_id, "main", parts_->backend.NowSeconds()));
}

void Emulator::DeleteRepository(absl::string_view repository) {
  parts_->backend.catalog.Remove(repository);
}

void Emulator::CreateBranch(absl::string_view repository,
                            absl::string_view branch) {
  auto found = parts_->backend.catalog.Find(repository);
  if (found != nullptr) found->CreateBranch(branch, found->default_branch());
}

absl::Status Emulator::Commit(absl::string_view repository,
                              absl::string_view branch) {
  auto found = parts_->backend.catalog.Find(repository);
  auto on = parts_->BranchOf(repository, branch);
  if (on == nullptr) return absl::NotFoundError("branch not found");
  if (found->Commit(*on) == nullptr) {
    return absl::FailedPreconditionError("commit: no changes");
  }
  return absl::OkStatus();
}

void Emulator::ProtectBranch(absl::string_view repository,
                             absl::string_view branch) {
  auto found = parts_->backend.catalog.Find(repository);
  if (found != nullptr) found->Protect(branch);
}

void Emulator::SetReadOnly(absl::string_view repository, bool read_only) {
  auto found = parts_->backend.catalog.Find(repository);
  if (found != nullptr) found->set_read_only(read_only);
}

void Emulator::AddFault(Fault fault) { parts_->plan.Add(std::move(fault)); }

void Emulator::ClearFaults() { parts_->plan.Clear(); }

void Emulator::AddRandomFaults(double rate, uint64_t seed) {
  parts_->plan.AddRandom(rate, seed);
}

void Emulator::GiveUpAbandoned() { parts_->plan.GiveUp(); }

std::map<std::string, int> Emulator::RandomFaultsStruck() const {
  return parts_->plan.random_struck();
}

std::set<std::string> Emulator::AddressesLinked(absl::string_view repository,
                                                absl::string_view path) const {
  auto found = parts_->backend.catalog.Find(repository);
  return found == nullptr ? std::set<std::string>() : found->Addresses(path);
}

std::vector<Fault> Emulator::UnconsumedFaults() const {
  return parts_->plan.Unconsumed();
}

std::vector<JournalEntry> Emulator::Journal() const {
  return parts_->log.Entries();
}

void Emulator::ClearJournal() { parts_->log.Clear(); }

int Emulator::RequestsUnderWay() const { return parts_->log.under_way(); }

int Emulator::OpenMultipartUploads() const {
  int open = 0;
  for (const auto& store : parts_->stores) open += store->store->OpenUploads();
  return open;
}

std::optional<std::string> Emulator::ReadObject(absl::string_view repository,
                                                absl::string_view ref,
                                                absl::string_view path) const {
  std::optional<Content> content = parts_->ContentAt(repository, ref, path);
  if (!content.has_value() || content->bytes == nullptr) return std::nullopt;
  return *content->bytes;
}

std::optional<Emulator::ObjectDigest> Emulator::DigestObject(
    absl::string_view repository, absl::string_view ref,
    absl::string_view path) const {
  std::optional<Content> content = parts_->ContentAt(repository, ref, path);
  if (!content.has_value()) return std::nullopt;
  return ObjectDigest{content->size_bytes, content->bytes == nullptr
                                               ? content->crc32c
                                               : Crc32c(*content->bytes)};
}

std::vector<std::string> Emulator::ListPaths(absl::string_view repository,
                                             absl::string_view branch) const {
  std::vector<std::string> paths;
  auto on = parts_->BranchOf(repository, branch);
  if (on == nullptr) return paths;
  for (const auto& [path, entry] : on->ReadAll()) paths.push_back(path);
  return paths;
}

}  // namespace lakefs::gateway::testing
