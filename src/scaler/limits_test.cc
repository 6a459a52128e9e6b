// SPDX-License-Identifier: Apache-2.0
//
// What one caller may take of what is everybody's, over real gRPC on loopback.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <thread>

#include "scaler/server.h"
#include "scaler/service.h"
#include "tests/support/fake_answers.h"
#include "tests/support/fake_clock.h"

namespace kgs::scaler {
namespace {

using namespace std::chrono_literals;
using externalscaler::ExternalScaler;
using externalscaler::IsActiveResponse;
using externalscaler::ScaledObjectRef;
using grpc::StatusCode;
using telemetry::Limit;
using ::testing::HasSubstr;

/// A client's end of one StreamIsActive.
struct Stream {
  explicit Stream(ExternalScaler::Stub& stub) {
    context.set_deadline(std::chrono::system_clock::now() + 60s);
    reader = stub.StreamIsActive(&context, ScaledObjectRef());
  }
  StatusCode AwaitEnd() {
    IsActiveResponse response;
    while (reader->Read(&response)) {
    }
    return reader->Finish().error_code();
  }

  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReader<IsActiveResponse>> reader;
};

class LimitsTest : public ::testing::Test {
 protected:
  void Serve(const ServiceOptions& options) {
    answers_.Set(7);
    service_ = std::make_unique<Service>(answers_, options, clock_, counters_);
    Server::Options port;
    port.most_request_bytes = 2 * options.most_request_bytes;
    auto server = Server::Start(port, *service_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stub_ = StubTo("127.0.0.1");
  }
  /// A client of loopback has the address that it connects to, of the two families.
  std::unique_ptr<ExternalScaler::Stub> StubTo(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    return ExternalScaler::NewStub(
        grpc::CreateCustomChannel(address + ":" + std::to_string(server_->port()),
                                  grpc::InsecureChannelCredentials(), arguments));
  }
  /// The one after which so many are open. (One that was refused counts until its end.)
  std::unique_ptr<Stream> Open(ExternalScaler::Stub& stub, int64_t open) {
    auto stream = std::make_unique<Stream>(stub);
    AwaitOpenStreams(open);
    return stream;
  }
  void AwaitOpenStreams(int64_t open) {
    while (counters_.open_streams != open) std::this_thread::yield();
  }
  grpc::Status Ask(const std::map<std::string, std::string>& metadata) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + 60s);
    ScaledObjectRef object;
    object.mutable_scalermetadata()->insert(metadata.begin(), metadata.end());
    IsActiveResponse response;
    return stub_->IsActive(&context, object, &response);
  }
  uint64_t Exceeded(Limit limit) { return counters_.limits.value(limit); }

  kgs::testing::FakeClock clock_;
  kgs::testing::FakeAnswers answers_;
  telemetry::ScalerCounters counters_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<ExternalScaler::Stub> stub_;
};

TEST_F(LimitsTest, ALargeRequestIsRefused) {
  Serve({.most_request_bytes = 10'000});
  const grpc::Status status = Ask({{"metricName", std::string(10'000, 'x')}});
  EXPECT_EQ(status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("--max-request-bytes"));
  EXPECT_EQ(Exceeded(Limit::kRequestBytes), 1);
  // gRPC refuses what is much larger, before we see it.
  EXPECT_EQ(Ask({{"metricName", std::string(30'000, 'x')}}).error_code(),
            StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(Exceeded(Limit::kRequestBytes), 1);
  EXPECT_TRUE(Ask({}).ok());
}

TEST_F(LimitsTest, MuchMetadataIsRefused) {
  trigger::ParseOptions parse;
  parse.most_keys = 2;
  parse.most_value_bytes = 100;
  Serve({.parse = parse});
  grpc::Status status = Ask({{"metricName", "a"}, {"targetValue", "5"}, {"holdSeconds", "5"}});
  EXPECT_EQ(status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("--max-metadata-keys"));
  status = Ask({{"metricName", std::string(101, 'x')}});
  EXPECT_EQ(status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("--max-metadata-value-bytes"));
  EXPECT_EQ(Exceeded(Limit::kMetadataKeys), 1);
  EXPECT_EQ(Exceeded(Limit::kMetadataValueBytes), 1);
  EXPECT_TRUE(Ask({{"metricName", "a"}, {"targetValue", "5"}}).ok());
}

TEST_F(LimitsTest, OneAddressDoesNotTakeAllStreams) {
  Serve({.streams = {.most_streams = 3, .most_of_peer = 2}});
  const auto first = Open(*stub_, 1);
  auto second = Open(*stub_, 2);
  // However many connections it makes.
  const auto again = StubTo("127.0.0.1");
  EXPECT_EQ(Stream(*again).AwaitEnd(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(Exceeded(Limit::kStreamsPerPeer), 1);
  AwaitOpenStreams(2);
  const auto other = StubTo("[::1]");
  const auto third = Open(*other, 3);
  EXPECT_EQ(Stream(*other).AwaitEnd(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(Exceeded(Limit::kStreams), 1);
  AwaitOpenStreams(3);
  // Calls are answered as before, and what ends makes room.
  EXPECT_TRUE(Ask({}).ok());
  second->context.TryCancel();
  EXPECT_EQ(second->AwaitEnd(), StatusCode::CANCELLED);
  AwaitOpenStreams(2);
  const auto fourth = Open(*stub_, 3);
}

}  // namespace
}  // namespace kgs::scaler
