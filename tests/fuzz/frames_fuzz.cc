// The order of the messages of an upload: whatever order they come in, the
// upload sees its chunks as they were sent, and a finish only if nothing was
// out of order.
//
// Input: a letter a message. c: chunk, f: finish, h: header, n: none of them,
// and e: the half-close, which ends the input. Others are passed over.
#include "gateway/server/rpc/upload_stream.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/testing/fake_clock.h"

using namespace lakefs::gateway;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  testing::FuzzInput input(data, size);
  testing::FakeClock clock;
  const CallContext context(clock, clock.Now() + std::chrono::hours(1), "fuzz");
  UploadStream stream([] {}, [](int64_t) { testing::Require(false); },
                      [] { return false; });
  stream.Grant(1 << 20);
  int sent = 0;  // chunks
  int taken = 0;
  bool finished = false;  // a finish was sent
  bool wrong = false;     // something was out of order
  bool ended = false;
  while (!ended && !input.empty()) {
    ::lakefs::staging::v1::UploadAndLinkRequest message;
    switch (input.Byte()) {
      case 'c':
        message.mutable_chunk()->set_write_offset(sent);
        message.mutable_chunk()->set_data("x");
        wrong |= finished;
        sent += !wrong;
        break;
      case 'f':
        message.mutable_finish()->set_size_bytes(sent);
        wrong |= finished;
        finished = true;
        break;
      case 'h':
        message.mutable_header();
        wrong = true;
        break;
      case 'n':
        wrong = true;
        break;
      case 'e':
        ended = true;
        stream.PushEnd();
        continue;
      default:
        continue;
    }
    // After a mistake nothing more is read.
    const bool reads = stream.Push(std::move(message));
    testing::Require(reads == !wrong);
    testing::Require(stream.order_error().ok() == !wrong);
    if (wrong) break;
  }
  while (true) {
    const auto event = stream.Next(context, clock.Now());
    if (!event.ok()) {
      testing::Require(wrong || (ended && !finished));
      break;
    }
    if (const auto* chunk = std::get_if<Chunk>(&*event)) {
      testing::Require(!wrong && chunk->write_offset == taken++);
      continue;
    }
    testing::Require(taken == sent && !wrong);
    if (const auto* finish = std::get_if<Finish>(&*event)) {
      testing::Require(finished && finish->size_bytes == sent);
    } else {
      testing::Require(!finished && !ended);
    }
    break;
  }
  return 0;
}
