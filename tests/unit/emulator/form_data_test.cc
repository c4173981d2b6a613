// Forms that arrive in pieces.
#include "tests/emulator/form_data.h"

#include <gtest/gtest.h>

namespace lakefs::gateway::testing {
namespace {

constexpr char kType[] = "multipart/form-data; boundary=\"X\"";

// The field "content" of a form that comes in pieces of `piece` bytes, as
// "bytes|type", or "none".
std::string ContentIn(absl::string_view form, size_t piece) {
  ContentWriter writer({});
  FormReader reader(kType, "content", writer);
  for (size_t at = 0; at < form.size(); at += piece) {
    reader.Append(form.substr(at, piece));
  }
  if (!reader.field().has_value()) return "none";
  return *writer.Finish().bytes + "|" + reader.field()->content_type;
}

TEST(FormReaderTest, PiecesOfAnySizeMakeTheField) {
  const std::string form =
      "--X\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\n"
      "content\r\n"
      "--X\r\nContent-Disposition: form-data; name=\"content\"; "
      "filename=\"f\"\r\nContent-Type: text/plain\r\n\r\n"
      "a\r\n--\r\n\r\nb\r\n--Y\r\n"
      "\r\n--X\r\nContent-Disposition: form-data; name=\"content\"\r\n\r\n"
      "twice\r\n--X--\r\n";
  for (size_t piece = 1; piece <= form.size(); ++piece) {
    EXPECT_EQ(ContentIn(form, piece), "a\r\n--\r\n\r\nb\r\n--Y\r\n|text/plain")
        << piece;
  }
}

TEST(FormReaderTest, AFieldThatDoesNotEndIsNone) {
  const std::string form =
      "--X\r\nContent-Disposition: form-data; name=\"content\"\r\n\r\nabc";
  EXPECT_EQ(ContentIn(form, 7), "none");
  EXPECT_EQ(ContentIn(form + "\r\n--X", 7), "abc|");
  EXPECT_EQ(ContentIn("", 1), "none");
}

}  // namespace
}  // namespace lakefs::gateway::testing
