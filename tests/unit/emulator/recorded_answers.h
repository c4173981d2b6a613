// Answers that real servers gave, to compare the emulator's with.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/emulator/api_client.h"

namespace lakefs::gateway::testing {

// The cases recorded of one release: status, message or fields of each reply.
//
// Source: tests/golden/emulator/answers-RELEASE-STORE.jsonl, one case a line.
class RecordedAnswers {
 public:
  explicit RecordedAnswers(const std::string& file);

  // Whether this release was asked at all.
  bool Has(const std::string& name) const { return cases_.count(name) > 0; }

  // Fails the running test if `answer` differs from the case. A case that was
  // not recorded for this release is not compared.
  void Expect(const std::string& name, const Answer& answer);

  // The same for a reply of the store: its status, its error's code, and which
  // of the headers that a client may take for a checksum it has.
  void ExpectOfStore(const std::string& name, const Answer& answer);

  // Recorded cases that Expect was never called for.
  std::vector<std::string> NeverCompared() const;

 private:
  void Compare(const std::string& name, nlohmann::json digest,
               const Answer& answer);

  std::map<std::string, nlohmann::json> cases_;
  std::set<std::string> compared_;
};

}  // namespace lakefs::gateway::testing
