// A small lakeFS with an object store in it, for tests and for trying out.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tests/emulator/emulator_options.h"
#include "tests/emulator/fault.h"
#include "tests/emulator/journal_entry.h"

namespace lakefs::gateway::testing {

// Two HTTP servers: lakeFS's API under /api/v1, and the store that its
// presigned URLs point to. They answer as the releases of the chosen dialect
// were seen to answer, races of commits with links included. All data is in
// memory (kLocal: in a folder) and gone with the emulator.
//
// Threads: all methods may be called from any thread, Start and Stop from one.
class Emulator {
 public:
  explicit Emulator(EmulatorOptions options = {});
  ~Emulator();  // Stops.

  Emulator(const Emulator&) = delete;
  Emulator& operator=(const Emulator&) = delete;

  // Listens on both ports.
  //
  // Errors: UNAVAILABLE names the port that could not be had.
  absl::Status Start();

  // Ends all connections, in the middle of requests as well, and returns when
  // no thread of the emulator is left. What is stored stays readable.
  void Stop();

  // "http://HOST:PORT"; the API is under /api/v1.
  std::string endpoint() const;

  // "http://HOST:PORT" of the store; empty with kLocal. Without the id of one,
  // here and below, the first.
  std::string store_endpoint(absl::string_view storage_id = "") const;

  // Makes an empty repository with the branch "main"; nothing if it exists.
  void CreateRepository(absl::string_view repository,
                        absl::string_view storage_id = "");

  void DeleteRepository(absl::string_view repository);

  // Makes a branch from "main". The repository must exist.
  void CreateBranch(absl::string_view repository, absl::string_view branch);

  // Commits like POST commits.
  //
  // Errors: FAILED_PRECONDITION `commit: no changes`; NOT_FOUND.
  absl::Status Commit(absl::string_view repository, absl::string_view branch);

  // From now on writes to the branch are refused. There is no delay; a real
  // server takes some seconds.
  void ProtectBranch(absl::string_view repository, absl::string_view branch);

  void SetReadOnly(absl::string_view repository, bool read_only);

  void AddFault(Fault fault);
  void ClearFaults();

  // Strikes each request with probability `rate` by a fault that a network or
  // an overloaded server may make; and how often each kind did.
  void AddRandomFaults(double rate, uint64_t seed);
  std::map<std::string, int> RandomFaultsStruck() const;

  // From now on a request whose caller closes the connection before it has its
  // effect has none, as a server in Go gives up what nobody waits for. Without
  // it such a request takes effect all the same, however late.
  void GiveUpAbandoned();

  // Faults that have not struck as often as they should have, with what is
  // left of `skip` and `times`. A test's last check is that there is none.
  std::vector<Fault> UnconsumedFaults() const;

  std::vector<JournalEntry> Journal() const;
  void ClearJournal();

  // Requests that are being worked on, and may yet have their effect.
  int RequestsUnderWay() const;

  // Multipart uploads that were neither completed nor aborted.
  int OpenMultipartUploads() const;

  // The bytes that stand at the address of the path's entry, at a branch or at
  // one of the last commits; nullopt if there is no such entry, nothing stored
  // there, or its bytes were discarded.
  std::optional<std::string> ReadObject(absl::string_view repository,
                                        absl::string_view ref,
                                        absl::string_view path) const;

  // The same, without the bytes: also of objects whose bytes were discarded.
  struct ObjectDigest {
    uint64_t size_bytes = 0;
    uint32_t crc32c = 0;
  };
  std::optional<ObjectDigest> DigestObject(absl::string_view repository,
                                           absl::string_view ref,
                                           absl::string_view path) const;

  // The addresses whose entries were ever written to the path, on any branch.
  std::set<std::string> AddressesLinked(absl::string_view repository,
                                        absl::string_view path) const;

  // All visible paths of a branch, sorted.
  std::vector<std::string> ListPaths(absl::string_view repository,
                                     absl::string_view branch) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace lakefs::gateway::testing
