// Bodies of type multipart/form-data.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "tests/emulator/content_writer.h"

namespace lakefs::gateway::testing {

// What the head of a form's field says.
struct FormField {
  std::string content_type;  // Empty if the field has none.
  bool has_filename = false;
};

// Takes one field out of a form as it arrives, so that a large one need not be
// in memory.
class FormReader {
 public:
  // Hands the bytes of the field `name` on to `object`. `content_type` is the
  // request's, with the boundary.
  FormReader(absl::string_view content_type, absl::string_view name,
             ContentWriter& object);

  void Append(absl::string_view data);

  // The field, once all of it has come; nullopt if the form has none.
  const std::optional<FormField>& field() const { return found_; }

 private:
  enum class State { kBoundary, kHead, kBytes, kDone };

  bool Step();
  bool FindBoundary();
  bool TakeHead();
  bool TakeBytes();

  const std::string boundary_;  // Empty if the request names none.
  const std::string mark_;      // Of the field's head.
  ContentWriter& object_;
  State state_ = State::kBoundary;
  std::string buffer_;                // What came and is not understood yet.
  std::optional<FormField> reading_;  // The field, if this is the one.
  std::optional<FormField> found_;
};

}  // namespace lakefs::gateway::testing
