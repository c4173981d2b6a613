// A file that goes away with the test.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace lakefs::staging::testing {

class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& content) {
    char name[] = "/tmp/lakefs-staging-test-XXXXXX";
    close(mkstemp(name));
    name_ = name;
    std::ofstream(name_, std::ios::binary) << content;
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() { unlink(name_.c_str()); }

  const std::string& name() const { return name_; }

 private:
  std::string name_;
};

}  // namespace lakefs::staging::testing
