// Bytes that go through lakeFS, release by release.
#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/emulator/branch.h"
#include "tests/emulator/media_type.h"
#include "tests/unit/emulator/emulator_fixture.h"

namespace lakefs::gateway::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

EmulatorOptions With(Dialect dialect, StoreKind store = StoreKind::kS3,
                     bool presign = false) {
  EmulatorOptions options;
  options.dialect = dialect;
  options.store = store;
  options.presign = presign;
  return options;
}

class PostObjectsTest : public EmulatorFixture {
 protected:
  explicit PostObjectsTest(EmulatorOptions options)
      : EmulatorFixture(std::move(options)) {}

  // By a form before v1.0, whose part is of this type.
  Answer Post(const std::string& path, const std::string& type,
              ApiClient::Headers headers = {},
              const std::string& body = "hello",
              const std::string& branch = "main") {
    return PostBy(*client_, path, type, std::move(headers), body, branch);
  }

  Answer PostBy(ApiClient& client, const std::string& path,
                const std::string& type, ApiClient::Headers headers,
                const std::string& body, const std::string& branch = "main") {
    headers["Content-Type"] = form_ ? "multipart/form-data; boundary=X" : type;
    return client.Call(
        "POST", absl::StrCat("repositories/repo/branches/", branch, "/objects"),
        {{"path", path}}, form_ ? Form(type, body) : body, std::move(headers));
  }

  static std::string Form(const std::string& type, const std::string& body) {
    return absl::StrCat(
        "--X\r\nContent-Disposition: form-data; name=\"content\"; "
        "filename=\"f\"\r\nContent-Type: ",
        type, "\r\n\r\n", body, "\r\n--X--\r\n");
  }

  std::string AddressAt(const std::string& path) {
    return client_->Stat(path).Json()["physical_address"];
  }

  // Callers at once that create one path; how many hear that they did.
  int Creators(const std::string& path, int callers) {
    // Long enough to lie between a look and a write.
    const std::string body(size_t{1} << 20, 'x');
    std::atomic<int> created{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < callers; ++i) {
      threads.emplace_back([&] {
        ApiClient client(emulator_);
        created +=
            PostBy(client, path, "text/csv", {{"If-None-Match", "*"}}, body)
                .status == 201;
      });
    }
    for (std::thread& thread : threads) thread.join();
    return created;
  }

  bool form_ = false;
};

class PostV0_66Test : public PostObjectsTest {
 protected:
  PostV0_66Test() : PostObjectsTest(With(Dialect::kV0_66)) { form_ = true; }
};

class PostV0_101Test : public PostObjectsTest {
 protected:
  PostV0_101Test() : PostObjectsTest(With(Dialect::kV0_101)) { form_ = true; }
};

class PostV1_21Test : public PostObjectsTest {
 protected:
  PostV1_21Test() : PostObjectsTest(With(Dialect::kV1_21)) {}
};

class PostV1_84Test : public PostObjectsTest {
 protected:
  PostV1_84Test() : PostObjectsTest(With(Dialect::kV1_84)) {}
};

class PostLocalTest : public PostObjectsTest {
 protected:
  PostLocalTest() : PostObjectsTest(With(Dialect::kV1_84, StoreKind::kLocal)) {}
};

TEST_F(PostV0_66Test, KeepsTheTypeOfTheFormsPartAndNoMetadata) {
  EXPECT_EQ(Post("a", "text/csv", {{"x-lakefs-meta-k", "v"}}).status, 201);
  json stats = client_->Stat("a").Json();
  EXPECT_EQ(stats["content_type"], "text/csv");
  EXPECT_FALSE(stats.contains("metadata"));
}

TEST_F(PostV0_101Test, KeepsTheTypeOfTheFormsPartAndNoMetadata) {
  EXPECT_EQ(Post("a", "text/csv", {{"x-lakefs-meta-k", "v"}}).status, 201);
  json stats = client_->Stat("a").Json();
  EXPECT_EQ(stats["content_type"], "text/csv");
  EXPECT_FALSE(stats.contains("metadata"));
}

TEST_F(PostV0_66Test, StoresBesideTheAddressesThatItGivesOut) {
  Post("a", "text/csv");
  EXPECT_THAT(AddressAt("a"), Not(HasSubstr("/data/")));
  EXPECT_THAT(client_->Mint("a")["physical_address"].get<std::string>(),
              HasSubstr("/data/"));
}

TEST_F(PostV0_66Test, OneOfManyCreatesAnObject) {
  for (int round = 0; round < 5; ++round) {
    EXPECT_EQ(Creators(absl::StrCat("a", round), 4), 1);
  }
}

TEST_F(PostV0_101Test, TheConditionIsLookedAtAndNotKept) {
  Post("taken", "text/csv");
  EXPECT_EQ(Post("taken", "text/csv", {{"If-None-Match", "*"}}).status, 412);
  int creators = 0;
  for (int round = 0; creators < 2 && round < 500; ++round) {
    creators = Creators(absl::StrCat("a", round), 4);
  }
  EXPECT_GE(creators, 2);
}

// One of them creates it, the others are skipped.
TEST_F(PostV1_21Test, SeveralHearThatTheyCreatedAnObject) {
  int creators = 0;
  for (int round = 0; creators < 2 && round < 500; ++round) {
    creators = Creators(absl::StrCat("a", round), 4);
  }
  EXPECT_GE(creators, 2);
}

TEST_F(PostV1_84Test, OneOfManyHearsThatItCreatedAnObject) {
  for (int round = 0; round < 5; ++round) {
    EXPECT_EQ(Creators(absl::StrCat("a", round), 4), 1);
  }
}

TEST_F(PostV1_84Test, MetadataAreHeaders) {
  EXPECT_EQ(Post("a", "text/csv",
                 {{"X-Lakefs-Meta-Owner", " a=b&c 100%25 "},
                  {"X-Lakefs-Internal-Client-Mtime", "7"}})
                .status,
            201);
  json metadata = client_->Stat("a").Json()["metadata"];
  EXPECT_EQ(metadata,
            json({{"owner", "a=b&c 100%25"}, {"::lakefs::client-mtime", "7"}}));
}

TEST_F(PostV1_84Test, ATypeThatCannotBeParsedIsAnError) {
  Answer refused = Post("a", "text/html; charset");
  EXPECT_EQ(refused.status, 500);
  EXPECT_EQ(refused.Message(), "mime: invalid media parameter");
  EXPECT_EQ(client_->Stat("a").status, 404);
  EXPECT_EQ(Post("a", "text/html; charset=utf-8").status, 201);
  EXPECT_EQ(client_->Stat("a").Json()["content_type"],
            "text/html; charset=utf-8");
}

TEST(MediaTypeTest, IsATypeAndParametersWithValues) {
  for (const char* good :
       {"text/html", "text", " text/html ", "a/b;c=d", "a/b; c=\"d;e\"; f=g",
        "a/b;", "a/b; c=\"\"", "a/b ; c = d"}) {
    EXPECT_TRUE(CheckMediaType(good).ok()) << good;
  }
  const std::pair<const char*, const char*> kBad[] = {
      {"", "mime: no media type"},
      {"/html", "mime: no media type"},
      {"text html", "mime: expected slash in first token"},
      {"text/", "mime: expected token after slash"},
      {"text/html/x", "mime: unexpected content after media subtype"},
      {"text/html; charset", "mime: invalid media parameter"},
      {"text/html; charset=", "mime: invalid media parameter"},
      {"text/html; c=\"d", "mime: invalid media parameter"},
      {"text/html; c=d; C=e", "mime: duplicate parameter name"},
  };
  for (const auto& [bad, why] : kBad) {
    EXPECT_EQ(CheckMediaType(bad).message(), why) << bad;
  }
}

// What a link of the address that a POST has given its object comes to.
TEST_F(PostV1_84Test, ItsAddressIsNotSignedAndCannotBeLinked) {
  Post("a", "text/csv");
  EXPECT_THAT(AddressAt("a"), Not(HasSubstr(",")));
  Answer link = client_->Link("a", {{"physical_address", AddressAt("a")}});
  EXPECT_EQ(link.status, 400);
  EXPECT_EQ(link.Message(), "address is not signed: link address invalid");
}

TEST_F(PostV1_21Test, ItsAddressCannotBeLinked) {
  Post("a", "text/csv");
  Answer link = client_->Link("a", {{"physical_address", AddressAt("a")}});
  EXPECT_EQ(link.status, 400);
  EXPECT_EQ(link.Message(), "bad address token (expired or invalid)");
}

TEST_F(PostLocalTest, ItsAddressCanBeLinked) {
  Post("a", "text/csv");
  EXPECT_EQ(client_->Link("a", {{"physical_address", AddressAt("a")}}).status,
            200);
}

TEST_F(PostV0_66Test, ItsAddressCanBeLinked) {
  Post("a", "text/csv");
  json staging = {{"physical_address", AddressAt("a")}, {"token", "any"}};
  EXPECT_EQ(client_->Link("a", staging).status, 200);
}

TEST_F(PostV1_84Test, WithoutPresignThereAreNoUrls) {
  json config = client_->Call("GET", "config").Json()["storage_config"];
  EXPECT_EQ(config["blockstore_type"], "s3");
  EXPECT_EQ(config["pre_sign_support"], false);
  EXPECT_EQ(config["pre_sign_multipart_upload"], false);
  Answer address =
      client_->Call("GET", "repositories/repo/branches/main/staging/backing",
                    {{"path", "a"}, {"presign", "true"}});
  EXPECT_EQ(address.status, 500);
  EXPECT_EQ(address.Message(), "operation not supported");
  json staging = client_->Mint("a");
  EXPECT_EQ(staging["presigned_url"], nullptr);
  EXPECT_EQ(client_->Link("a", staging).status, 200);
  EXPECT_EQ(client_
                ->CallJson("POST", "branches/main/staging/pmpu",
                           {{"path", "a"}}, nullptr)
                .status,
            501);
}

// Names that no branch may have.
TEST_F(PostV1_84Test, BranchNamesAreChecked) {
  Answer refused = Post("a", "text/csv", {}, "hello", "main~1");
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.Message(),
            "argument name: branch id: invalid value: validation error");
  EXPECT_EQ(Post("a", "text/csv", {}, "hello", "nosuch").status, 404);
}

TEST_F(PostV0_66Test, BranchNamesThatNoneMayHaveAreAnInternalError) {
  EXPECT_EQ(Post("a", "text/csv", {}, "hello", "main~1").status, 500);
  const std::string backing =
      "repositories/repo/branches/main~1/staging/backing";
  EXPECT_EQ(client_->Call("GET", backing, {{"path", "a"}}).status, 500);
  Answer link = client_->Link("a", client_->Mint("a"), {}, "main~1");
  EXPECT_EQ(link.status, 500);
  EXPECT_EQ(link.Message(),
            "argument branch: branch id: invalid value: validation error");
}

TEST_F(PostV0_101Test, BranchNamesThatNoneMayHaveAreRefusedByTheLink) {
  const std::string backing =
      "repositories/repo/branches/main~1/staging/backing";
  EXPECT_EQ(client_->Call("GET", backing, {{"path", "a"}}).status, 500);
  Answer link = client_->Link("a", client_->Mint("a"), {}, "main~1");
  EXPECT_EQ(link.status, 400);
}

TEST_F(PostV1_84Test, ARefWithAnAtSignShowsOnlyWhatIsCommitted) {
  Post("a", "text/csv", {}, "old");
  EXPECT_EQ(client_->Stat("a").status, 200);
  EXPECT_EQ(client_->Stat("a", "main@").status, 404);
  ASSERT_TRUE(emulator_.Commit("repo", "main").ok());
  Post("a", "text/csv", {}, "newer");
  EXPECT_EQ(client_->Stat("a", "main@").Json()["size_bytes"], 3);
  EXPECT_EQ(client_->Stat("a").Json()["size_bytes"], 5);
  EXPECT_EQ(client_->Stat("a", "nosuch@").status, 404);
  EXPECT_EQ(client_
                ->Call("GET", "repositories/repo/refs/main%40/objects",
                       {{"path", "a"}})
                .body,
            "old");
}

TEST_F(PostV1_21Test, AnAddressIsTakenOnceButNotAtomically) {
  bool both = false;
  for (int round = 0; !both && round < 1000; ++round) {
    const json staging = client_->Mint("a");
    std::atomic<int> linked{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        ApiClient client(emulator_);
        linked += client.Link("a", staging).status == 200;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(client_->Link("a", staging).status, 400);
    both = linked > 1;
  }
  EXPECT_TRUE(both);
}

TEST(CreateExactlyTest, CreatesOnceThoughCommitsGetIn) {
  Branch branch("main", std::make_shared<CommitNode>());
  std::atomic<bool> done{false};
  std::thread committer([&] {
    for (int i = 0; !done; ++i) branch.Commit(absl::StrCat("c", i));
  });
  for (int round = 0; round < 20; ++round) {
    const std::string path = absl::StrCat("a", round);
    std::atomic<int> created{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        created +=
            branch.CreateExactly(path, std::make_shared<const Entry>()) ==
            Branch::WriteResult::kWritten;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(created, 1);
    EXPECT_NE(branch.Find(path), nullptr);
  }
  done = true;
  committer.join();
  EXPECT_EQ(branch.ReadAll().size(), 20u);
}

}  // namespace
}  // namespace lakefs::gateway::testing
