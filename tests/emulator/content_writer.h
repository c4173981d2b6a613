// Takes the bytes of an object as they arrive.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "tests/emulator/content.h"

namespace lakefs::gateway::testing {

// Makes a Content of bytes that come in pieces, which for large objects need
// not all be in memory.
//
// Threads: one thread.
class ContentWriter {
 public:
  explicit ContentWriter(const ContentPolicy& policy);
  ~ContentWriter();

  // Makes room for so many bytes, if they are to be kept.
  void Reserve(uint64_t size_bytes);

  // Gets one bit of the content wrong from here on: of the next byte, or of one
  // too many if there is none.
  void CorruptNext() { corrupt_ = true; }

  void Append(absl::string_view data);

  // The content of all that came. Called once, as the last.
  Content Finish();

 private:
  struct Md5State;

  void Take(absl::string_view data);

  const ContentPolicy policy_;
  const std::unique_ptr<Md5State> md5_;  // Null if not wanted.
  Content content_;
  std::string bytes_;
  bool corrupt_ = false;
};

}  // namespace lakefs::gateway::testing
