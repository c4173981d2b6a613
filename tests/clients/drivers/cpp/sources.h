// The sources of commands (DRIVERS.md, "Sources").
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "client/source.h"

namespace lakefs::staging::driver {

using TellEvent = std::function<void(nlohmann::json)>;

// The bytes of a seed.
class Content {
 public:
  Content(int64_t size, uint32_t seed);
  // Copies what lies from `offset` on, less at the end.
  size_t Copy(int64_t offset, char* buffer, size_t size) const;
  std::string All() const;
  int64_t size() const { return size_; }

 private:
  int64_t size_;
  std::string block_;
};

// What a command's source says, as a stream that is read once.
class Stream : public Source {
 public:
  Stream(const nlohmann::json& spec, uint32_t seed);

  std::optional<int64_t> size_bytes() const override { return std::nullopt; }
  bool can_rewind() const override { return false; }
  absl::StatusOr<size_t> Read(char* buffer, size_t size) override;
  absl::Status Seek(int64_t offset) override;
  void Interrupt() override { interrupted_ = true; }

  // At most `size` bytes, as they come.
  absl::StatusOr<size_t> ReadPiece(char* buffer, size_t size);

 protected:
  Content content_;
  int64_t offset_ = 0;
  std::atomic<bool> interrupted_ = false;

 private:
  const nlohmann::json spec_;
};

// A source of the kind that the command names; nothing if there is none.
std::unique_ptr<Source> MakeSource(const nlohmann::json& spec,
                                   const TellEvent& tell);

}  // namespace lakefs::staging::driver
