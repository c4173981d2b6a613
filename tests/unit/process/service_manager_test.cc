#include "gateway/process/service_manager.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "gateway/process/fd.h"

namespace lakefs::gateway {
namespace {

// What a manager would hear at the socket of that name.
class Manager {
 public:
  explicit Manager(const std::string& name)
      : fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, name.data(), name.size());
    if (name[0] == '@') at.sun_path[0] = '\0';
    EXPECT_EQ(bind(fd_.get(), reinterpret_cast<sockaddr*>(&at),
                   static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) +
                                          name.size())),
              0)
        << std::strerror(errno);
  }

  // The next datagram; empty: there is none.
  std::string Hear() const {
    char text[256];
    const ssize_t n = recv(fd_.get(), text, sizeof(text), 0);
    return n < 0 ? "" : std::string(text, static_cast<size_t>(n));
  }

 private:
  Fd fd_;
};

TEST(ServiceManagerTest, HearsOfEachState) {
  char folder[] = "/tmp/service-manager-test-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string path = std::string(folder) + "/notify";
  const std::string hidden = "@" + path;
  for (const std::string& name : {path, hidden}) {
    const Manager manager(name);
    const ServiceManager service(name);
    service.Ready();
    EXPECT_EQ(manager.Hear(), "READY=1") << name;
    service.Reloading();
    const std::string reloading = manager.Hear();
    absl::string_view since = reloading;
    ASSERT_TRUE(absl::ConsumePrefix(&since, "RELOADING=1\nMONOTONIC_USEC="));
    int64_t microseconds = 0;
    EXPECT_TRUE(absl::SimpleAtoi(since, &microseconds)) << reloading;
    EXPECT_GT(microseconds, 0);
    service.Stopping();
    EXPECT_EQ(manager.Hear(), "STOPPING=1");
    EXPECT_EQ(manager.Hear(), "");
  }
  unlink(path.c_str());
  rmdir(folder);
}

TEST(ServiceManagerTest, NobodyIsTold) {
  ServiceManager("").Ready();
  ServiceManager("/there/is/no/such/socket").Ready();
  ServiceManager(std::string(200, 'x')).Ready();  // longer than a socket's name
}

}  // namespace
}  // namespace lakefs::gateway
