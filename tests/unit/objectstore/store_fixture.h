// What the tests of the stores share.
#pragma once

#include <gmock/gmock.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/http/rope.h"
#include "gateway/lakefs/lakefs_api.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_http_client.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {

// A rope of two pieces, as a part of several chunks is.
inline Rope RopeOf(const std::string& text) {
  Rope rope;
  rope.Append(text.substr(0, text.size() / 2));
  rope.Append(text.substr(text.size() / 2));
  return rope;
}

// An error's XML, as S3 and Azure send it.
inline std::string ErrorXml(const std::string& code) {
  return absl::StrCat("<?xml version=\"1.0\"?><Error><Code>", code,
                      "</Code><Message>no</Message></Error>");
}

class StoreFixture : public ::testing::Test {
 protected:
  // What no message may hold.
  static constexpr char kSecret[] = "hush";

  FakeClock clock_;
  CallContext context_{clock_, clock_.Now() + std::chrono::seconds(60), "test"};
  FakeHttpClient http_;
};

}  // namespace lakefs::gateway::testing
