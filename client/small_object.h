// An object of an UploadMany.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "client/upload_options.h"
#include "lakefs_staging/v1/staging.pb.h"

namespace lakefs::staging {

struct SmallObject {
  v1::ObjectPath target;
  std::string data;  // at most 4 MiB
  ObjectOptions options;
};

// Gives the next object, nothing behind the last.
using NextObject = std::function<std::optional<SmallObject>()>;

// Is told what became of the object that was given as the `number`th, from 0
// on: a result or error as Client::Upload has them, and how many calls were
// made for it.
using TellResult = std::function<void(
    uint64_t number, absl::StatusOr<v1::UploadResult> result, int attempts)>;

}  // namespace lakefs::staging
