// Requests and replies as the emulator's handlers see them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "tests/emulator/content.h"
#include "tests/emulator/form_data.h"

namespace lakefs::gateway::testing {

struct HttpRequest {
  std::string method;
  std::string target;  // As sent.
  std::string path;    // The target's part before '?', not decoded.
  std::map<std::string, std::string> query;    // Decoded.
  std::map<std::string, std::string> headers;  // Names in lower case.
  std::string body;  // Filled by HttpExchange::ReadBody.

  // The body instead, if it is an object that was read into a ContentWriter;
  // `form`, if it came as a form, which may lack it.
  Content content;
  std::optional<FormField> form;

  // When the first bytes came, by the emulator's clock. Signatures must be good
  // then, however long the body takes.
  std::chrono::system_clock::time_point arrived;

  // The header's value, or empty.
  std::string Header(absl::string_view name) const {
    auto it = headers.find(std::string(name));
    return it == headers.end() ? std::string() : it->second;
  }

  // The parameter's value, or empty.
  std::string Query(absl::string_view name) const {
    auto it = query.find(std::string(name));
    return it == query.end() ? std::string() : it->second;
  }

  bool IsChunked() const { return headers.count("transfer-encoding") > 0; }
};

struct HttpResponse {
  int status = 200;
  std::map<std::string, std::string> headers;
  std::string body;

  // What becomes of the reply on its way.
  enum class Delivery { kWhole, kTruncated, kReset };
  Delivery delivery = Delivery::kWhole;

  // With kTruncated, how many bytes of the body arrive; by default half.
  std::optional<size_t> cut_at;
};

// One request on a connection, before its body has been read.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;

  // Told how much of the body has been read, of how much (0: not known), before
  // more is read. Ends the reading by returning false.
  using Progress = std::function<bool(uint64_t read, uint64_t announced)>;

  // The request; with its body once ReadBody has been called.
  virtual HttpRequest& request() = 0;

  // Takes the bytes of a body as they come.
  using Sink = std::function<void(absl::string_view data)>;

  // Reads the whole body into `sink`, or into request().body if that is null;
  // `progress` may be null too. Returns false if the client went
  // away or sent less than it had announced: then nothing may be done and no
  // reply will arrive. May be called again.
  //
  // A reply to a request whose body was not read ends the connection.
  virtual bool ReadBody(const Sink& sink, const Progress& progress) = 0;

  // Whether the client has closed the connection.
  virtual bool IsAbandoned() = 0;

  // Ends the connection at once: no reply will arrive.
  virtual void HangUp() = 0;
};

}  // namespace lakefs::gateway::testing
