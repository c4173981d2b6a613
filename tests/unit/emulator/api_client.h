// A plain client of the emulator, that hides nothing and repairs nothing.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/emulator/emulator.h"

namespace lakefs::gateway::testing {

// What came back; `status` 0 if nothing did.
struct Answer {
  int status = 0;
  std::map<std::string, std::string> headers;  // Names in lower case.
  std::string body;

  // The body as JSON, null if it is none.
  nlohmann::json Json() const;
  std::string Message() const;  // Of lakeFS's error, or empty.
};

// One keep-alive connection to lakeFS and one to each store, with the
// emulator's default keys.
//
// Threads: one thread.
class ApiClient {
 public:
  using Headers = std::map<std::string, std::string>;
  using Query = std::map<std::string, std::string>;

  // All calls are on this repository.
  explicit ApiClient(const Emulator& emulator, std::string repository = "repo");
  ~ApiClient();

  // `path` behind /api/v1/; nothing is added to `headers` but Basic
  // credentials, unless they have an authorization of their own ("": none).
  Answer Call(const std::string& method, const std::string& path,
              const Query& query = {}, const std::string& body = "",
              Headers headers = {});

  // JSON to `path` behind the repository, for example "branches/main/commits".
  Answer CallJson(const std::string& method, const std::string& path,
                  const Query& query, const nlohmann::json& body,
                  Headers headers = {});

  // A new location, presigned if asked for.
  nlohmann::json Mint(const std::string& path, bool presign = false,
                      const std::string& branch = "main");

  // Links with the checksum of "hello" and its size.
  Answer Link(const std::string& path, const nlohmann::json& staging,
              Headers headers = {}, const std::string& branch = "main",
              nlohmann::json more = nlohmann::json::object());

  Answer Stat(const std::string& path, const std::string& ref = "main");

  // Anything to any URL, without credentials.
  static Answer Send(const std::string& method, const std::string& url,
                     const std::string& body, const Headers& headers = {});

  // As Send with PUT, in chunks and without a Content-Length.
  static Answer SendChunked(const std::string& url, const std::string& body,
                            const Headers& headers = {});

  const std::string& repository() const { return repository_; }

 private:
  struct Wire;
  const std::string repository_;
  std::unique_ptr<Wire> wire_;
};

}  // namespace lakefs::gateway::testing
