#include "gateway/settings/settings.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <regex>

#include "gateway/settings/settings_fields.h"
#include "tests/testing/golden.h"
#include "tests/testing/matchers.h"
#include "tests/testing/places.h"

namespace lakefs::gateway::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const Environment kComplete = {
    {"LAKECTL_SERVER_ENDPOINT_URL", "http://h:1"},
    {"LAKECTL_CREDENTIALS_ACCESS_KEY_ID", "id"},
    {"LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", "marked-secret"}};

absl::StatusOr<CommandLine> Read(std::vector<const char*> flags,
                                 const Environment& environment = kComplete) {
  flags.insert(flags.begin(), "lakefs-staging-gateway");
  return ReadSettings(static_cast<int>(flags.size()), flags.data(),
                      environment);
}

class SettingsTest : public ::testing::Test {
 protected:
  SettingsTest() {
    char name[] = "/tmp/settings-test-XXXXXX";
    home_ = mkdtemp(name);
  }
  ~SettingsTest() override { std::filesystem::remove_all(home_); }
  std::string Write(const std::string& name, const std::string& text) {
    std::ofstream(home_ + "/" + name) << text;
    return home_ + "/" + name;
  }
  std::string home_;
};

TEST_F(SettingsTest, LakefsOwnNamesAreEnough) {
  const auto line = Read({});
  ASSERT_THAT(line, IsOk());
  EXPECT_EQ(line->settings.lakefs_endpoint, "http://h:1");
  EXPECT_EQ(line->settings.access_key_id, "id");
  EXPECT_EQ(line->settings.secret_access_key, "marked-secret");
  EXPECT_THAT(line->settings.listen, ElementsAre("127.0.0.1:8765"));
}

TEST_F(SettingsTest, FlagsGoBeforeEnvironmentBeforeFileBeforeLakectl) {
  const std::string lakectl =
      Write(".lakectl.yaml",
            "server:\n  endpoint_url: http://lakectl\n"
            "credentials:\n  access_key_id: a\n  secret_access_key: b\n");
  chmod(lakectl.c_str(), 0600);
  const std::string config =
      Write("c.yaml", "lakefs-endpoint: http://file\nmax-uploads: 5\n");
  Environment environment = {{"HOME", home_}};
  EXPECT_EQ(Read({}, environment)->settings.lakefs_endpoint, "http://lakectl");
  EXPECT_EQ(Read({}, environment)->settings.secret_access_key, "b");
  environment["LAKEFS_STAGING_CONFIG"] = config;
  EXPECT_EQ(Read({}, environment)->settings.lakefs_endpoint, "http://file");
  EXPECT_EQ(Read({}, environment)->settings.max_uploads, 5);
  environment["LAKECTL_SERVER_ENDPOINT_URL"] = "http://env";
  EXPECT_EQ(Read({}, environment)->settings.lakefs_endpoint, "http://env");
  environment["LAKEFS_STAGING_LAKEFS_ENDPOINT"] = "http://own";
  EXPECT_EQ(Read({}, environment)->settings.lakefs_endpoint, "http://own");
  EXPECT_EQ(Read({"--lakefs-endpoint=http://flag"}, environment)
                ->settings.lakefs_endpoint,
            "http://flag");
}

TEST_F(SettingsTest, ListenIsRepeatable) {
  EXPECT_THAT(
      Read({"--listen=127.0.0.1:0", "--listen", "unix:/x"})->settings.listen,
      ElementsAre("127.0.0.1:0", "unix:/x"));
  const std::string config =
      Write("c.yaml", "listen: [\"127.0.0.1:1\", \"unix:/y\"]\n");
  EXPECT_THAT(Read({"--config", config.c_str()})->settings.listen,
              ElementsAre("127.0.0.1:1", "unix:/y"));
}

TEST_F(SettingsTest, AllowAddressIsRepeatable) {
  EXPECT_EQ(Read({"--allow-address=169.254.171.0/24",
                  "--allow-address=fd00:ec2:80::/64"})
                ->settings.allow_address.size(),
            2U);
  Environment environment = kComplete;
  environment["LAKEFS_STAGING_ALLOW_ADDRESS"] =
      "169.254.171.0/24,fd00:ec2:80::/64";
  EXPECT_EQ(Read({}, environment)->settings.allow_address.size(), 2U);
}

TEST_F(SettingsTest, SourceRootIsRepeatableAndHasANameForCallers) {
  const auto line = Read({"--source-root=/data", "--source-root=/a=/b"});
  ASSERT_THAT(line, IsOk());
  const auto& roots = line->settings.source_roots;
  ASSERT_EQ(roots.size(), 2U);
  EXPECT_EQ(roots[0].callers + " " + roots[0].here, "/data /data");
  EXPECT_EQ(roots[1].callers + " " + roots[1].here, "/a /b");
  for (const char* wrong : {"data", "/", "/data/", "/a=b", "/a,b"}) {
    EXPECT_THAT(Read({absl::StrCat("--source-root=", wrong).c_str()}),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST_F(SettingsTest, PresignedUrlsAreUsedUnlessSwitchedOff) {
  EXPECT_TRUE(Read({})->settings.presign);
  EXPECT_TRUE(Read({"--presign=auto"})->settings.presign);
  EXPECT_FALSE(Read({"--presign=off"})->settings.presign);
}

TEST_F(SettingsTest, EachMistakeIsOneLineThatNamesTheSetting) {
  const std::string bad_field = Write("f.yaml", "nosuch: 1\n");
  const std::string bad_yaml = Write("y.yaml", "a: [\n");
  const std::string bad_value = Write("v.yaml", "unary-timeout: {a: b}\n");
  const std::pair<std::vector<const char*>, const char*> cases[] = {
      {{"--nosuch"}, "--nosuch"},
      {{"--listen=here"}, "--listen=here is neither"},
      {{"--listen=127.0.0.1:99999"}, "--listen=127.0.0.1:99999 is neither"},
      {{"--presign=on"}, "--presign=on is neither auto nor off"},
      {{"--max-uploads=0"}, "--max-uploads=0 is not a number from 1"},
      {{"--max-uploads=x"}, "--max-uploads=x"},
      {{"--unary-timeout=5"}, "--unary-timeout=5 is not a span"},
      {{"--log-level=loud"}, "--log-level=loud"},
      {{"--allow-address=10.0.0.0/33"},
       "--allow-address=10.0.0.0/33 is not ADDRESS/BITS"},
      {{"--max-connection-age=5"}, "--max-connection-age=5 is not a span"},
      {{"--lakefs-endpoint=ftp://x"}, "--lakefs-endpoint=ftp://x"},
      {{"--config", bad_field.c_str()}, "nosuch is not a setting"},
      {{"--config", bad_yaml.c_str()}, "is not YAML"},
      {{"--config", bad_value.c_str()}, "unary-timeout is neither"},
      {{"--config", "/nonexistent"}, "/nonexistent cannot be read"},
  };
  for (const auto& [flags, message] : cases) {
    const auto line = Read(flags);
    EXPECT_THAT(line, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(std::string(line.status().message()), HasSubstr(message));
    EXPECT_THAT(std::string(line.status().message()), Not(HasSubstr("\n")));
  }
}

TEST_F(SettingsTest, EachStoreOfTheListHasWaysOfItsOwn) {
  const std::string file = Write("stores.yaml",
                                 "s3-region: eu-west-1\n"
                                 "stores:\n"
                                 "  - id: minio\n"
                                 "    s3-endpoint: http://minio:9000/\n"
                                 "    s3-access-key-id: id\n"
                                 "    s3-secret-access-key: marked-secret\n"
                                 "  - id: nas\n"
                                 "    local-store: /lake=/mnt\n"
                                 "  - {id: none}\n");
  const std::string flag = "--config=" + file;
  chmod(file.c_str(), 0644);
  const auto open_to_all = Read({flag.c_str()});
  EXPECT_THAT(open_to_all, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(open_to_all.status().message()),
              Not(HasSubstr("marked-secret")));
  chmod(file.c_str(), 0600);
  const auto line = Read({flag.c_str()});
  ASSERT_THAT(line, IsOk());
  const auto& stores = line->settings.stores;
  EXPECT_EQ(stores.size(), 3U);
  EXPECT_EQ(stores.at("minio").s3_endpoint, "http://minio:9000");
  EXPECT_EQ(stores.at("minio").s3_region, "us-east-1");
  EXPECT_EQ(stores.at("minio").s3_secret_access_key, "marked-secret");
  EXPECT_EQ(stores.at("nas").local_store, "/lake");
  EXPECT_EQ(stores.at("nas").local_mount, "/mnt");
  EXPECT_EQ(stores.at("none").s3_access_key_id, "");
  EXPECT_EQ(LocalRoots(line->settings), std::vector<std::string>{"/lake"});
}

TEST_F(SettingsTest, EachMistakeInTheListOfStoresIsOneLineThatNamesIt) {
  const std::pair<const char*, const char*> cases[] = {
      {"stores: {id: a}\n", "stores is not a list"},
      {"stores: [a]\n", "stores, line 1 has no id"},
      {"stores:\n  - s3-region: r\n", "stores, line 2 has no id"},
      {"stores:\n  - id: a\n  - id: a\n", "line 3 has the id of another"},
      {"stores:\n  - id: a\n    listen: x\n", "listen is not a setting of a"},
      {"stores:\n  - id: a\n    nosuch: x\n", "nosuch is not a setting of a"},
      {"stores:\n  - id: a\n    s3-endpoint: x\n", "s3-endpoint=x is not an"},
      {"stores:\n  - id: a\n    s3-access-key-id: x\n",
       "of the store a, s3-acc"},
  };
  for (const auto& [text, message] : cases) {
    const std::string file = Write("stores.yaml", text);
    chmod(file.c_str(), 0600);
    const std::string flag = "--config=" + file;
    const auto line = Read({flag.c_str()});
    EXPECT_THAT(line, StatusIs(absl::StatusCode::kInvalidArgument)) << text;
    EXPECT_THAT(std::string(line.status().message()), HasSubstr(message));
    EXPECT_THAT(std::string(line.status().message()), Not(HasSubstr("\n")));
  }
}

TEST_F(SettingsTest, BlanksAroundWhatTheEnvironmentOrAFileSaysAreCut) {
  Environment environment = {
      {"LAKECTL_SERVER_ENDPOINT_URL", " http://h:1/\n"},
      {"LAKECTL_CREDENTIALS_ACCESS_KEY_ID", "id\r\n"},
      {"LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", "\tmarked-secret\n\n"},
      {"LAKEFS_STAGING_MAX_UPLOADS", "7\n"},
      {"AWS_REGION", "eu-west-1\n"}};
  auto line = Read({}, environment);
  ASSERT_THAT(line, IsOk());
  EXPECT_EQ(line->settings.lakefs_endpoint, "http://h:1");
  EXPECT_EQ(line->settings.access_key_id, "id");
  EXPECT_EQ(line->settings.secret_access_key, "marked-secret");
  EXPECT_EQ(line->settings.max_uploads, 7);
  EXPECT_EQ(line->settings.s3_region, "eu-west-1");
  environment["LAKEFS_STAGING_CONFIG"] =
      Write("config.yaml", "access-key-id: |\n  id2\n") + "\n";
  environment.erase("LAKECTL_CREDENTIALS_ACCESS_KEY_ID");
  ASSERT_EQ(chmod((home_ + "/config.yaml").c_str(), 0600), 0);
  line = Read({}, environment);
  ASSERT_THAT(line, IsOk());
  EXPECT_EQ(line->settings.access_key_id, "id2");
}

TEST_F(SettingsTest, WhatCannotBeAUrlOrAKeyEndsTheStart) {
  const std::pair<const char*, const char*> wrong[] = {
      {"LAKECTL_SERVER_ENDPOINT_URL", "\n"},
      {"LAKECTL_SERVER_ENDPOINT_URL", "http://"},
      {"LAKECTL_SERVER_ENDPOINT_URL", "https:///api/v1"},
      {"LAKECTL_SERVER_ENDPOINT_URL", "http://:8000"},
      {"LAKECTL_SERVER_ENDPOINT_URL", "http://h:80a"},
      {"LAKECTL_SERVER_ENDPOINT_URL", "http://h:99999"},
      {"LAKECTL_SERVER_ENDPOINT_URL", "http://h\nhttp://i"},
      {"LAKECTL_SERVER_ENDPOINT_URL", "http://h /x"},
      {"LAKECTL_SERVER_ENDPOINT_URL", "http://h?x=y"},
      {"AWS_ENDPOINT_URL", "http://[::1]:x"},
      {"LAKEFS_STAGING_PROXY", "http://"},
      {"LAKECTL_CREDENTIALS_ACCESS_KEY_ID", " \n"},
      {"LAKECTL_CREDENTIALS_ACCESS_KEY_ID", "an id"},
      {"LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", "marked-secret\nmore"},
      {"LAKEFS_STAGING_TOKEN", "marked-secret\x01"},
      {"AWS_SECRET_ACCESS_KEY", "marked-secret \xC3\xA4"}};
  for (const auto& [name, value] : wrong) {
    Environment environment = kComplete;
    environment[name] = value;
    const absl::Status status = Read({}, environment).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument)) << value;
    EXPECT_THAT(std::string(status.message()), HasSubstr(name));
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("marked-secret")));
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("\n")));
  }
  for (const char* url : {"http://h", "https://h:443/api/v1", "http://[::1]",
                          "http://[::1]:8000/", "http://lakefs.svc/x%20y"}) {
    Environment environment = kComplete;
    environment["LAKECTL_SERVER_ENDPOINT_URL"] = url;
    EXPECT_THAT(Read({}, environment), IsOk()) << url;
  }
}

TEST_F(SettingsTest, WhatIsMissingIsNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {"LAKECTL_SERVER_ENDPOINT_URL", "lakefs-endpoint is missing"},
      {"LAKECTL_CREDENTIALS_ACCESS_KEY_ID", "access-key-id is missing"},
      {"LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", "secret-access-key is missing"},
  };
  for (const auto& [variable, message] : cases) {
    Environment environment = kComplete;
    environment.erase(variable);
    EXPECT_THAT(std::string(Read({}, environment).status().message()),
                HasSubstr(message));
  }
  EXPECT_THAT(
      Read({"--token-file=/x"}, {{"LAKECTL_SERVER_ENDPOINT_URL", "http://h"}}),
      IsOk());
}

TEST_F(SettingsTest, SecretsAreNoFlags) {
  const std::pair<std::vector<const char*>, const char*> cases[] = {
      {{"--secret-access-key=marked"},
       "--secret-access-key is no flag, since it is secret: set "
       "LAKEFS_STAGING_SECRET_ACCESS_KEY"},
      {{"--token", "marked"}, "set LAKEFS_STAGING_TOKEN"},
      {{"-token=marked"}, "set LAKEFS_STAGING_TOKEN"},
      {{"--s3-session-token=marked"}, "set LAKEFS_STAGING_S3_SESSION_TOKEN"},
      {{"--secret=marked"}, "--secret is not a flag; see --help"},
      {{"--secret", "marked", "--key=marked"}, "--secret, --key is not a flag"},
      {{"-k=marked"}, "-k is not a flag"},
      {{"marked"}, "there is an argument that belongs to no flag"},
  };
  for (const auto& [flags, message] : cases) {
    const auto line = Read(flags);
    EXPECT_THAT(line, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(std::string(line.status().message()), HasSubstr(message));
    EXPECT_THAT(std::string(line.status().message()), Not(HasSubstr("marked")));
  }
}

TEST_F(SettingsTest, AFileWithASecretMustNotBeOpenToOthers) {
  const std::string config = "--config=" + Write("c.yaml", "token: t\n");
  const std::string path = home_ + "/c.yaml";
  for (const mode_t mode : {0644, 0606, 0620}) {
    chmod(path.c_str(), mode);
    const auto line = Read({config.c_str()});
    EXPECT_THAT(line, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(std::string(line.status().message()), HasSubstr("has mode"));
  }
  chmod(path.c_str(), 0640);
  EXPECT_EQ(Read({config.c_str()})->settings.token, "t");
  Write("c.yaml", "log-level: debug\n");
  chmod(path.c_str(), 0644);
  EXPECT_THAT(Read({config.c_str()}), IsOk()) << "there is no secret in it";
}

TEST_F(SettingsTest, TheFileOfLakectlMustNotBeOpenToOthersWhereItsKeysAreUsed) {
  const std::string path =
      Write(".lakectl.yaml",
            "credentials:\n  access_key_id: a\n  secret_access_key: marked\n");
  Environment environment{{"HOME", home_},
                          {"LAKECTL_SERVER_ENDPOINT_URL", "http://x"}};
  chmod(path.c_str(), 0644);
  const auto open = Read({}, environment);
  EXPECT_THAT(open, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(open.status().message()),
              HasSubstr("chmod 600 " + path));
  EXPECT_THAT(std::string(open.status().message()), Not(HasSubstr("marked")));
  EXPECT_THAT(Read({"--auth=pass-through"}, environment), IsOk());
  EXPECT_THAT(Read({"--token-file=/x"}, environment), IsOk());
  EXPECT_THAT(Read({"--credentials-file=/x"}, environment), IsOk());
  environment["LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY"] = "other";
  EXPECT_THAT(Read({}, environment), IsOk());
  environment.erase("LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY");
  chmod(path.c_str(), 0600);
  EXPECT_THAT(Read({}, environment), IsOk());
}

TEST_F(SettingsTest, ASwitchMayStandAlone) {
  EXPECT_FALSE(Read({})->settings.allow_plaintext);
  EXPECT_TRUE(Read({"--allow-plaintext"})->settings.allow_plaintext);
  EXPECT_TRUE(Read({"--allow-plaintext=true"})->settings.allow_plaintext);
  EXPECT_FALSE(Read({"--allow-plaintext=false"})->settings.allow_plaintext);
  const auto both = Read({"--allow-plaintext", "--listen=127.0.0.1:1"});
  EXPECT_TRUE(both->settings.allow_plaintext);
  EXPECT_THAT(both->settings.listen, ElementsAre("127.0.0.1:1"));
  EXPECT_FALSE(Read({"--allow-plaintext=perhaps"}).ok());
}

TEST_F(SettingsTest, TheDocumentHasEverySetting) {
  std::ifstream file(SourceDir() + "/deploy/SETTINGS.md");
  const std::string document{std::istreambuf_iterator<char>(file), {}};
  for (const Field& field : Fields()) {
    const std::string name =
        field.from == From::kAnywhere ? "--" + field.name : VariableOf(field);
    EXPECT_THAT(document, HasSubstr("`" + name + "` |")) << field.name;
  }
}

TEST_F(SettingsTest, TheDocumentHasNoOtherSettingsAndTheirDefaults) {
  std::ifstream file(SourceDir() + "/deploy/SETTINGS.md");
  const std::regex row(R"(^\| `--([a-z0-9-]+)` \|.*\| ([^|]*)\|$)");
  const std::regex in_help(R"(\[([0-9]+|[0-9]+[smh]|true|false|info)\]$)");
  std::smatch match;
  int rows = 0;
  int defaults = 0;
  for (std::string line; std::getline(file, line);) {
    if (!std::regex_search(line, match, row) || match[1] == "config") continue;
    ++rows;
    const Field* field = FindField(std::string(match[1]));
    ASSERT_NE(field, nullptr) << line;
    std::string told = match[2];
    std::erase_if(told, [](char c) { return c == '`' || c == ' '; });
    std::smatch meant;
    if (!std::regex_search(field->help, meant, in_help)) continue;
    ++defaults;
    if (told == "128MiB") told = std::to_string(128 << 20);
    if (told == "256MiB") told = std::to_string(256 << 20);
    if (told == "8GiB") told = std::to_string(int64_t{8} << 30);
    EXPECT_EQ(told, meant[1]) << line;
  }
  EXPECT_GT(rows, 30);
  EXPECT_GT(defaults, 14);
}

TEST_F(SettingsTest, HelpIsGolden) {
  ExpectGolden("gateway_help.txt", Read({"--help"}, {})->text);
  EXPECT_THAT(Read({"--version"}, {})->text,
              HasSubstr("lakefs-staging-gateway "));
}

}  // namespace
}  // namespace lakefs::gateway::testing
