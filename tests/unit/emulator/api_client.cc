#include "tests/unit/emulator/api_client.h"

#include <httplib.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tests/emulator/digest.h"

namespace lakefs::gateway::testing {
namespace {

using nlohmann::json;

std::string Encoded(const ApiClient::Query& query) {
  std::string text;
  for (const auto& [name, value] : query) {
    absl::StrAppend(&text, text.empty() ? "?" : "&", PercentEncode(name), "=",
                    PercentEncode(value));
  }
  return text;
}

Answer AnswerOf(const httplib::Result& result) {
  Answer answer;
  if (!result) return answer;
  answer.status = result->status;
  answer.body = result->body;
  for (const auto& [name, value] : result->headers) {
    answer.headers[absl::AsciiStrToLower(name)] = value;
  }
  return answer;
}

Answer Exchange(httplib::Client& client, const std::string& method,
                const std::string& target, const std::string& body,
                const ApiClient::Headers& headers) {
  httplib::Request request;
  request.method = method;
  request.path = target;
  request.body = body;
  for (const auto& [name, value] : headers) request.set_header(name, value);
  return AnswerOf(client.send(request));
}

// "http://HOST" and what stands behind it.
struct Target {
  std::string server;
  std::string rest;
};

Target TargetOf(const std::string& url) {
  size_t slash = url.find('/', url.find("//") + 2);
  if (slash == std::string::npos) return {url, "/"};
  return {url.substr(0, slash), url.substr(slash)};
}

void Prepare(httplib::Client& client) {
  client.set_url_encode(false);
  client.set_keep_alive(true);
  client.set_tcp_nodelay(true);
  client.set_read_timeout(20);
}

}  // namespace

json Answer::Json() const {
  json parsed = json::parse(body, nullptr, false);
  return parsed.is_discarded() ? json() : parsed;
}

std::string Answer::Message() const {
  json parsed = Json();
  if (parsed.is_string()) return parsed.get<std::string>();
  return parsed.is_object() ? parsed.value("message", "") : "";
}

struct ApiClient::Wire {
  explicit Wire(const std::string& endpoint) : client(endpoint) {
    Prepare(client);
  }
  httplib::Client client;
};

ApiClient::ApiClient(const Emulator& emulator, std::string repository)
    : repository_(std::move(repository)),
      wire_(std::make_unique<Wire>(emulator.endpoint())) {}

ApiClient::~ApiClient() = default;

Answer ApiClient::Call(const std::string& method, const std::string& path,
                       const Query& query, const std::string& body,
                       Headers headers) {
  EmulatorOptions keys;
  auto given = headers.emplace(
      "Authorization", absl::StrCat("Basic ", absl::Base64Escape(absl::StrCat(
                                                  keys.access_key_id, ":",
                                                  keys.secret_access_key))));
  if (given.first->second.empty()) headers.erase(given.first);
  return Exchange(wire_->client, method,
                  absl::StrCat("/api/v1/", path, Encoded(query)), body,
                  headers);
}

Answer ApiClient::CallJson(const std::string& method, const std::string& path,
                           const Query& query, const json& body,
                           Headers headers) {
  headers.emplace("Content-Type", "application/json");
  return Call(method, absl::StrCat("repositories/", repository_, "/", path),
              query, body.is_null() ? "" : body.dump(), std::move(headers));
}

json ApiClient::Mint(const std::string& path, bool presign,
                     const std::string& branch) {
  Query query = {{"path", path}};
  if (presign) query["presign"] = "true";
  return Call("GET",
              absl::StrCat("repositories/", repository_, "/branches/", branch,
                           "/staging/backing"),
              query)
      .Json();
}

Answer ApiClient::Link(const std::string& path, const json& staging,
                       Headers headers, const std::string& branch, json more) {
  json body = {{"staging", staging},
               {"checksum", "5d41402abc4b2a76b9719d911017c592"},
               {"size_bytes", 5}};
  body.update(more);
  return CallJson("PUT", absl::StrCat("branches/", branch, "/staging/backing"),
                  {{"path", path}}, body, std::move(headers));
}

Answer ApiClient::Stat(const std::string& path, const std::string& ref) {
  return Call("GET",
              absl::StrCat("repositories/", repository_, "/refs/", ref,
                           "/objects/stat"),
              {{"path", path}});
}

Answer ApiClient::Send(const std::string& method, const std::string& url,
                       const std::string& body, const Headers& headers) {
  Target to = TargetOf(url);
  httplib::Client client(to.server);
  Prepare(client);
  return Exchange(client, method, to.rest, body, headers);
}

Answer ApiClient::SendChunked(const std::string& url, const std::string& body,
                              const Headers& headers) {
  Target to = TargetOf(url);
  httplib::Client client(to.server);
  Prepare(client);
  httplib::Headers sent(headers.begin(), headers.end());
  auto provide = [&body](size_t, httplib::DataSink& sink) {
    sink.write(body.data(), body.size());
    sink.done();
    return true;
  };
  return AnswerOf(
      client.Put(to.rest, sent, provide, "application/octet-stream"));
}

}  // namespace lakefs::gateway::testing
