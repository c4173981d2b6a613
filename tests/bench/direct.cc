// The same work by libcurl alone, without the gateway. Prints one line of JSON.
//
//   bench-direct LAKEFS_URL put BYTES             one PUT from memory
//   bench-direct LAKEFS_URL small CALLERS SIZE SECONDS
//                                     address, PUT, link for each object
//   bench-direct LAKEFS_URL address CALLERS SECONDS
#include <curl/curl.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "nlohmann/json.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

constexpr char kBranch[] = "/api/v1/repositories/repo/branches/main";

size_t Append(char* data, size_t, size_t size, void* user) {
  static_cast<std::string*>(user)->append(data, size);
  return size;
}

// One handle, and so one connection for each host, a caller.
class Caller {
 public:
  Caller() : easy_(curl_easy_init()) {
    headers_ = curl_slist_append(headers_, "Expect:");
    headers_ = curl_slist_append(headers_, "Content-Type: application/json");
    headers_ = curl_slist_append(headers_, "Authorization: Basic eDp5");
  }
  ~Caller() {
    curl_slist_free_all(headers_);
    curl_easy_cleanup(easy_);
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

  void PutFromMemory(const std::string& url, const std::string& piece,
                     int64_t bytes) {
    struct Source {
      const std::string& piece;
      size_t offset;
    } source{piece, 0};
    curl_easy_reset(easy_);
    Set(CURLOPT_URL, url.c_str());
    Set(CURLOPT_UPLOAD, 1L);
    Set(CURLOPT_UPLOAD_BUFFERSIZE, 512L * 1024);
    Set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(bytes));
    Set(CURLOPT_HTTPHEADER, headers_);
    Set(CURLOPT_READDATA, &source);
    curl_read_callback read = [](char* to, size_t, size_t size, void* user) {
      auto& from = *static_cast<Source*>(user);
      const size_t n = std::min(size, from.piece.size() - from.offset);
      std::memcpy(to, from.piece.data() + from.offset, n);
      from.offset = (from.offset + n) % from.piece.size();
      return n;
    };
    Set(CURLOPT_READFUNCTION, read);
    if (curl_easy_perform(easy_) != CURLE_OK) std::_Exit(1);
  }

 private:
  template <typename T>
  void Set(CURLoption option, T value) {
    curl_easy_setopt(easy_, option, value);
  }
  CURL* easy_;
  curl_slist* headers_ = nullptr;
};

void Repeat(int callers, double seconds,
            const std::function<void(Caller&)>& once) {
  std::atomic<bool> stop = false;
  std::vector<std::vector<double>> times(static_cast<size_t>(callers));
  std::vector<std::thread> threads;
  const auto start = Clock::now();
  for (int i = 0; i < callers; ++i) {
    threads.emplace_back([&, i] {
      Caller caller;
      while (!stop) {
        const auto begin = Clock::now();
        once(caller);
        times[static_cast<size_t>(i)].push_back(
            std::chrono::duration<double>(Clock::now() - begin).count());
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  stop = true;
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double> took = Clock::now() - start;
  std::vector<double> all;
  for (const auto& list : times)
    all.insert(all.end(), list.begin(), list.end());
  std::sort(all.begin(), all.end());
  std::cout << "{\"per_second\": "
            << static_cast<double>(all.size()) / took.count()
            << ", \"p50_us\": " << all[all.size() / 2] * 1e6 << "}\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::string branch = argv[1] + std::string(kBranch);
  const std::string mode = argv[2];
  const std::string address = branch + "/staging/backing?path=o&presign=true";
  const std::string link = branch + "/staging/backing?path=o";
  if (mode == "put") {
    const std::string piece(1 << 20, 'x');
    Caller caller;
    const json location = json::parse(caller.Send("GET", address, nullptr));
    const auto start = Clock::now();
    caller.PutFromMemory(location["presigned_url"], piece, std::atoll(argv[3]));
    const std::chrono::duration<double> took = Clock::now() - start;
    std::cout << "{\"seconds\": " << took.count() << "}\n";
    return 0;
  }
  const int callers = std::atoi(argv[3]);
  if (mode == "address") {
    Repeat(callers, std::atof(argv[4]), [&](Caller& caller) {
      const json location = json::parse(caller.Send("GET", address, nullptr));
      if (!location.contains("presigned_url")) std::_Exit(1);
    });
    return 0;
  }
  const std::string data(static_cast<size_t>(std::atoll(argv[4])), 'x');
  Repeat(callers, std::atof(argv[5]), [&](Caller& caller) {
    const json location = json::parse(caller.Send("GET", address, nullptr));
    caller.Send("PUT", location["presigned_url"], &data);
    const std::string body = json{
        {"staging", location},
        {"checksum", "sum"},
        {"size_bytes",
         data.size()}}.dump();
    const json stats = json::parse(caller.Send("PUT", link, &body));
    if (!stats.contains("checksum")) std::_Exit(1);
  });
}
