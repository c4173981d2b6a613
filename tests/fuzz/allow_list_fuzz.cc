// Files of who may write where: each is read or refused in one line, and a
// caller that no entry names is never let in.
//
// Input: a line of repository, a line of branch, the file.
#include "absl/strings/match.h"
#include "gateway/server/access/allow_list.h"
#include "tests/fuzz/fuzz_input.h"

using namespace lakefs::gateway;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  testing::FuzzInput input(data, size);
  ObjectPath object;
  object.repository = input.Line();
  object.branch = input.Line();
  const auto list = AllowList::Parse(input.Rest());
  if (!list.ok()) {
    testing::Require(!list.status().message().empty());
    return 0;
  }
  testing::Require(list->Check(Caller{}, object) ==
                   AllowList::Verdict::kUnknownCaller);
  Caller known;
  known.peer = SocketPeer{.uid = 1000, .gid = 1000};
  list->Check(known, object);
  return 0;
}
