#include "gateway/staging/upload_request.h"

#include <gmock/gmock.h>

namespace lakefs::gateway::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Fields(const std::vector<FieldViolation>& found) {
  std::vector<std::string> fields;
  for (const FieldViolation& violation : found) {
    fields.push_back(violation.field);
  }
  return fields;
}

const ObjectPath kGood{"repo-1", "main", "a b/ä%2B"};

TEST(UploadRequestTest, AnythingThatLakefsTakesAsAPathIsTaken) {
  for (const std::string& path :
       {std::string("/lead"), std::string("a//b"), std::string(1024, 'x'),
        std::string("line\nbreak"), std::string("..")}) {
    EXPECT_THAT(Violations(ObjectPath{"repo", "main", path}, ""), IsEmpty());
  }
}

TEST(UploadRequestTest, NamesAndPathAreChecked) {
  EXPECT_THAT(Fields(Violations(ObjectPath{}, "o.")),
              ElementsAre("o.repository", "o.branch", "o.path"));
  for (const char* repository : {"ab", "-abc", "Abc", "a_c", "a/b"}) {
    EXPECT_THAT(Fields(Violations(ObjectPath{repository, "b", "p"}, "")),
                ElementsAre("repository"));
  }
  EXPECT_THAT(
      Fields(Violations(ObjectPath{"repo", "b\n", std::string(1025, 'x')}, "")),
      ElementsAre("branch", "path"));
  EXPECT_THAT(
      Fields(Violations(ObjectPath{"repo", "b", std::string("a\0b", 3)}, "")),
      ElementsAre("path"));
}

TEST(UploadRequestTest, ABranchIsNamedByLakefssRule) {
  for (const char* branch : {"main", "m", "Feature_1-x", "9", "_x", "a--"}) {
    EXPECT_THAT(Violations(ObjectPath{"repo", branch, "p"}, ""), IsEmpty());
  }
  for (const char* branch :
       {"main~1", "main^", "feature/x", "-x", "a b", "main@", "a.b", " main",
        "main ", "\xC3\xA4", "main\n", "c:d"}) {
    EXPECT_THAT(Fields(Violations(ObjectPath{"repo", branch, "p"}, "")),
                ElementsAre("branch"))
        << branch;
  }
}

TEST(UploadRequestTest, IfMatchIsAChecksumAndExcludesIfAbsent) {
  UploadRequest request{.object = kGood, .if_match = "5d-2"};
  EXPECT_THAT(Violations(request), IsEmpty());
  // An empty one is a mistake, and no leave to overwrite.
  for (const std::string& checksum :
       {std::string(), std::string(" a"), std::string("a\n"),
        std::string("\xC3\xA4"), std::string(1025, 'a')}) {
    request.if_match = checksum;
    EXPECT_THAT(Fields(Violations(request)), ElementsAre("header.if_match"));
  }
  request.if_match = "5d";
  request.if_absent = true;
  EXPECT_THAT(Fields(Violations(request)),
              ElementsAre("header.if_absent", "header.if_match"));
}

TEST(UploadRequestTest, ARequestIdHasNoBlanksAroundIt) {
  UploadRequest request{.object = kGood, .request_id = "a b"};
  EXPECT_THAT(Violations(request), IsEmpty());
  for (const char* id : {" a", "a ", " "}) {
    request.request_id = id;
    EXPECT_THAT(Fields(Violations(request)), ElementsAre("header.request_id"));
  }
}

TEST(UploadRequestTest, AnAttemptIsOneOfARequestId) {
  UploadRequest request{.object = kGood, .attempt = 1};
  EXPECT_THAT(Fields(Violations(request)), ElementsAre("header.attempt"));
  request.request_id = "r";
  for (const uint32_t attempt : {0u, 1u, 2u, 4'294'967'295u}) {
    request.attempt = attempt;
    EXPECT_THAT(Violations(request), IsEmpty());
    EXPECT_EQ(MayBeRepetition(request), attempt != 1);
  }
  request.request_id.clear();
  request.attempt = 0;
  EXPECT_FALSE(MayBeRepetition(request));
}

TEST(UploadRequestTest, EveryViolationIsListed) {
  UploadRequest request{.object = kGood};
  EXPECT_THAT(Violations(request), IsEmpty());
  request.content_type = std::string(257, 'x');
  request.user_metadata = {{"", "v"}, {"k", std::string(9000, 'x')}};
  request.size_bytes = -1;
  request.mtime = WallTime(std::chrono::seconds(-5));
  request.request_id = "ä";
  EXPECT_THAT(Fields(Violations(request)),
              ElementsAre("header.content_type", "header.user_metadata",
                          "header.user_metadata", "header.mtime",
                          "header.size_bytes", "header.request_id"));
}

TEST(UploadRequestTest, ALinkNeedsAnAddressAndAChecksum) {
  EXPECT_THAT(Fields(Violations(StagingMetadata{.size_bytes = -1})),
              ElementsAre("metadata.staging.physical_address",
                          "metadata.checksum", "metadata.size_bytes"));
}

}  // namespace
}  // namespace lakefs::gateway::testing
