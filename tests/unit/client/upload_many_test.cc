// Many objects on one stream.
#include <gmock/gmock.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <atomic>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/client.h"
#include "client/failure.h"
#include "google/rpc/status.pb.h"
#include "tests/unit/client/fake_staging.h"

namespace lakefs::staging::testing {
namespace {

using ::testing::SizeIs;

// A gateway whose UploadMany a test writes down.
class FakeMany final : public v1::Staging::Service {
 public:
  using Stream =
      grpc::ServerReaderWriter<v1::UploadManyResponse, v1::UploadManyRequest>;
  using Handler = std::function<grpc::Status(grpc::ServerContext&, Stream&)>;

  explicit FakeMany(Handler handler) : handler_(std::move(handler)) {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    client = *Client::Connect(absl::StrCat("127.0.0.1:", port));
  }
  ~FakeMany() override { server_->Shutdown(std::chrono::system_clock::now()); }

  // Uploads objects of the paths, whose bytes are their paths.
  void Upload(const std::vector<std::string>& paths, int max_in_flight = 64) {
    ManyOptions options;
    options.timeout = absl::Seconds(60);
    options.max_in_flight = max_in_flight;
    options.attempts = attempts;
    size_t next = 0;
    client->UploadMany(
        [&]() -> std::optional<SmallObject> {
          if (next == paths.size()) return std::nullopt;
          SmallObject object;
          object.target.set_repository("quickstart");
          object.target.set_branch("main");
          object.target.set_path(paths[next]);
          object.data = paths[next++];
          object.options.content_type = "text/plain";
          most_open = std::max(most_open, next - told);
          return object;
        },
        [&](uint64_t number, absl::StatusOr<v1::UploadResult> result,
            int calls) {
          most_calls = std::max(most_calls, calls);
          EXPECT_TRUE(results.emplace(number, std::move(result)).second);
          ++told;
        },
        options);
  }

  v1::Outcome OutcomeOf(uint64_t number) {
    return FailureOf(results.at(number).status()).outcome;
  }

  std::unique_ptr<Client> client;
  std::map<uint64_t, absl::StatusOr<v1::UploadResult>> results;
  std::atomic<size_t> told = 0;
  size_t most_open = 0;  // given, and not told
  int attempts = 1;
  int most_calls = 0;

 private:
  grpc::Status UploadMany(grpc::ServerContext* context,
                          Stream* stream) override {
    return handler_(*context, *stream);
  }

  const Handler handler_;
  std::unique_ptr<grpc::Server> server_;
};

v1::UploadManyResponse Answer(const v1::UploadManyRequest& request) {
  v1::UploadManyResponse response;
  response.set_id(request.id());
  auto& object = *response.mutable_result()->mutable_object();
  object.set_path(request.header().object().path());
  object.set_checksum(request.data());
  return response;
}

TEST(UploadManyTest, EachObjectIsToldOnceWhateverTheOrder) {
  std::vector<v1::UploadManyRequest> requests;
  FakeMany gateway([&](auto&, auto& stream) {
    v1::UploadManyRequest request;
    while (requests.size() < 3 && stream.Read(&request)) {
      requests.push_back(request);
    }
    for (auto r = requests.rbegin(); r != requests.rend(); ++r) {
      stream.Write(Answer(*r));
    }
    EXPECT_FALSE(stream.Read(&request)) << "it half-closes at the end";
    return grpc::Status::OK;
  });
  gateway.Upload({"a", "b", "c"});
  ASSERT_THAT(requests, SizeIs(3));
  EXPECT_EQ(requests[1].header().content_type(), "text/plain");
  EXPECT_EQ(requests[1].header().size_bytes(), 1);
  EXPECT_TRUE(requests[1].has_crc32c());
  ASSERT_THAT(gateway.results, SizeIs(3));
  EXPECT_EQ(gateway.results.at(1)->object().path(), "b");
  EXPECT_EQ(gateway.results.at(2)->object().checksum(), "c");
}

TEST(UploadManyTest, NoMoreAreUnansweredThanMayBe) {
  FakeMany gateway([&](auto&, auto& stream) {
    v1::UploadManyRequest request;
    std::vector<v1::UploadManyRequest> open;
    for (int read = 1; stream.Read(&request); ++read) {
      open.push_back(request);
      while (open.size() == 3 || (read == 30 && !open.empty())) {
        stream.Write(Answer(open.front()));
        open.erase(open.begin());
      }
    }
    return grpc::Status::OK;
  });
  gateway.Upload(std::vector<std::string>(30, "p"), 3);
  EXPECT_THAT(gateway.results, SizeIs(30));
  EXPECT_EQ(gateway.most_open, 3U);
}

TEST(UploadManyTest, AnErrorOfOneIsToldWithItsDetailsAndEndsNothing) {
  FakeMany gateway([&](auto&, auto& stream) {
    v1::UploadManyRequest request;
    while (stream.Read(&request)) {
      v1::UploadManyResponse response = Answer(request);
      if (request.header().object().path() == "b") {
        // What a call of its own has outside of its details too.
        google::rpc::Status status;
        status.ParseFromString(FailureStatus(grpc::StatusCode::ALREADY_EXISTS,
                                             "taken", "OBJECT_EXISTS",
                                             v1::OUTCOME_NOT_COMMITTED,
                                             v1::UploadFailure::ADVICE_GIVE_UP)
                                   .error_details());
        status.set_code(grpc::StatusCode::ALREADY_EXISTS);
        status.set_message("taken");
        response.set_status(status.SerializeAsString());
      }
      stream.Write(response);
    }
    return grpc::Status::OK;
  });
  gateway.Upload({"a", "b", "c"});
  ASSERT_THAT(gateway.results, SizeIs(3));
  const Failure failure = FailureOf(gateway.results.at(1).status());
  EXPECT_EQ(failure.code, absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(failure.reason, "OBJECT_EXISTS");
  EXPECT_EQ(failure.message, "taken");
  EXPECT_EQ(failure.outcome, v1::OUTCOME_NOT_COMMITTED);
  EXPECT_TRUE(gateway.results.at(2).ok());
}

TEST(UploadManyTest, WhatIsNotUtf8IsToldAndTheOthersGoOn) {
  FakeMany gateway([&](auto&, auto& stream) {
    v1::UploadManyRequest request;
    while (stream.Read(&request)) stream.Write(Answer(request));
    return grpc::Status::OK;
  });
  gateway.Upload({"a", "\xff", "c"});
  ASSERT_THAT(gateway.results, SizeIs(3));
  EXPECT_EQ(FailureOf(gateway.results.at(1).status()).reason, kInvalidRequest);
  EXPECT_EQ(gateway.OutcomeOf(1), v1::OUTCOME_NOT_COMMITTED);
  EXPECT_TRUE(gateway.results.at(2).ok());
}

// Reads two, answers the first, and ends the stream.
FakeMany::Handler EndsAfterOne(const grpc::Status& status) {
  return [status](auto&, auto& stream) {
    v1::UploadManyRequest first;
    v1::UploadManyRequest second;
    stream.Read(&first);
    stream.Read(&second);
    stream.Write(Answer(first));
    return status;
  };
}

TEST(UploadManyTest, WithoutAnAnswerTheOutcomeIsUnknown) {
  for (const auto& status :
       {grpc::Status(grpc::StatusCode::UNAVAILABLE, "lost"),
        grpc::Status::OK}) {
    FakeMany gateway(EndsAfterOne(status));
    gateway.Upload({"a", "b"});
    ASSERT_THAT(gateway.results, SizeIs(2));
    EXPECT_TRUE(gateway.results.at(0).ok());
    EXPECT_EQ(gateway.OutcomeOf(1), v1::OUTCOME_UNKNOWN);
  }
}

TEST(UploadManyTest, WhatAGatewayThatDrainsHasNotAnsweredWasNotBegun) {
  FakeMany gateway(EndsAfterOne(FailureStatus(
      grpc::StatusCode::UNAVAILABLE, "draining", "DRAINING",
      v1::OUTCOME_UNSPECIFIED, v1::UploadFailure::ADVICE_UNSPECIFIED)));
  gateway.Upload({"a", "b"});
  ASSERT_THAT(gateway.results, SizeIs(2));
  EXPECT_EQ(gateway.OutcomeOf(1), v1::OUTCOME_NOT_COMMITTED);
  EXPECT_EQ(FailureOf(gateway.results.at(1).status()).reason, "DRAINING");
}

TEST(UploadManyTest, WhatAStreamHasNotAnsweredGoesAgainOnANewOne) {
  std::atomic<int> streams = 0;
  std::vector<std::pair<std::string, uint32_t>> seen;
  FakeMany gateway([&](auto& context, auto& stream) {
    if (++streams == 1) {
      return EndsAfterOne(FailureStatus(
          grpc::StatusCode::UNAVAILABLE, "draining", "DRAINING",
          v1::OUTCOME_UNSPECIFIED, v1::UploadFailure::ADVICE_UNSPECIFIED))(
          context, stream);
    }
    v1::UploadManyRequest request;
    while (stream.Read(&request)) {
      seen.emplace_back(request.header().object().path(),
                        request.header().attempt());
      stream.Write(Answer(request));
    }
    return grpc::Status::OK;
  });
  gateway.attempts = 3;
  gateway.Upload({"a", "b", "c"});
  ASSERT_THAT(gateway.results, SizeIs(3));
  for (const auto& [number, result] : gateway.results) {
    EXPECT_TRUE(result.ok()) << result.status();
  }
  EXPECT_THAT(seen, ::testing::Contains(std::pair(std::string("b"), 2U)));
  EXPECT_EQ(gateway.most_calls, 2);
}

TEST(UploadManyTest, AllObjectsWaitTogetherForAGatewayThatIsNotThere) {
  const auto client = *Client::Connect(
      "127.0.0.1:1", {.connect_timeout = absl::Milliseconds(500)});
  ManyOptions options;
  options.attempts = 1;
  int left = 30;
  int unreachable = 0;
  const absl::Time began = absl::Now();
  client->UploadMany(
      [&]() -> std::optional<SmallObject> {
        if (left-- == 0) return std::nullopt;
        SmallObject object;
        object.target.set_repository("r");
        object.target.set_branch("b");
        object.target.set_path("p");
        return object;
      },
      [&](uint64_t, const absl::StatusOr<v1::UploadResult>& result, int) {
        unreachable += FailureOf(result.status()).reason == kGatewayUnreachable;
      },
      options);
  EXPECT_EQ(unreachable, 30);
  EXPECT_LT(absl::Now() - began, absl::Seconds(10)) << "30 times 500 ms";
}

TEST(UploadManyTest, EachObjectIsToldWhereTheGatewayRefusesThemAll) {
  FakeMany gateway([](auto&, auto&) {
    return grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "no");
  });
  gateway.Upload(std::vector<std::string>(100, std::string(100'000, 'x')));
  ASSERT_THAT(gateway.results, SizeIs(100));
  for (const auto& [number, result] : gateway.results) {
    EXPECT_FALSE(result.ok());
  }
}

}  // namespace
}  // namespace lakefs::staging::testing
