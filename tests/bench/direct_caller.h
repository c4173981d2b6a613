// The work of an upload by libcurl alone, as a program without the gateway
// would do it.
#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>

#include "nlohmann/json.hpp"

namespace lakefs::gateway::bench {

// One handle, and so one connection for each host, a caller. Ends the process
// when a request fails.
class DirectCaller {
 public:
  explicit DirectCaller(const std::string& lakefs_url)
      : staging_(lakefs_url +
                 "/api/v1/repositories/repo/branches/main/staging/backing"
                 "?path=o"),
        easy_(curl_easy_init()) {
    headers_ = curl_slist_append(headers_, "Expect:");
    headers_ = curl_slist_append(headers_, "Content-Type: application/json");
    headers_ = curl_slist_append(headers_, "Authorization: Basic eDp5");
  }
  ~DirectCaller() {
    curl_slist_free_all(headers_);
    curl_easy_cleanup(easy_);
  }

  nlohmann::json GetAddress() {
    auto location =
        nlohmann::json::parse(Send("GET", staging_ + "&presign=true", nullptr));
    if (!location.contains("presigned_url")) std::_Exit(1);
    return location;
  }

  void Link(const nlohmann::json& location, uint64_t size_bytes) {
    const std::string body = nlohmann::json{
        {"staging", location},
        {"checksum", "sum"},
        {"size_bytes",
         size_bytes}}.dump();
    const auto stats = nlohmann::json::parse(Send("PUT", staging_, &body));
    if (!stats.contains("checksum")) std::_Exit(1);
  }

  // An object in three requests.
  void Upload(const std::string& data) {
    const nlohmann::json location = GetAddress();
    Send("PUT", location["presigned_url"], &data);
    Link(location, data.size());
  }

  // A PUT of so many bytes, which `read` gives, as it does for curl.
  void Put(const std::string& url, int64_t size_bytes,
           std::function<size_t(char*, size_t)> read) {
    curl_easy_reset(easy_);
    Set(CURLOPT_URL, url.c_str());
    Set(CURLOPT_UPLOAD, 1L);
    Set(CURLOPT_UPLOAD_BUFFERSIZE, 512L * 1024);
    Set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size_bytes));
    Set(CURLOPT_HTTPHEADER, headers_);
    Set(CURLOPT_READDATA, &read);
    Set(CURLOPT_READFUNCTION, Read);
    if (curl_easy_perform(easy_) != CURLE_OK) std::_Exit(1);
  }

 private:
  static size_t Append(char* data, size_t, size_t size, void* user) {
    static_cast<std::string*>(user)->append(data, size);
    return size;
  }
  static size_t Read(char* to, size_t, size_t size, void* user) {
    return (*static_cast<std::function<size_t(char*, size_t)>*>(user))(to,
                                                                       size);
  }

  std::string Send(const char* method, const std::string& url,
                   const std::string* body) {
    std::string answer;
    curl_easy_reset(easy_);
    Set(CURLOPT_URL, url.c_str());
    Set(CURLOPT_NOSIGNAL, 1L);
    Set(CURLOPT_WRITEFUNCTION, Append);
    Set(CURLOPT_WRITEDATA, &answer);
    Set(CURLOPT_HTTPHEADER, headers_);
    if (body != nullptr) {
      Set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body->size()));
      Set(CURLOPT_POSTFIELDS, body->c_str());
    }
    Set(CURLOPT_CUSTOMREQUEST, method);
    if (curl_easy_perform(easy_) != CURLE_OK) std::_Exit(1);
    return answer;
  }

  template <typename T>
  void Set(CURLoption option, T value) {
    curl_easy_setopt(easy_, option, value);
  }

  const std::string staging_;
  CURL* const easy_;
  curl_slist* headers_ = nullptr;
};

}  // namespace lakefs::gateway::bench
