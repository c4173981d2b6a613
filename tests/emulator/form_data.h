// Bodies of type multipart/form-data.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace lakefs::gateway::testing {

struct FormField {
  std::string bytes;
  std::string content_type;  // Empty if the field has none.
  bool has_filename = false;
};

// The field `name` of a form; nullopt if it is not there. `content_type` is the
// request's, with the boundary.
std::optional<FormField> FindFormField(absl::string_view content_type,
                                       absl::string_view body,
                                       absl::string_view name);

}  // namespace lakefs::gateway::testing
