#include "tests/unit/emulator/recorded_answers.h"

#include <gtest/gtest.h>

#include <fstream>

#include "absl/strings/match.h"

namespace lakefs::gateway::testing {
namespace {

using nlohmann::json;

// A message up to the schema that the server quotes behind it, and without the
// ids that differ each time.
std::string Gist(std::string message) {
  message = message.substr(0, message.find("\nSchema:"));
  size_t ids = message.find("RequestID: ");
  size_t end = message.find("api error", ids);
  if (end != std::string::npos) message.erase(ids, end - ids);
  return message;
}

std::string FormOf(const std::string& address) {
  std::string form = absl::StartsWith(address, "data/")   ? "relative"
                     : absl::StartsWith(address, "s3://") ? "full"
                                                          : address;
  if (absl::StrContains(address, ",")) form += "+signature";
  return form;
}

// The answer in the form of the recorded cases.
json Digest(const std::string& name, const Answer& answer) {
  json digest = {{"case", name}, {"status", answer.status}};
  json body = answer.Json();
  if (answer.status >= 400) {
    if (!answer.Message().empty()) digest["message"] = Gist(answer.Message());
    return digest;
  }
  if (!body.is_object()) return digest;
  for (const auto& [key, value] : body.items()) digest["keys"].push_back(key);
  for (const char* key :
       {"checksum", "content_type", "metadata", "size_bytes"}) {
    if (body.contains(key)) digest[key] = body[key];
  }
  if (body.contains("physical_address")) {
    digest["address"] = FormOf(body["physical_address"]);
  }
  return digest;
}

}  // namespace

RecordedAnswers::RecordedAnswers(const std::string& file) {
  std::ifstream in(file);
  EXPECT_TRUE(in.good()) << file;
  for (std::string line; std::getline(in, line);) {
    json recorded = json::parse(line, nullptr, false);
    cases_[recorded["case"]] = recorded;
  }
}

void RecordedAnswers::Expect(const std::string& name, const Answer& answer) {
  auto recorded = cases_.find(name);
  if (recorded == cases_.end()) return;
  compared_.insert(name);
  EXPECT_EQ(Digest(name, answer).dump(1), recorded->second.dump(1))
      << answer.body;
}

std::vector<std::string> RecordedAnswers::NeverCompared() const {
  std::vector<std::string> left;
  for (const auto& [name, recorded] : cases_) {
    if (compared_.count(name) == 0) left.push_back(name);
  }
  return left;
}

}  // namespace lakefs::gateway::testing
