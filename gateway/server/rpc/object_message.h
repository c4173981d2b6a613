// An object that comes whole, in one message.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gateway/staging/intake/body_source.h"
#include "gateway/staging/upload_request.h"
#include "lakefs_staging/v1/staging.pb.h"

namespace lakefs::gateway {

// What its header asks for; `bytes` are those of the object.
UploadRequest ObjectRequest(const ::lakefs::staging::v1::UploadHeader& header,
                            size_t bytes);

// What is wrong with the request, or with so many bytes for one message.
std::vector<FieldViolation> ObjectViolations(const UploadRequest& request,
                                             size_t bytes);

// The one chunk of the object, and its end. It is in memory already, and so
// needs no grant.
class MessageSource final : public BodySource {
 public:
  // `take` gives the bytes, once. `memory` is what has been reserved for them;
  // without any, it is reserved before they are taken.
  MessageSource(int64_t size_bytes, std::optional<uint32_t> crc32c,
                std::function<std::string()> take,
                MemoryBudget::Reservation memory = {})
      : finish_{.size_bytes = size_bytes, .crc32c = crc32c},
        take_(std::move(take)),
        memory_(std::move(memory)) {}

  MemoryBudget::Reservation TakeMemory() override { return std::move(memory_); }
  void Grant(int64_t) override {}
  void Withdraw() override {}
  bool CanRewind() const override { return false; }
  void Rewind(int64_t) override {}

  absl::StatusOr<BodyEvent> Next(const CallContext&, TimePoint) override {
    if (!std::exchange(sent_, true) && finish_.size_bytes > 0) {
      return Chunk{.write_offset = 0, .data = take_()};
    }
    return finish_;
  }

 private:
  const Finish finish_;
  const std::function<std::string()> take_;
  MemoryBudget::Reservation memory_;
  bool sent_ = false;
};

}  // namespace lakefs::gateway
