// The far side of the benchmarks: a lakeFS and a store that take everything,
// and are never the bottleneck.
//
//   bench-sink [--check] [--think MS]    prints "PORT\n", serves until it is
//                                        killed
//
// It counts the bytes of each PUT by its Content-Length; with --check it also
// takes their CRC32C, and names that of the whole as the object's checksum.
// Nothing is kept but sums. With --think each answer comes that much later, as
// from a server that does something.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/crc32c.h"

namespace {

using lakefs::gateway::ConcatCrc32c;
using lakefs::gateway::Crc32c;

constexpr size_t kBuffer = 1 << 20;
constexpr char kSignature[] = "f0f2BaLj1dNMe85H8lR1qhMNyCdRyStdBSLKWVB2uM0";

bool check = false;
std::chrono::milliseconds think{0};
std::atomic<int> store_port{0};
std::atomic<int> next_id{1};

struct Sum {
  uint32_t crc32c = 0;
  uint64_t size_bytes = 0;
};
std::mutex mu;
std::map<std::string, std::map<int, Sum>> objects;  // by id, by part

// The value of `name` in a URL's query or a line of headers.
std::string After(const std::string& text, const std::string& name,
                  const char* end) {
  const size_t at = text.find(name);
  if (at == std::string::npos) return "";
  const size_t begin = at + name.size();
  return text.substr(begin, text.find_first_of(end, begin) - begin);
}

std::string Url(const std::string& id, int part) {
  return absl::StrCat("http://127.0.0.1:", store_port.load(), "/store/", id,
                      "?part=", part,
                      "&X-Amz-Date=20261123T000000Z&X-Amz-Expires=900");
}

std::string Address(const std::string& id) {
  return absl::StrCat("s3://bucket/repo/data/x/", id, ",", kSignature);
}

// The id in an address that stands in a body.
std::string IdIn(const std::string& body) {
  return After(body, "s3://bucket/repo/data/x/", ",");
}

std::string Stats(const std::string& id) {
  Sum whole;
  {
    const std::lock_guard lock(mu);
    for (const auto& [number, part] : objects[id]) {
      whole.crc32c = ConcatCrc32c(whole.crc32c, part.crc32c, part.size_bytes);
      whole.size_bytes += part.size_bytes;
    }
    objects.erase(id);
  }
  return absl::StrCat(
      R"({"path":"o","path_type":"object","physical_address":")", Address(id),
      R"(","checksum":")",
      check ? absl::StrCat(absl::Hex(whole.crc32c, absl::kZeroPad8)) : "sum",
      R"(","mtime":1,"size_bytes":)", whole.size_bytes, "}");
}

struct Reply {
  int status = 200;
  std::string body;
  std::string headers;
};

Reply Answer(const std::string& method, const std::string& target,
             const std::string& body) {
  // Where the store is reached from now on: by way of a proxy.
  const std::string moved = After(target, "/store-port/", "?");
  if (!moved.empty()) {
    store_port = std::atoi(moved.c_str());
    return {};
  }
  if (absl::EndsWith(target, "/config")) {
    return {.body = R"({"version_config":{"version":"1.84.0"},)"
                    R"("storage_config":{"blockstore_type":"s3",)"
                    R"("pre_sign_support":true,)"
                    R"("pre_sign_multipart_upload":true}})"};
  }
  if (absl::StrContains(target, "/objects/stat")) {
    return {.status = 404, .body = R"({"message":"not found"})"};
  }
  if (absl::StrContains(target, "/staging/backing")) {
    if (method == "PUT") return {.body = Stats(IdIn(body))};
    const std::string id = absl::StrCat(next_id++);
    return {.body = absl::StrCat(R"({"physical_address":")", Address(id),
                                 R"(","presigned_url":")", Url(id, 1),
                                 R"(","presigned_url_expiry":4102444800})")};
  }
  const size_t pmpu = target.find("/staging/pmpu");
  if (pmpu != std::string::npos) {
    if (method == "POST") {
      const std::string id = absl::StrCat(next_id++);
      int parts = 0;
      (void)absl::SimpleAtoi(After(target, "parts=", "&"), &parts);
      std::string urls;
      for (int n = 1; n <= parts; ++n) {
        absl::StrAppend(&urls, n > 1 ? "," : "", "\"", Url(id, n), "\"");
      }
      return {.status = 201,
              .body = absl::StrCat(R"({"upload_id":")", id,
                                   R"(","physical_address":")", Address(id),
                                   R"(","presigned_urls":[)", urls, "]}")};
    }
    const std::string number = After(target, "/parts/", "?");
    if (!number.empty()) {
      int n = 0;
      (void)absl::SimpleAtoi(number, &n);
      return {.body = absl::StrCat(R"({"presigned_url":")", Url(IdIn(body), n),
                                   "\"}")};
    }
    if (method == "PUT") return {.body = Stats(IdIn(body))};
    return {.status = 204};
  }
  return {.body = R"({"id":"main","storage_namespace":"s3://bucket/repo"})"};
}

bool SendAll(int fd, const std::string& text) {
  size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t n =
        send(fd, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return false;
    sent += static_cast<size_t>(n);
  }
  return true;
}

// One kept connection.
void Serve(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  std::string buffer(kBuffer, '\0');
  std::string head;
  while (true) {
    size_t end = head.find("\r\n\r\n");
    while (end == std::string::npos) {
      const ssize_t n = recv(fd, buffer.data(), buffer.size(), 0);
      if (n <= 0) return (void)close(fd);
      head.append(buffer.data(), static_cast<size_t>(n));
      end = head.find("\r\n\r\n");
    }
    std::string rest = head.substr(end + 4);
    head.resize(end + 2);
    const std::string method = head.substr(0, head.find(' '));
    const std::string target = After(head, method + " ", " ");
    uint64_t length = 0;
    (void)absl::SimpleAtoi(After(head, "Content-Length: ", "\r"), &length);
    if (absl::StrContains(head, "Expect: 100") &&
        !SendAll(fd, "HTTP/1.1 100 Continue\r\n\r\n")) {
      return (void)close(fd);
    }
    const bool store = absl::StartsWith(target, "/store/");
    std::string body;
    Sum sum;
    const auto take = [&](const char* data, size_t size) {
      sum.size_bytes += size;
      if (!store) body.append(data, size);
      if (store && check) {
        sum.crc32c = ConcatCrc32c(sum.crc32c,
                                  Crc32c(absl::string_view(data, size)), size);
      }
    };
    const size_t mine = std::min<uint64_t>(rest.size(), length);
    take(rest.data(), mine);
    rest.erase(0, mine);
    while (sum.size_bytes < length) {
      const ssize_t n =
          recv(fd, buffer.data(),
               std::min<uint64_t>(buffer.size(), length - sum.size_bytes), 0);
      if (n <= 0) return (void)close(fd);
      take(buffer.data(), static_cast<size_t>(n));
    }
    Reply reply;
    if (store) {
      int part = 1;
      (void)absl::SimpleAtoi(After(target, "part=", "&"), &part);
      const std::lock_guard lock(mu);
      objects[After(target, "/store/", "?")][part] = sum;
      reply.headers =
          absl::StrCat("ETag: \"", absl::Hex(sum.size_bytes, absl::kZeroPad16),
                       absl::Hex(sum.crc32c, absl::kZeroPad16), "\"\r\n");
    } else {
      reply = Answer(method, target, body);
    }
    if (think.count() > 0) std::this_thread::sleep_for(think);
    if (!SendAll(fd, absl::StrCat("HTTP/1.1 ", reply.status,
                                  " OK\r\nContent-Type: application/json\r\n",
                                  reply.headers, "Content-Length: ",
                                  reply.body.size(), "\r\n\r\n", reply.body))) {
      return (void)close(fd);
    }
    head = std::move(rest);
  }
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const absl::string_view flag = argv[i];
    if (flag == "--check") check = true;
    if (flag == "--think" && i + 1 < argc) {
      think = std::chrono::milliseconds(std::atoi(argv[++i]));
    }
  }
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener, 512) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) !=
          0) {
    std::perror("bench-sink");
    return 1;
  }
  store_port = ntohs(address.sin_port);
  std::printf("%d\n", store_port.load());
  std::fflush(stdout);
  while (true) {
    const int fd = accept(listener, nullptr, nullptr);
    if (fd >= 0) std::thread(Serve, fd).detach();
  }
}
