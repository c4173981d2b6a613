// The insides of resume tokens: what is taken is written again as it was.
#include "gateway/staging/upload/resume_token.h"
#include "tests/fuzz/fuzz_input.h"

using namespace lakefs::gateway;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto token = Decode(testing::FuzzInput(data, size).Rest());
  if (!token) return 0;
  testing::Require(token->point.offset() >= 0);
  const std::string bytes = Encode(*token);
  if (bytes.empty()) return 0;  // longer than a token is made
  const auto again = Decode(bytes);
  testing::Require(again && Encode(*again) == bytes);
  testing::Require(again->point.parts.size() == token->point.parts.size());
  return 0;
}
