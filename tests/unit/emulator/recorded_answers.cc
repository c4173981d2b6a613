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
  if (absl::StrContains(address, "?")) return "url";
  std::string form = address;
  if (absl::StartsWith(address, "data/")) form = "relative";
  for (absl::string_view scheme : {"s3://", "gs://", "https://", "local:///"}) {
    if (absl::StartsWith(address, scheme)) form = "full";
  }
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
  for (const char* key :
       {"blockstore_type", "pre_sign_support", "pre_sign_multipart_upload"}) {
    if (!body.contains("storage_config")) break;
    digest["storage"][key] = body["storage_config"].value(key, json());
  }
  return digest;
}

json DigestOfStore(const std::string& name, const Answer& answer) {
  json digest = {{"case", name}, {"status", answer.status}};
  size_t begin = answer.body.find("<Code>");
  size_t end = answer.body.find("</Code>");
  if (begin != std::string::npos && end != std::string::npos) {
    digest["code"] = answer.body.substr(begin + 6, end - begin - 6);
  }
  digest["headers"] = json::array();
  for (const char* header : {"content-md5", "etag", "x-ms-error-code"}) {
    if (answer.headers.count(header) > 0) digest["headers"].push_back(header);
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
  Compare(name, Digest(name, answer), answer);
}

void RecordedAnswers::ExpectOfStore(const std::string& name,
                                    const Answer& answer) {
  Compare(name, DigestOfStore(name, answer), answer);
}

void RecordedAnswers::Compare(const std::string& name, json digest,
                              const Answer& answer) {
  auto recorded = cases_.find(name);
  if (recorded == cases_.end()) return;
  compared_.insert(name);
  // Not all cases tell these: they are those of the bytes that were sent.
  for (const char* field : {"checksum", "size_bytes", "headers", "storage"}) {
    if (!recorded->second.contains(field)) digest.erase(field);
  }
  EXPECT_EQ(digest.dump(1), recorded->second.dump(1)) << answer.body;
}

std::vector<std::string> RecordedAnswers::NeverCompared() const {
  std::vector<std::string> left;
  for (const auto& [name, recorded] : cases_) {
    if (compared_.count(name) == 0) left.push_back(name);
  }
  return left;
}

}  // namespace lakefs::gateway::testing
