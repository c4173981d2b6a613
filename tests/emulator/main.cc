// lakefs-emulator: a small lakeFS with an object store in it, on loopback.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/emulator/dialect_traits.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/fault_json.h"

namespace {

using lakefs::gateway::testing::Emulator;
using lakefs::gateway::testing::EmulatorOptions;
using lakefs::gateway::testing::Fault;
using lakefs::gateway::testing::ParseDialect;
using lakefs::gateway::testing::ParseFault;
using lakefs::gateway::testing::StoreKind;

constexpr int kBadUsage = 2;

struct Settings {
  EmulatorOptions options;
  std::string dialect = "v1.84";
  std::string store = "s3";
  std::vector<std::string> repositories = {"quickstart"};
  std::vector<std::string> faults;
  double random_faults = 0;
  uint64_t seed = 1;
  bool gives_up = false;
  std::string links;
};

int Complain(absl::string_view what) {
  std::string line = absl::StrCat("lakefs-emulator: ", what, "\n");
  std::fputs(line.c_str(), stderr);
  return kBadUsage;
}

void Describe(CLI::App& app, Settings& settings) {
  app.set_version_flag("--version", "lakefs-emulator 0.1.0");
  app.add_option("--port", settings.options.port,
                 "Port of lakeFS on 127.0.0.1; 0 takes a free one")
      ->check(CLI::Range(0, 65535));
  app.add_option("--store-port", settings.options.store_port,
                 "Port of the object store; 0 takes a free one")
      ->check(CLI::Range(0, 65535));
  app.add_option("--dialect", settings.dialect, "lakeFS release to behave like")
      ->check(CLI::IsMember({"v0.66", "v0.101", "v1.21", "v1.84"}))
      ->capture_default_str();
  app.add_option("--store", settings.store, "Kind of the object store")
      ->check(CLI::IsMember({"s3", "azure", "gs", "local"}))
      ->capture_default_str();
  app.add_flag("--presign,!--no-presign", settings.options.presign,
               "Whether lakeFS hands out presigned URLs, where it can");
  app.add_flag("--if-match", settings.options.if_match,
               "Whether lakeFS implements If-Match (v1.84); else it answers "
               "501, as the open-source server");
  app.add_option("--repository", settings.repositories,
                 "Repository to begin with; may be repeated")
      ->allow_extra_args(false)
      ->capture_default_str();
  app.add_option("--fault", settings.faults,
                 "Something that shall go wrong, as JSON; may be repeated. "
                 "Example: {\"operation\": \"linkPhysicalAddress\", "
                 "\"kind\": \"reset_after\"}")
      ->allow_extra_args(false);
  app.add_option("--random-faults", settings.random_faults,
                 "Of 100 requests those that fail as a network or an "
                 "overloaded server may make them")
      ->check(CLI::Range(0.0, 100.0));
  app.add_option("--seed", settings.seed, "Seed of --random-faults")
      ->capture_default_str();
  app.add_flag(
      "--give-up", settings.gives_up,
      "Whether a request whose caller has gone before it has its effect "
      "has none, as in lakeFS; else it has it, however late");
  app.add_option("--links", settings.links,
                 "File that the links of each path that an object stands at "
                 "are written to at the end: a line of JSON each");
}

StoreKind StoreOf(const std::string& name) {
  if (name == "azure") return StoreKind::kAzure;
  if (name == "gs") return StoreKind::kGcs;
  return name == "local" ? StoreKind::kLocal : StoreKind::kS3;
}

// Blocks SIGTERM and SIGINT, for this thread and all that it will start, and
// returns them, to be waited for.
sigset_t BlockEndSignals() {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  return ends;
}

// Every path that an object stands at, and how many addresses were ever linked
// to it.
void WriteLinks(const Emulator& emulator, const Settings& settings) {
  std::ofstream file(settings.links);
  for (const std::string& repository : settings.repositories) {
    for (const std::string& path : emulator.ListPaths(repository, "main")) {
      const size_t links = emulator.AddressesLinked(repository, path).size();
      file << nlohmann::json{{"repository", repository},
                             {"path", path},
                             {"links", links}}
                  .dump()
           << "\n";
    }
  }
}

int Serve(Settings& settings) {
  settings.options.dialect = *ParseDialect(settings.dialect);
  settings.options.store = StoreOf(settings.store);
  sigset_t ends = BlockEndSignals();
  Emulator emulator(settings.options);
  for (const std::string& name : settings.repositories) {
    emulator.CreateRepository(name);
  }
  for (const std::string& text : settings.faults) {
    absl::StatusOr<Fault> fault = ParseFault(text);
    if (!fault.ok()) {
      return Complain(absl::StrCat("--fault: ", fault.status().message()));
    }
    emulator.AddFault(*fault);
  }
  emulator.AddRandomFaults(settings.random_faults / 100, settings.seed);
  if (settings.gives_up) emulator.GiveUpAbandoned();
  absl::Status started = emulator.Start();
  if (!started.ok()) return Complain(started.message());
  std::string ready = absl::StrCat(
      "lakefs-emulator: listening on ", emulator.endpoint(), " (store ",
      emulator.store_endpoint().empty() ? "local" : emulator.store_endpoint(),
      "), access key ", settings.options.access_key_id, ", repository ",
      absl::StrJoin(settings.repositories, ", "), "\n");
  std::fputs(ready.c_str(), stdout);
  std::fflush(stdout);
  int signal = 0;
  sigwait(&ends, &signal);
  emulator.Stop();
  if (!settings.links.empty()) WriteLinks(emulator, settings);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "A small lakeFS with an object store in it, for tests and for trying "
      "out. All data is gone when it ends.",
      "lakefs-emulator");
  Settings settings;
  Describe(app, settings);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    return Complain(error.what());
  }
  return Serve(settings);
}
