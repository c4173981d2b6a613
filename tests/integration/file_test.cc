// UploadFile by each plan, and of files that are not what they seem, with the
// whole program.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/create_channel_posix.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <ostream>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "gateway/base/crc32c.h"
#include "tests/testing/places.h"
#include "tests/testing/run_command.h"
#include "tests/testing/stage.h"

namespace lakefs::gateway::testing {
namespace {

namespace fs = std::filesystem;
namespace pb = ::lakefs::staging::v1;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr size_t kMiB = 1 << 20;

// How a file gets to the store, and what that takes.
struct Way {
  std::string name;
  EmulatorOptions options;
  size_t size = 0;
  pb::Plan plan = pb::PLAN_UNSPECIFIED;
  bool if_absent = false;
  bool own_keys = false;    // to S3
  bool own_folder = false;  // of the local store
};

void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }

const Way kWays[] = {
    {"empty", {}, 0, pb::PLAN_SINGLE_PUT},
    {"small", {}, 5, pb::PLAN_SINGLE_PUT},
    {"parts", {}, 20 * kMiB + 7, pb::PLAN_MULTIPART},
    {"one PUT under a condition", {}, 20 * kMiB + 7, pb::PLAN_SINGLE_PUT, true},
    {"one PUT of v0.101",
     {.dialect = Dialect::kV0_101},
     20 * kMiB + 7,
     pb::PLAN_SINGLE_PUT},
    {"one PUT to Google",
     {.store = StoreKind::kGcs},
     20 * kMiB + 7,
     pb::PLAN_SINGLE_PUT},
    {"blocks",
     {.store = StoreKind::kAzure},
     20 * kMiB + 7,
     pb::PLAN_AZURE_BLOCKS},
    {"keys of our own",
     {.dialect = Dialect::kV0_66},
     20 * kMiB + 7,
     pb::PLAN_DIRECT_S3,
     false,
     true},
    {"a volume of our own",
     {.store = StoreKind::kLocal},
     20 * kMiB + 7,
     pb::PLAN_LOCAL_FILE,
     false,
     false,
     true},
    {"through lakeFS",
     {.dialect = Dialect::kV0_66},
     20 * kMiB + 7,
     pb::PLAN_THROUGH_LAKEFS},
};

class FileTest : public ::testing::Test {
 protected:
  FileTest() {
    char name[] = "/tmp/file-test-XXXXXX";
    folder_ = mkdtemp(name);
    fs::permissions(folder_, fs::perms(0755));
    fs::create_directories(shared_ = folder_ / "shared");
    fs::create_directories(store_ = folder_ / "store");
    fs::permissions(shared_, fs::perms(0777));
  }
  ~FileTest() override { fs::remove_all(folder_); }

  void Begin(const Way& way = {}, std::vector<std::string> flags = {}) {
    EmulatorOptions options = way.options;
    options.now = [this] {
      absl::MutexLock lock(&mu_);
      if (until_change_ > 0 && --until_change_ == 0) change_();
      return std::chrono::system_clock::now();
    };
    std::map<std::string, std::string> environment;
    flags.push_back(absl::StrCat("--source-root=/callers=", shared_.string()));
    if (way.own_keys) {
      flags.push_back("--s3-endpoint=STORE");
      environment = {
          {"AWS_ACCESS_KEY_ID", options.store_access_key_id},
          {"AWS_SECRET_ACCESS_KEY", options.store_secret_access_key}};
    }
    if (way.own_folder) {
      options.local_path = store_.string();
      flags.push_back(absl::StrCat("--local-store=", store_.string()));
    }
    stage_.emplace(options, std::move(flags), environment);
  }
  void Write(const std::string& name, const std::string& bytes,
             int mode = 0644) {
    std::ofstream(shared_ / name) << bytes;
    fs::permissions(shared_ / name, fs::perms(mode));
  }
  static pb::UploadFileRequest RequestFor(const std::string& name,
                                          bool if_absent = false) {
    pb::UploadFileRequest request;
    *request.mutable_header() = HeaderFor("o", if_absent);
    request.set_file("/callers/" + name);
    return request;
  }
  static CallEnd Upload(pb::Staging::Stub& stub,
                        const pb::UploadFileRequest& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::seconds(120));
    const auto stream = stub.UploadFile(&context, request);
    pb::UploadAndLinkResponse response;
    pb::UploadResult result;
    int results = 0;
    while (stream->Read(&response)) {
      EXPECT_EQ(results, 0) << "the result is the last message";
      results += response.has_result();
      if (response.has_result()) result = response.result();
      EXPECT_TRUE(response.has_result() || request.header().progress());
    }
    CallEnd end = EndOf(stream->Finish());
    EXPECT_EQ(results, end.status.ok() ? 1 : 0);
    end.result = result;
    return end;
  }
  CallEnd Upload(const pb::UploadFileRequest& request) {
    return Upload(*stage_->stub, request);
  }
  // Does `change` when the call's `nth` request has come to lakeFS or the
  // store, and before it is answered: by then the file is open.
  CallEnd UploadWhile(const pb::UploadFileRequest& request, int nth,
                      std::function<void()> change) {
    AwaitFirstQuestion();
    {
      absl::MutexLock lock(&mu_);
      until_change_ = nth;
      change_ = std::move(change);
    }
    const CallEnd end = Upload(request);
    absl::MutexLock lock(&mu_);
    EXPECT_EQ(until_change_, 0) << "it did not change";
    return end;
  }
  // The gateway asks lakeFS one thing by itself, at its start.
  void AwaitFirstQuestion() {
    for (int i = 0; i < 6'000; ++i) {
      if (absl::StrContains(stage_->gateway->Log(), "blockstore_type")) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    FAIL() << stage_->gateway->Log();
  }
  void ExpectNothingLinked() {
    EXPECT_THAT(stage_->emulator.ListPaths("quickstart", "main"), IsEmpty());
  }
  void ExpectChanged(const CallEnd& end) {
    EXPECT_EQ(end.status.error_code(), grpc::ABORTED)
        << end.status.error_message();
    EXPECT_EQ(end.reason, "SOURCE_CHANGED") << end.status.error_message();
    ASSERT_TRUE(end.failure);
    EXPECT_EQ(end.failure->outcome(), pb::OUTCOME_NOT_COMMITTED);
    EXPECT_EQ(end.failure->advice(), pb::UploadFailure::ADVICE_RESTART);
    ExpectNothingLinked();
  }
  void ExpectRefused(const CallEnd& end,
                     grpc::StatusCode code = grpc::PERMISSION_DENIED) {
    EXPECT_EQ(end.status.error_code(), code) << end.status.error_message();
    EXPECT_EQ(end.reason, "SOURCE_REFUSED") << end.status.error_message();
    ASSERT_TRUE(end.failure);
    EXPECT_EQ(end.failure->outcome(), pb::OUTCOME_NOT_COMMITTED);
    EXPECT_EQ(end.failure->advice(), pb::UploadFailure::ADVICE_FIX_REQUEST);
    ExpectNothingLinked();
  }

  fs::path folder_;
  fs::path shared_;
  fs::path store_;
  absl::Mutex mu_;
  int until_change_ ABSL_GUARDED_BY(mu_) = 0;  // requests; 0: none is due
  std::function<void()> change_ ABSL_GUARDED_BY(mu_);
  std::optional<Stage> stage_;  // goes first
};

class FileByEachWayTest : public FileTest,
                          public ::testing::WithParamInterface<Way> {};

TEST_P(FileByEachWayTest, ItComesToBeTheObject) {
  const Way& way = GetParam();
  // Neither memory nor a spool would hold it.
  Begin(way, {"--spool-bytes=0"});
  const std::string bytes = Bytes(way.size);
  Write("f", bytes);
  pb::UploadFileRequest request = RequestFor("f", way.if_absent);
  request.set_crc32c(Crc32c(bytes));
  const CallEnd end = Upload(request);
  ASSERT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_EQ(end.result.plan(), way.plan);
  EXPECT_EQ(end.result.crc32c(), Crc32c(bytes));
  EXPECT_EQ(end.result.outcome(), pb::OUTCOME_COMMITTED);
  EXPECT_TRUE(stage_->Read("o") == bytes);
}

TEST_P(FileByEachWayTest, WithAnotherSumThanItsCallerSaysNothingIsLinked) {
  const Way& way = GetParam();
  Begin(way);
  Write("f", Bytes(way.size));
  pb::UploadFileRequest request = RequestFor("f", way.if_absent);
  request.set_crc32c(Crc32c(Bytes(way.size)) + 1);
  const CallEnd end = Upload(request);
  EXPECT_EQ(end.status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(end.reason, "CHECKSUM_MISMATCH") << end.status.error_message();
  EXPECT_EQ(end.failure->outcome(), pb::OUTCOME_NOT_COMMITTED);
  ExpectNothingLinked();
}

INSTANTIATE_TEST_SUITE_P(, FileByEachWayTest, ::testing::ValuesIn(kWays),
                         [](const auto& test) {
                           std::string name = test.param.name;
                           for (char& c : name) {
                             if (!std::isalnum(static_cast<unsigned char>(c))) {
                               c = '_';
                             }
                           }
                           return name;
                         });

TEST_F(FileTest, OfOneThatChangesNothingIsLinked) {
  const fs::path path = shared_ / "f";
  const std::string bytes = Bytes(20 * kMiB + 7);
  const std::pair<const char*, std::function<void()>> changes[] = {
      {"rewritten", [&] { std::ofstream(path, std::ios::in) << "other"; }},
      {"cut", [&] { fs::resize_file(path, 9 * kMiB); }},
      {"emptied", [&] { fs::resize_file(path, 0); }},
      {"grown", [&] { std::ofstream(path, std::ios::app) << "more"; }},
      {"replaced",
       [&] {
         Write("new", bytes);
         fs::rename(shared_ / "new", path);
       }},
      {"deleted", [&] { fs::remove(path); }}};
  for (const Way& way : kWays) {
    if (way.size < kMiB) continue;
    const bool parts = way.plan == pb::PLAN_MULTIPART;
    for (const auto& [name, change] : changes) {
      // The first request that it takes, or amid the parts; of the other ways
      // the first two changes will do.
      for (const int nth : {1, 4}) {
        if (!parts && (nth > 1 || &change > &changes[1].second)) continue;
        SCOPED_TRACE(absl::StrCat(way.name, ", ", name, " at ", nth));
        Begin(way);
        Write("f", bytes);
        ExpectChanged(UploadWhile(RequestFor("f", way.if_absent), nth, change));
      }
    }
  }
}

TEST_F(FileTest, AnyPartCanBeHadAgain) {
  Begin();
  const std::string bytes = Bytes(20 * kMiB);
  Write("f", bytes);
  stage_->Break("storePutPart", Fault::Kind::kResetBefore, 2);
  const CallEnd parts = Upload(RequestFor("f"));
  ASSERT_TRUE(parts.status.ok()) << parts.status.error_message();
  EXPECT_GT(parts.result.bytes_resent(), 0);
  EXPECT_TRUE(stage_->Read("o") == bytes);

  stage_->Break("storePut", Fault::Kind::kResetBefore, 1);
  stage_->Break("linkPhysicalAddress", Fault::Kind::kConflictWithLocation, 1);
  pb::UploadFileRequest request = RequestFor("f", /*if_absent=*/true);
  request.mutable_header()->mutable_object()->set_path("p");
  const CallEnd whole = Upload(request);
  ASSERT_TRUE(whole.status.ok()) << whole.status.error_message();
  EXPECT_EQ(whole.result.rounds(), 2);
  EXPECT_EQ(whole.result.crc32c(), Crc32c(bytes));
  EXPECT_TRUE(stage_->Read("p") == bytes);
}

TEST_F(FileTest, ProgressIsToldOfIt) {
  Begin();
  Write("f", Bytes(20 * kMiB));
  pb::UploadFileRequest request = RequestFor("f");
  request.mutable_header()->set_progress(true);
  // All parts but one fail until it has been told of that.
  stage_->Break("storePutPart", Fault::Kind::kStatus, /*times=*/-1, /*skip=*/1);
  grpc::ClientContext context;
  const auto stream = stage_->stub->UploadFile(&context, request);
  pb::UploadAndLinkResponse response;
  int64_t stored = 0;
  while (stream->Read(&response)) {
    stored = std::max(stored, response.progress().stored_bytes());
    if (stored > 0) stage_->emulator.ClearFaults();
  }
  const grpc::Status status = stream->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_GT(stored, 0);
}

TEST_F(FileTest, ARepeatedCallGetsTheResultOfTheFirst) {
  Begin();
  Write("f", "hello");
  pb::UploadFileRequest request = RequestFor("f");
  request.mutable_header()->set_request_id("once");
  const CallEnd first = Upload(request);
  ASSERT_TRUE(first.status.ok()) << first.status.error_message();
  const CallEnd second = Upload(request);
  EXPECT_EQ(second.result.object().physical_address(),
            first.result.object().physical_address());
  EXPECT_EQ(stage_->Count("linkPhysicalAddress"), 1);
}

TEST_F(FileTest, WhatIsAskedForIsCheckedFirst) {
  Begin();
  Write("f", "hello");
  pb::UploadFileRequest size = RequestFor("f");
  size.mutable_header()->set_size_bytes(4);
  const CallEnd wrong = Upload(size);
  EXPECT_EQ(wrong.reason, "SIZE_MISMATCH") << wrong.status.error_message();
  for (const auto& change : std::vector<std::function<void(pb::UploadHeader&)>>{
           [](auto& header) { header.set_sha256_follows(true); },
           [](auto& header) { header.set_md5_follows(true); },
           [](auto& header) { header.mutable_object()->clear_path(); }}) {
    pb::UploadFileRequest request = RequestFor("f");
    change(*request.mutable_header());
    EXPECT_EQ(Upload(request).reason, "INVALID_REQUEST");
  }
  pb::UploadFileRequest relative = RequestFor("f");
  relative.set_file("f");
  EXPECT_EQ(Upload(relative).reason, "INVALID_REQUEST");
  ExpectNothingLinked();
}

TEST_F(FileTest, WithoutFoldersItIsOffAndSaysHowToHaveIt) {
  stage_.emplace(EmulatorOptions());
  Write("f", "hello");
  const CallEnd end = Upload(RequestFor("f"));
  ExpectRefused(end, grpc::UNIMPLEMENTED);
  EXPECT_THAT(end.status.error_message(), HasSubstr("--source-root"));
}

TEST_F(FileTest, WhatIsNotForItsCallerIsNotRead) {
  Begin();
  std::ofstream(folder_ / "outside") << "a secret";
  fs::permissions(folder_ / "outside", fs::perms(0644));
  fs::create_symlink("../outside", shared_ / "link");
  fs::create_symlink(folder_ / "outside", shared_ / "absolute");
  fs::create_directory_symlink("..", shared_ / "up");
  fs::create_symlink("/proc/self/environ", shared_ / "proc");
  ASSERT_EQ(mkfifo((shared_ / "fifo").c_str(), 0644), 0);
  fs::create_directories(shared_ / "folder");
  // /dev/zero, where one may be made.
  const bool device =
      mknod((shared_ / "device").c_str(), S_IFCHR | 0644, 0x0105) == 0;
  Write("private", "hello", 0600);
  for (const char* name :
       {"../outside", "folder/../../outside", "link", "absolute", "up/outside",
        "proc", "fifo", "folder", "device", "private", "none/f"}) {
    if (name == std::string("device") && !device) continue;
    SCOPED_TRACE(name);
    const CallEnd end = Upload(RequestFor(name));
    ExpectRefused(end);
    EXPECT_THAT(end.status.error_message(), Not(HasSubstr("secret")));
  }
  ExpectRefused(Upload(RequestFor("none")), grpc::NOT_FOUND);
  EXPECT_EQ(stage_->Count("getPhysicalAddress"), 0);
}

class FileByCommandLineTest : public FileTest {
 protected:
  // Uploads shared/f; the exit code, and all that was said.
  std::pair<int, std::string> Run(const std::string& flags = "") {
    return RunCommand(absl::StrCat(
        "env LAKEFS_STAGING_SHARED=", shared_.string(), "=/callers timeout 60 ",
        BinaryDir(), "/bin/lakefs-staging upload ", (shared_ / "f").string(),
        " lakefs://quickstart/main/o --gateway=", stage_->gateway->address(),
        " ", flags, " 2>&1"));
  }
  // Whether a call has come, by the gateway's log.
  bool Came(const std::string& method) {
    return absl::StrContains(stage_->gateway->Log(),
                             absl::StrCat("\"method\":\"", method, "\""));
  }
};

TEST_F(FileByCommandLineTest, WhatIsSharedIsNotSent) {
  Begin();
  Write("f", "hello");
  const auto [code, output] = Run();
  EXPECT_EQ(code, 0) << output;
  EXPECT_EQ(output, "uploaded 5 B to lakefs://quickstart/main/o\n");
  EXPECT_EQ(stage_->Read("o"), "hello");
  EXPECT_TRUE(Came("UploadFile"));
  EXPECT_FALSE(Came("UploadObject") || Came("UploadAndLink"));
}

TEST_F(FileByCommandLineTest, WhatTheGatewayDoesNotTakeIsSentAndThatIsSaid) {
  stage_.emplace(EmulatorOptions());
  Write("f", "hello");
  const auto [code, output] = Run();
  EXPECT_EQ(code, 0) << output;
  EXPECT_THAT(output,
              AllOf(HasSubstr("so it is sent"), HasSubstr("--source-root"),
                    HasSubstr("uploaded 5 B")));
  EXPECT_EQ(stage_->Read("o"), "hello");
  EXPECT_EQ(Run("--quiet"), std::pair(0, std::string()));
}

TEST_F(FileByCommandLineTest, OtherErrorsAreErrors) {
  Begin();
  Write("f", "hello");
  ASSERT_EQ(Run().first, 0);
  const auto [code, output] = Run("--if-absent --json");
  EXPECT_EQ(code, 4) << output;
  EXPECT_FALSE(Came("UploadObject"));
}

class FileOnSocketTest : public FileTest {
 protected:
  std::string Socket() const { return folder_ / "socket"; }

  // A caller who was `uid` when it connected; null if one cannot be that. Users
  // belong to threads, as far as the kernel is concerned.
  std::unique_ptr<pb::Staging::Stub> CallerWith(uid_t uid,
                                                std::vector<gid_t> groups) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_user = false;
    std::thread([&] {
      is_user = syscall(SYS_setgroups, groups.size(), groups.data()) == 0 &&
                syscall(SYS_setresgid, -1, uid, -1) == 0 &&
                syscall(SYS_setresuid, -1, uid, -1) == 0;
      sockaddr_un address{.sun_family = AF_UNIX};
      Socket().copy(address.sun_path, sizeof(address.sun_path) - 1);
      EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address),
                        sizeof(address)),
                0)
          << std::strerror(errno);
    }).join();
    fcntl(fd, F_SETFL, O_NONBLOCK);
    auto stub =
        pb::Staging::NewStub(grpc::CreateInsecureChannelFromFd("gateway", fd));
    return is_user ? std::move(stub) : nullptr;
  }
};

TEST_F(FileOnSocketTest, ItsCallerIsKnownAndMayReadWhatIsHis) {
  Begin({}, {"--listen=unix:" + Socket()});
  const auto stub = pb::Staging::NewStub(grpc::CreateChannel(
      "unix:" + Socket(), grpc::InsecureChannelCredentials()));
  Write("f", "hello", 0600);
  const CallEnd end = Upload(*stub, RequestFor("f"));
  EXPECT_TRUE(end.status.ok()) << end.status.error_message();
}

TEST_F(FileOnSocketTest, ItsCallerMustBeAllowedToReadIt) {
  constexpr uid_t kSomebody = 4242;
  constexpr gid_t kGroup = 4343;
  Begin({}, {"--listen=unix:" + Socket(), "--unix-mode=0666"});
  const auto stranger = CallerWith(kSomebody, {});
  const auto member = CallerWith(kSomebody, {5, kGroup});
  if (!stranger || !member) GTEST_SKIP() << "only root can be somebody else";
  Write("f", "hello", 0640);
  ASSERT_EQ(chown((shared_ / "f").c_str(), 0, kGroup), 0);
  ExpectRefused(Upload(*stranger, RequestFor("f")));
  fs::create_directories(shared_ / "closed");
  Write("closed/f", "hello");
  fs::permissions(shared_ / "closed", fs::perms(0700));
  ExpectRefused(Upload(*stranger, RequestFor("closed/f")));
  // A hard link is the file, and has its rights.
  std::ofstream(folder_ / "outside") << "a secret";
  fs::permissions(folder_ / "outside", fs::perms(0600));
  fs::create_hard_link(folder_ / "outside", shared_ / "hard");
  ExpectRefused(Upload(*stranger, RequestFor("hard")));
  ASSERT_EQ(chown((folder_ / "outside").c_str(), kSomebody, 0), 0);
  for (const auto& [stub, name] :
       {std::pair(member.get(), "f"), std::pair(stranger.get(), "hard")}) {
    const CallEnd end = Upload(*stub, RequestFor(name));
    EXPECT_TRUE(end.status.ok()) << name << ": " << end.status.error_message();
  }
}

}  // namespace
}  // namespace lakefs::gateway::testing
