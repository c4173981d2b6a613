// Files of settings: every one is read or refused in one line that holds no
// secret: "hunter2" in the corpus.
//
// Input: the text of the file of --config, and of ~/.lakectl.yaml too.
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/settings/settings.h"
#include "tests/fuzz/fuzz_input.h"

using namespace lakefs::gateway;

namespace {

// A home whose .lakectl.yaml is a file in memory.
class Home {
 public:
  Home() : file_(memfd_create("settings", 0)) {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "fuzz-XXXXXX").string();
    testing::Require(file_ >= 0 && mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    std::filesystem::create_symlink(file(), folder_ / ".lakectl.yaml");
  }
  ~Home() {
    std::filesystem::remove_all(folder_);
    close(file_);
  }
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;

  void Write(absl::string_view text) {
    testing::Require(ftruncate(file_, 0) == 0);
    testing::Require(pwrite(file_, text.data(), text.size(), 0) ==
                     static_cast<ssize_t>(text.size()));
  }

  std::string file() const { return absl::StrCat("/proc/self/fd/", file_); }
  std::string folder() const { return folder_.string(); }

 private:
  const int file_;
  std::filesystem::path folder_;
};

// Whether a message shows what may be secret. The value of a setting that is
// none may be shown, behind a "=".
bool Leaks(absl::string_view message) {
  const size_t at = message.find("hunter2");
  if (at == absl::string_view::npos) return false;
  const absl::string_view before = message.substr(0, at);
  return !absl::StrContains(before, "=") ||
         absl::StrContains(before, "secret-access-key=") ||
         absl::StrContains(before, "token=") || absl::StrContains(message, "@");
}

void Read(const std::vector<const char*>& arguments,
          const Environment& environment) {
  const auto read = ReadSettings(static_cast<int>(arguments.size()),
                                 arguments.data(), environment);
  if (read.ok()) {
    testing::Require(!read->settings.lakefs_endpoint.empty());
    return;
  }
  testing::Require(!read.status().message().empty());
  testing::Require(!Leaks(read.status().message()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Home home;
  home.Write(testing::FuzzInput(data, size).Rest());
  Read({"gateway"}, {{"HOME", home.folder()}});
  const std::string config = absl::StrCat("--config=", home.file());
  Read({"gateway", config.c_str()},
       {{"LAKECTL_SERVER_ENDPOINT_URL", "http://127.0.0.1:1"},
        {"LAKECTL_CREDENTIALS_ACCESS_KEY_ID", "key"},
        {"LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", "hunter2"}});
  return 0;
}
