// An ObjectStore whose answers a test writes down.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "gateway/objectstore/object_store.h"

namespace lakefs::gateway::testing {

// Takes all that is put, and puts parts together by itself, unless a test says
// otherwise.
class FakeStore final : public ObjectStore {
 public:
  int puts = 0;  // of whole objects
  std::string put_at;
  std::string content_type;  // of the last object
  // Each may refuse; the default is an acknowledgement.
  std::function<absl::Status(int number)> on_part = [](int) {
    return absl::OkStatus();
  };
  std::function<absl::Status()> on_complete = [] { return absl::OkStatus(); };
  std::function<absl::Status(const Rope& bytes)> on_put = [](const Rope&) {
    return absl::OkStatus();
  };

  absl::StatusOr<StoredObject> Put(const CallContext&,
                                   const StagingLocation& location,
                                   const Rope& bytes,
                                   const std::string& type) override {
    ++puts;
    put_at = location.physical_address;
    content_type = type;
    if (auto s = on_put(bytes); !s.ok()) return s;
    return StoredObject{.checksum = "whole", .etag = "whole"};
  }
  absl::StatusOr<std::unique_ptr<PartedUpload>> BeginParts(
      const CallContext&, const StagingLocation&, int64_t,
      const std::string& type) override {
    content_type = type;
    return std::make_unique<Upload>(*this);
  }

 private:
  class Upload final : public PartedUpload {
   public:
    explicit Upload(FakeStore& store) : store_(store) {}
    absl::StatusOr<StoredPart> PutPart(const CallContext&, int number,
                                       const Rope&) override {
      if (auto s = store_.on_part(number); !s.ok()) return s;
      return StoredPart{.number = number, .etag = "e"};
    }
    absl::StatusOr<StoredObject> Complete(
        const CallContext&, std::span<const StoredPart>) override {
      if (auto s = store_.on_complete(); !s.ok()) return s;
      return StoredObject{.checksum = "together", .etag = "together"};
    }
    absl::Status Abort(const CallContext&) override { return absl::OkStatus(); }

   private:
    FakeStore& store_;
  };
};

}  // namespace lakefs::gateway::testing
