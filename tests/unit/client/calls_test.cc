// The two plain calls, and the connection that all calls share.
#include <gmock/gmock.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include "client/client.h"
#include "client/failure.h"
#include "tests/unit/client/fake_staging.h"

namespace lakefs::staging::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

v1::ObjectPath Target() {
  v1::ObjectPath object;
  object.set_repository("quickstart");
  object.set_branch("main");
  object.set_path("a");
  return object;
}

std::unique_ptr<Client> ClientOf(const FakeStaging& gateway) {
  return *Client::Connect(gateway.address());
}

TEST(CallsTest, AddressIsAskedForAndHandedOut) {
  FakeStaging gateway;
  const auto location =
      ClientOf(gateway)->GetPhysicalAddress(Target(), true, {});
  ASSERT_TRUE(location.ok()) << location.status();
  EXPECT_EQ(location->physical_address(), "s3://bucket/data/x,y");
  EXPECT_TRUE(location->has_presigned_url());
  EXPECT_TRUE(gateway.address_request.presign());
  EXPECT_EQ(gateway.address_request.object().path(), "a");
}

TEST(CallsTest, LinkHandsItsMetadataOn) {
  FakeStaging gateway;
  v1::StagingMetadata metadata;
  metadata.mutable_staging()->set_physical_address("s3://bucket/data/x,y");
  metadata.set_checksum("abc");
  metadata.set_size_bytes(3);
  LinkOptions options;
  options.if_absent = true;
  const auto response =
      ClientOf(gateway)->LinkPhysicalAddress(Target(), metadata, options);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->outcome(), v1::OUTCOME_COMMITTED);
  EXPECT_TRUE(gateway.link_request.if_absent());
  EXPECT_EQ(gateway.link_request.metadata().SerializeAsString(),
            metadata.SerializeAsString());
}

TEST(CallsTest, LinkHandsOnWhatItIsToReplace) {
  FakeStaging gateway;
  LinkOptions options;
  ASSERT_TRUE(
      ClientOf(gateway)->LinkPhysicalAddress(Target(), {}, options).ok());
  EXPECT_FALSE(gateway.link_request.has_if_match());
  options.if_match = "abc";
  ASSERT_TRUE(
      ClientOf(gateway)->LinkPhysicalAddress(Target(), {}, options).ok());
  EXPECT_EQ(gateway.link_request.if_match(), "abc");
  options.if_match = "\xff";
  EXPECT_EQ(FailureOf(ClientOf(gateway)
                          ->LinkPhysicalAddress(Target(), {}, options)
                          .status())
                .reason,
            kInvalidRequest);
}

TEST(CallsTest, OnlyCallsThatChangeSomethingHaveAnOutcome) {
  FakeStaging gateway;
  gateway.unary_status = {grpc::StatusCode::INTERNAL, "no details"};
  const auto client = ClientOf(gateway);
  const auto location = client->GetPhysicalAddress(Target(), false, {});
  EXPECT_EQ(FailureOf(location.status()).outcome, v1::OUTCOME_UNSPECIFIED);
  const auto link = client->LinkPhysicalAddress(Target(), {}, {});
  EXPECT_EQ(FailureOf(link.status()).outcome, v1::OUTCOME_UNKNOWN);
  EXPECT_THAT(FailureOf(link.status()).message, HasSubstr("no details"));
}

TEST(CallsTest, ServerThatIsNoGatewayIsNamed) {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  v1::Staging::Service nothing;  // answers UNIMPLEMENTED
  builder.RegisterService(&nothing);
  const auto server = builder.BuildAndStart();
  const std::string address = "127.0.0.1:" + std::to_string(port);
  const auto link =
      (*Client::Connect(address))->LinkPhysicalAddress(Target(), {}, {});
  const Failure failure = FailureOf(link.status());
  EXPECT_EQ(failure.reason, kNotAGateway);
  EXPECT_EQ(failure.outcome, v1::OUTCOME_NOT_COMMITTED);
  EXPECT_THAT(failure.message, HasSubstr(address));
}

TEST(ConnectTest, TakesHostAndPortOrUnixSocket) {
  for (const std::string good :
       {"127.0.0.1:8765", "localhost:1", "[::1]:65535", "unix:/run/a.sock"}) {
    EXPECT_TRUE(Client::Connect(good).ok()) << good;
  }
  for (const std::string bad :
       {"", "8765", "localhost", "localhost:", "localhost:0", ":8765",
        "localhost:65536", "localhost:http", "http://localhost:8765",
        "unix:", "localhost:-1"}) {
    const auto client = Client::Connect(bad);
    EXPECT_EQ(client.status().code(), absl::StatusCode::kInvalidArgument)
        << bad;
    EXPECT_THAT(std::string(client.status().message()),
                HasSubstr("\"" + bad + "\""));
  }
}

TEST(CallsTest, WhatCannotBeUsedIsSaidBeforeACall) {
  for (const ChannelOptions& options :
       {ChannelOptions{.ca_file = "/nonexistent"},
        ChannelOptions{.client_cert = "/etc/passwd"},
        ChannelOptions{.client_key = "/etc/passwd"}}) {
    const auto client = Client::Connect("127.0.0.1:1", options);
    EXPECT_EQ(client.status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(CallsTest, AuthorizationGoesWhereItIsSafe) {
  ChannelOptions options{.authorization = "Bearer marked"};
  for (const std::string safe :
       {"127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1", "unix:/s"}) {
    EXPECT_TRUE(Client::Connect(safe, options).ok()) << safe;
  }
  for (const std::string open : {"10.0.0.1:1", "gateway:1", "[fe80::1]:1"}) {
    const auto client = Client::Connect(open, options);
    EXPECT_EQ(client.status().code(), absl::StatusCode::kInvalidArgument)
        << open;
    EXPECT_THAT(std::string(client.status().message()),
                Not(HasSubstr("marked")));
  }
  options.allow_plaintext_authorization = true;
  EXPECT_TRUE(Client::Connect("10.0.0.1:1", options).ok());
  options.authorization = "Bearer marked\nx";
  const auto client = Client::Connect("127.0.0.1:1", options);
  EXPECT_EQ(client.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(client.status().message()), Not(HasSubstr("marked")));
}

}  // namespace
}  // namespace lakefs::staging::testing
