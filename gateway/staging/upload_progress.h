// How far an upload is, for whoever looks on.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

namespace lakefs::gateway {

// Written by the upload's threads, read by any.
struct UploadProgress {
  enum class Phase { kUploading, kCompleting, kLinking };

  std::atomic<Phase> phase{Phase::kUploading};
  // Taken from the caller, each byte once.
  std::atomic<int64_t> received_bytes{0};
  // Acknowledged by the store, for the present address.
  std::atomic<int64_t> stored_bytes{0};

  // Takes the token by which the upload can be gone on with from `offset`;
  // false if its caller is gone. Empty: nobody wants one. Set before the upload
  // begins, called by any thread; does not block.
  std::function<bool(std::string token, int64_t offset)> checkpoint;
};

}  // namespace lakefs::gateway
