// Certificates of an authority that is made for a test.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"

namespace lakefs::gateway::testing {

// A folder with ca.pem, and NAME.pem and NAME.key of each certificate issued.
class Certificates {
 public:
  explicit Certificates(const std::string& folder) : folder_(folder) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    Run(
        absl::StrCat("openssl req -x509 -newkey ec -pkeyopt "
                     "ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test-ca "
                     "-keyout ",
                     Key("ca"), " -out ", Pem("ca")));
  }
  ~Certificates() { std::filesystem::remove_all(folder_); }

  // Issues one for `names`, such as "DNS:localhost,URI:spiffe://a/b".
  void Issue(const std::string& name, const std::string& names) {
    const std::string extensions = absl::StrCat(folder_, "/", name, ".ext");
    std::ofstream(extensions) << "subjectAltName=" << names << "\n";
    Run(absl::StrCat("openssl req -newkey ec -pkeyopt ",
                     "ec_paramgen_curve:P-256 -nodes -subj /CN=", name,
                     " -keyout ", Key(name), " -out ", folder_, "/", name,
                     ".csr"));
    Run(absl::StrCat("openssl x509 -req -days 2 -in ", folder_, "/", name,
                     ".csr -CA ", Pem("ca"), " -CAkey ", Key("ca"),
                     " -CAcreateserial -extfile ", extensions, " -out ",
                     Pem(name)));
    std::filesystem::permissions(Key(name),
                                 std::filesystem::perms::owner_read |
                                     std::filesystem::perms::owner_write);
  }

  std::string Pem(const std::string& name) const {
    return absl::StrCat(folder_, "/", name, ".pem");
  }
  std::string Key(const std::string& name) const {
    return absl::StrCat(folder_, "/", name, ".key");
  }
  static std::string Read(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  static void Run(const std::string& command) {
    ASSERT_EQ(std::system(absl::StrCat(command, " >/dev/null 2>&1").c_str()), 0)
        << command;
  }

  const std::string folder_;
};

}  // namespace lakefs::gateway::testing
