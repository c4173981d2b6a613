// traceparent headers: what is taken is given on in the form of version 00, and
// a child stays in its trace.
#include <random>

#include "gateway/base/trace_parent.h"
#include "tests/fuzz/fuzz_input.h"

using namespace lakefs::gateway;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto parsed = TraceParent::Parse(testing::FuzzInput(data, size).Rest());
  if (!parsed) return 0;
  const std::string text = parsed->ToString();
  testing::Require(text.size() == 55);
  testing::Require(text.find_first_not_of("0123456789abcdef-") ==
                   std::string::npos);
  const auto again = TraceParent::Parse(text);
  testing::Require(again && again->ToString() == text);

  std::minstd_rand random(static_cast<unsigned>(size));
  const TraceParent child = parsed->Child(random);
  testing::Require(child.trace_id == parsed->trace_id);
  testing::Require(TraceParent::Parse(child.ToString()).has_value());
  return 0;
}
