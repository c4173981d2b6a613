#include "tests/emulator/form_data.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace lakefs::gateway::testing {
namespace {

constexpr absl::string_view kHeadEnd = "\r\n\r\n";

std::string BoundaryOf(absl::string_view content_type) {
  size_t at = content_type.find("boundary=");
  if (at == absl::string_view::npos) return "";
  absl::string_view boundary = content_type.substr(at + 9);
  boundary = boundary.substr(0, boundary.find(';'));
  absl::ConsumePrefix(&boundary, "\"");
  absl::ConsumeSuffix(&boundary, "\"");
  return absl::StrCat("--", boundary);
}

}  // namespace

FormReader::FormReader(absl::string_view content_type, absl::string_view name,
                       ContentWriter& object)
    : boundary_(BoundaryOf(content_type)),
      mark_(absl::StrCat("name=\"", name, "\"")),
      object_(object),
      state_(boundary_.empty() ? State::kDone : State::kBoundary) {}

void FormReader::Append(absl::string_view data) {
  if (state_ == State::kDone) return;
  buffer_.append(data.data(), data.size());
  while (Step()) {
  }
}

// Understands some of the buffer; false if that takes more of the body.
bool FormReader::Step() {
  switch (state_) {
    case State::kBoundary:
      return FindBoundary();
    case State::kHead:
      return TakeHead();
    case State::kBytes:
      return TakeBytes();
    case State::kDone:
      break;
  }
  return false;
}

bool FormReader::FindBoundary() {
  size_t at = buffer_.find(boundary_);
  if (at == std::string::npos) return false;
  buffer_.erase(0, at + boundary_.size());
  state_ = State::kHead;
  return true;
}

bool FormReader::TakeHead() {
  size_t end = buffer_.find(kHeadEnd.data());
  if (end == std::string::npos) return false;
  std::string head = buffer_.substr(0, end);
  buffer_.erase(0, end + kHeadEnd.size());
  state_ = State::kBytes;
  reading_.reset();
  if (!absl::StrContains(head, mark_)) return true;
  reading_ = {.has_filename = absl::StrContains(head, "filename=")};
  for (absl::string_view line : absl::StrSplit(head, "\r\n")) {
    if (absl::StartsWithIgnoreCase(line, "content-type:")) {
      reading_->content_type = std::string(
          absl::StripAsciiWhitespace(line.substr(line.find(':') + 1)));
    }
  }
  return true;
}

bool FormReader::TakeBytes() {
  std::string end = absl::StrCat("\r\n", boundary_);
  size_t at = buffer_.find(end);
  bool ends = at != std::string::npos;
  // A boundary may have come in part.
  if (!ends) at = buffer_.size() - std::min(buffer_.size(), end.size() - 1);
  if (reading_.has_value()) {
    object_.Append(absl::string_view(buffer_).substr(0, at));
  }
  buffer_.erase(0, at);
  if (!ends) return false;
  found_ = reading_;
  state_ = found_.has_value() ? State::kDone : State::kBoundary;
  return true;
}

}  // namespace lakefs::gateway::testing
