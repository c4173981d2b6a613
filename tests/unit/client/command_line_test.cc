#include "client/cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <vector>

#include "client/cli/values.h"
#include "client/failure.h"
#include "tests/testing/places.h"

namespace lakefs::staging {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

absl::StatusOr<CommandLine> Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "lakefs-staging");
  return ParseCommandLine(static_cast<int>(arguments.size()), arguments.data());
}

std::string ErrorOf(const std::vector<const char*>& arguments) {
  const auto line = Parse(arguments);
  EXPECT_FALSE(line.ok());
  EXPECT_EQ(line.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(line.status().message());
}

class CommandLineTest : public ::testing::Test {
 protected:
  void SetUp() override { unsetenv("LAKEFS_STAGING_GATEWAY"); }
  void TearDown() override { unsetenv("LAKEFS_STAGING_GATEWAY"); }
};

TEST_F(CommandLineTest, AMistakeLeadsToTheHelpOfItsCommand) {
  EXPECT_THAT(ErrorOf({"upload", "x"}),
              HasSubstr("see lakefs-staging upload --help"));
  EXPECT_THAT(ErrorOf({"link", "x", "--nosuch"}),
              HasSubstr("see lakefs-staging link --help"));
  EXPECT_THAT(ErrorOf({}), HasSubstr("; see lakefs-staging --help"));
}

TEST_F(CommandLineTest, AMisspeltCommandIsNamedAlone) {
  EXPECT_EQ(ErrorOf({"uplaod", "x", "lakefs://r/b/p"}),
            "\"uplaod\" is no command; write upload, address, link, outcome or "
            "discard; "
            "see lakefs-staging --help");
}

TEST_F(CommandLineTest, UploadTakesAllItsOptions) {
  const auto line =
      Parse({"upload", "-", "lakefs://r/b/p", "--gateway=unix:/run/s",
             "--content-type=text/csv", "--metadata", "a=1", "--metadata=b=x=y",
             "--if-absent", "--force", "--mtime=1714564800", "--request-id=job",
             "--timeout=1m30s", "--json", "--quiet"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->command, CommandLine::Command::kUpload);
  EXPECT_EQ(line->source, "-");
  EXPECT_EQ(line->object.path(), "p");
  EXPECT_EQ(line->gateway, "unix:/run/s");
  EXPECT_EQ(line->content_type, "text/csv");
  EXPECT_THAT(line->user_metadata,
              ElementsAre(Pair("a", "1"), Pair("b", "x=y")));
  EXPECT_TRUE(line->if_absent);
  EXPECT_TRUE(line->force);
  EXPECT_EQ(line->mtime, absl::FromUnixSeconds(1714564800));
  EXPECT_EQ(line->request_id, "job");
  EXPECT_EQ(line->timeout, absl::Seconds(90));
  EXPECT_TRUE(line->json);
  EXPECT_TRUE(line->quiet);
}

TEST_F(CommandLineTest, LinkTakesAllItsOptions) {
  const auto line =
      Parse({"link", "lakefs://r/b/p", "--physical-address=s3://x", "--token=t",
             "--checksum=abc", "--size=12"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->command, CommandLine::Command::kLink);
  EXPECT_EQ(line->physical_address, "s3://x");
  EXPECT_EQ(line->token, "t");
  EXPECT_EQ(line->checksum, "abc");
  EXPECT_EQ(line->size_bytes, 12);
}

TEST_F(CommandLineTest, IfMatchIsOfUploadAndLinkAndExcludesIfAbsent) {
  EXPECT_EQ(Parse({"upload", "f", "lakefs://r/b/p", "--if-match=5d"})->if_match,
            "5d");
  EXPECT_EQ(Parse({"link", "lakefs://r/b/p", "--physical-address=s3://x",
                   "--checksum=abc", "--size=12", "--if-match=5d"})
                ->if_match,
            "5d");
  EXPECT_FALSE(Parse({"upload", "f", "lakefs://r/b/p"})->if_match);
  EXPECT_THAT(ErrorOf({"upload", "f", "lakefs://r/b/p", "--if-match=5d",
                       "--if-absent"}),
              HasSubstr("--if-absent"));
}

TEST_F(CommandLineTest, OutcomeTakesAnIdAndPerhapsATarget) {
  const auto alone = Parse({"outcome", "job 7"});
  ASSERT_TRUE(alone.ok()) << alone.status();
  EXPECT_EQ(alone->command, CommandLine::Command::kOutcome);
  EXPECT_EQ(alone->request_id, "job 7");
  EXPECT_EQ(alone->object.path(), "");
  const auto there = Parse({"outcome", "job 7", "lakefs://r/b/p"});
  ASSERT_TRUE(there.ok()) << there.status();
  EXPECT_EQ(there->object.path(), "p");
  EXPECT_THAT(ErrorOf({"outcome", "job 7", "nonsense"}), HasSubstr("lakefs:"));
  EXPECT_THAT(ErrorOf({"outcome"}), HasSubstr("ID"));
}

TEST_F(CommandLineTest, AddressTakesPresign) {
  const auto line = Parse({"address", "lakefs://r/b/p", "--presign"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->command, CommandLine::Command::kAddress);
  EXPECT_TRUE(line->presign);
}

TEST_F(CommandLineTest, GatewayIsTheFlagElseTheEnvironmentElseTheDefault) {
  EXPECT_EQ(Parse({"address", "lakefs://r/b/p"})->gateway, "127.0.0.1:8765");
  setenv("LAKEFS_STAGING_GATEWAY", "unix:/from/environment", 1);
  EXPECT_EQ(Parse({"address", "lakefs://r/b/p"})->gateway,
            "unix:/from/environment");
  EXPECT_EQ(Parse({"address", "lakefs://r/b/p", "--gateway=h:1"})->gateway,
            "h:1");
}

TEST_F(CommandLineTest, TheSharedFolderIsTheEnvironments) {
  EXPECT_FALSE(Parse({"upload", "f", "lakefs://r/b/p"})->shared);
  setenv("LAKEFS_STAGING_SHARED", "/mine=/gateways", 1);
  const auto line = Parse({"upload", "f", "lakefs://r/b/p"});
  setenv("LAKEFS_STAGING_SHARED", "mine", 1);
  const auto wrong = Parse({"upload", "f", "lakefs://r/b/p"});
  const auto other = Parse({"address", "lakefs://r/b/p"});
  unsetenv("LAKEFS_STAGING_SHARED");
  ASSERT_TRUE(line.ok() && line->shared);
  EXPECT_EQ(line->shared->gateways, "/gateways");
  EXPECT_FALSE(wrong.ok());
  EXPECT_TRUE(other.ok()) << "it matters to uploads alone";
}

TEST_F(CommandLineTest, TlsAndTheAuthorizationAreForEveryCommand) {
  setenv("LAKEFS_STAGING_AUTHORIZATION", "Bearer t", 1);
  for (std::vector<const char*> arguments :
       {std::vector<const char*>{"upload", "-", "lakefs://r/b/p"},
        {"address", "lakefs://r/b/p"},
        {"outcome", "job"}}) {
    for (const char* flag :
         {"--tls", "--ca-file=a", "--client-cert=c", "--client-key=k"}) {
      arguments.push_back(flag);
    }
    const auto line = Parse(arguments);
    ASSERT_TRUE(line.ok()) << line.status();
    EXPECT_TRUE(line->channel.tls);
    EXPECT_EQ(line->channel.ca_file, "a");
    EXPECT_EQ(line->channel.client_cert, "c");
    EXPECT_EQ(line->channel.client_key, "k");
    EXPECT_EQ(line->channel.authorization, "Bearer t");
  }
  unsetenv("LAKEFS_STAGING_AUTHORIZATION");
  EXPECT_EQ(Parse({"outcome", "job"})->channel.authorization, "");
}

TEST_F(CommandLineTest, ErrorsAreOneLineThatNamesTheArgument) {
  const std::pair<std::vector<const char*>, const char*> cases[] = {
      {{}, "a command is missing: upload, address, link, outcome or discard"},
      {{"frob"}, "frob"},
      {{"upload"}, "SOURCE"},
      {{"upload", "x"}, "TARGET"},
      {{"upload", "x", "y"}, "\"y\" does not begin with lakefs://"},
      {{"upload", "x", "lakefs://r/b/p", "z"}, "z"},
      {{"upload", "x", "lakefs://r/b/p", "--frob"}, "--frob"},
      {{"upload", "x", "lakefs://r/b/p", "--mtime=noon"}, "--mtime \"noon\""},
      {{"upload", "x", "lakefs://r/b/p", "--timeout=0"}, "--timeout \"0\""},
      {{"upload", "x", "lakefs://r/b/p", "--metadata=a"}, "--metadata \"a\""},
      {{"link", "lakefs://r/b/p", "--checksum=c", "--size=1"},
       "--physical-address"},
      {{"link", "lakefs://r/b/p", "--physical-address=a", "--checksum=c",
        "--size=-1"},
       "--size \"-1\""},
  };
  for (const auto& [arguments, what] : cases) {
    const std::string error = ErrorOf(arguments);
    EXPECT_THAT(error, HasSubstr(what));
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
}

TEST_F(CommandLineTest, AStateFileIsOfUploadAndDiscard) {
  EXPECT_EQ(Parse({"upload", "a", "lakefs://r/b/p", "--resume=s"})->state_file,
            "s");
  const auto discard = Parse({"discard", "s", "--gateway=h:1"});
  ASSERT_TRUE(discard.ok());
  EXPECT_EQ(discard->command, CommandLine::Command::kDiscard);
  EXPECT_EQ(discard->state_file, "s");
  EXPECT_EQ(discard->gateway, "h:1");
  EXPECT_THAT(ErrorOf({"discard"}), HasSubstr("STATE_FILE"));
}

TEST_F(CommandLineTest, VersionIsTheProjects) {
  const auto line = Parse({"--version"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->command, CommandLine::Command::kPrint);
  EXPECT_EQ(line->text, "lakefs-staging " LAKEFS_STAGING_VERSION "\n");
}

// --help as it stands in tests/golden/client; UPDATE_GOLDEN=1 rewrites it.
TEST_F(CommandLineTest, HelpIsTheGoldenOne) {
  for (const std::string command : {"", "upload", "address", "link"}) {
    const auto line = command.empty() ? Parse({"--help"})
                                      : Parse({command.c_str(), "--help"});
    ASSERT_TRUE(line.ok()) << line.status();
    const std::string file = lakefs::gateway::testing::SourceDir() +
                             "/tests/golden/client/help" +
                             (command.empty() ? "" : "_") + command + ".txt";
    if (getenv("UPDATE_GOLDEN") != nullptr) std::ofstream(file) << line->text;
    std::stringstream golden;
    golden << std::ifstream(file).rdbuf();
    EXPECT_EQ(line->text, golden.str()) << file;
  }
}

TEST(ValuesTest, MtimeIsRfc3339OrSeconds) {
  const absl::Time noon = absl::FromUnixSeconds(1714564800);
  for (const char* text :
       {"2024-05-01T12:00:00Z", "2024-05-01T14:00:00+02:00", "1714564800"}) {
    EXPECT_EQ(ParseMtime(text).value_or(absl::Time()), noon) << text;
  }
  for (const char* text : {"", "noon", "2024-05-01", "infinite-future",
                           "-infinite", "1714564800.5"}) {
    EXPECT_FALSE(ParseMtime(text).ok()) << text;
  }
}

TEST(ValuesTest, TimeoutIsSecondsOrASpan) {
  EXPECT_EQ(ParseTimeout("30").value_or(absl::Duration()), absl::Seconds(30));
  EXPECT_EQ(ParseTimeout("0.5").value_or(absl::Duration()),
            absl::Milliseconds(500));
  EXPECT_EQ(ParseTimeout("5m").value_or(absl::Duration()), absl::Minutes(5));
  for (const char* text : {"", "0", "-1", "-5m", "inf", "nan", "soon"}) {
    EXPECT_FALSE(ParseTimeout(text).ok()) << text;
  }
}

TEST(ValuesTest, MetadataKeysAreThereAndComeOnce) {
  const auto metadata = ParseMetadata({"a=", "b=c=d"});
  ASSERT_TRUE(metadata.ok()) << metadata.status();
  EXPECT_THAT(*metadata, ElementsAre(Pair("a", ""), Pair("b", "c=d")));
  EXPECT_FALSE(ParseMetadata({"=a"}).ok());
  EXPECT_FALSE(ParseMetadata({"a"}).ok());
  EXPECT_FALSE(ParseMetadata({"a=1", "a=2"}).ok());
}

}  // namespace
}  // namespace lakefs::staging
