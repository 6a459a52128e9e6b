// SPDX-License-Identifier: Apache-2.0
//
// Push streams through a real gRPC server and client on loopback; the watching thread is turned by
// hand, with a clock that stands still.
#include "scaler/activation_streams.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/latest.h"
#include "scaler/node_answers.h"
#include "scaler/server.h"
#include "tests/support/fake_answers.h"
#include "tests/support/fake_clock.h"

namespace kgs::scaler {
namespace {

using namespace std::chrono_literals;
using externalscaler::ExternalScaler;
using externalscaler::IsActiveResponse;
using kgs::testing::FakeClock;
using model::MetricId;
using model::NodeSnapshot;
using model::Reading;

/// A client's end of one StreamIsActive.
class Client {
 public:
  Client(ExternalScaler::Stub& stub, const std::map<std::string, std::string>& metadata) {
    context_.set_deadline(std::chrono::system_clock::now() + 60s);
    externalscaler::ScaledObjectRef object;
    object.mutable_scalermetadata()->insert(metadata.begin(), metadata.end());
    reader_ = stub.StreamIsActive(&context_, object);
  }
  bool Read() {
    IsActiveResponse response;
    EXPECT_TRUE(reader_->Read(&response)) << "the stream ended";
    return response.result();
  }
  grpc::Status AwaitEnd() {
    IsActiveResponse response;
    while (reader_->Read(&response)) {
    }
    return reader_->Finish();
  }
  void Cancel() { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<IsActiveResponse>> reader_;
};

class ActivationStreamsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto server = Server::Start({{"127.0.0.1", 0}}, service_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stub_ = ExternalScaler::NewStub(grpc::CreateChannel(
        "127.0.0.1:" + std::to_string(server_->port()), grpc::InsecureChannelCredentials()));
  }

  void Publish(double utilization) {
    auto snapshot = std::make_shared<NodeSnapshot>();
    snapshot->gpus.resize(1);
    snapshot->gpus[0].readings[MetricId::kGpuUtilization] =
        Reading::Value(utilization, clock_.Now());
    latest_.Set(std::move(snapshot));
  }
  void AwaitOpenStreams(int64_t count) {
    while (counters_.open_streams != count) std::this_thread::yield();
  }
  /// A stream that the server knows of.
  std::unique_ptr<Client> Open(const std::map<std::string, std::string>& metadata = {}) {
    const int64_t before = counters_.open_streams;
    auto client = std::make_unique<Client>(*stub_, metadata);
    AwaitOpenStreams(before + 1);
    return client;
  }
  base::Duration Turn() { return service_.streams().Turn(); }

  FakeClock clock_;
  base::Latest<NodeSnapshot> latest_;
  telemetry::ScalerCounters counters_;
  NodeAnswers answers_{
      [this] { return std::vector<decision::NodeView>{{"node-a", latest_.Get(), 3s}}; }, false,
      clock_};
  Service service_{answers_, ServiceOptions{.streams = {.most_streams = 3, .longest_age = 300s}},
                   clock_, counters_};
  std::unique_ptr<Server> server_;
  std::unique_ptr<ExternalScaler::Stub> stub_;
};

TEST_F(ActivationStreamsTest, SaysTheStateAtOnceThenEachChange) {
  Publish(50);
  const auto client = Open();
  Turn();
  EXPECT_TRUE(client->Read());
  Turn();
  Publish(0);
  Turn();
  EXPECT_FALSE(client->Read()) << "nothing was sent for the unchanged state in between";
  Publish(60);
  Turn();
  EXPECT_TRUE(client->Read());
}

TEST_F(ActivationStreamsTest, RepeatsTheStateEveryPollInterval) {
  const auto client = Open({{"pollIntervalSeconds", "5"}});
  for (int repeat = 0; repeat < 3; ++repeat) {
    Publish(50);
    EXPECT_LE(Turn(), 1s);
    EXPECT_TRUE(client->Read());
    clock_.Advance(5s);
  }
}

TEST_F(ActivationStreamsTest, SaysNothingWhileBlind) {
  const auto client = Open();
  Turn();
  Publish(0);
  Turn();
  EXPECT_FALSE(client->Read()) << "the first word came when something was known";
  clock_.Advance(4s);
  Turn();
  Publish(70);
  Turn();
  EXPECT_TRUE(client->Read()) << "no word came while the reading was stale";
}

TEST_F(ActivationStreamsTest, ProfileTrainingIsActiveEvenBlind) {
  const auto client = Open({{"profile", "training"}});
  Turn();
  EXPECT_TRUE(client->Read());
}

TEST_F(ActivationStreamsTest, EndsWithOkAtItsLongestAge) {
  const auto client = Open();
  clock_.Advance(299s);
  Turn();
  EXPECT_EQ(counters_.open_streams, 1);
  clock_.Advance(1s);
  Turn();
  EXPECT_TRUE(client->AwaitEnd().ok());
  AwaitOpenStreams(0);
}

TEST_F(ActivationStreamsTest, EndsWithOkOnShutdown) {
  Publish(50);
  const auto client = Open();
  Turn();
  server_->Stop(10s);
  const grpc::Status status = client->AwaitEnd();
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST_F(ActivationStreamsTest, AStreamOpenedWhileStoppingEndsWithOk) {
  service_.streams().EndAll();
  Client client(*stub_, {});
  EXPECT_TRUE(client.AwaitEnd().ok());
}

TEST_F(ActivationStreamsTest, ACancelledStreamIsForgotten) {
  const auto client = Open();
  client->Cancel();
  EXPECT_FALSE(client->AwaitEnd().ok());
  AwaitOpenStreams(0);
  Publish(50);
  Turn();
}

TEST_F(ActivationStreamsTest, OneStreamTooManyIsRefusedAndTheOthersGoOn) {
  Publish(50);
  const auto first = Open();
  const auto second = Open();
  const auto third = Open();
  Client fourth(*stub_, {});
  EXPECT_EQ(fourth.AwaitEnd().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(counters_.errors[static_cast<size_t>(telemetry::Method::kStreamIsActive)].value(), 1u);
  Turn();
  EXPECT_TRUE(first->Read());
  EXPECT_TRUE(second->Read());
  EXPECT_TRUE(third->Read());
}

TEST_F(ActivationStreamsTest, BadMetadataEndsTheStreamWithItsReason) {
  Client client(*stub_, {{"gpuIndex", "first"}});
  const grpc::Status status = client.AwaitEnd();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), ::testing::HasSubstr("gpuIndex"));
}

TEST_F(ActivationStreamsTest, AClientThatDoesNotReadHoldsNobodyUp) {
  const auto lazy = Open();
  const auto keen = Open();
  for (int change = 0; change < 2000; ++change) {
    Publish(change % 2 == 0 ? 50 : 0);
    Turn();
    ASSERT_EQ(keen->Read(), change % 2 == 0);
  }
  server_->Stop(10s);
  EXPECT_TRUE(lazy->AwaitEnd().ok());
}

TEST_F(ActivationStreamsTest, MetricSpecsAreSentOnceAndTheStreamStaysOpen) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 60s);
  externalscaler::ScaledObjectRef object;
  (*object.mutable_scalermetadata())["targetValue"] = "70";
  const auto reader = stub_->StreamMetricSpec(&context, object);
  AwaitOpenStreams(1);
  Turn();
  Turn();
  externalscaler::GetMetricSpecResponse response;
  ASSERT_TRUE(reader->Read(&response));
  ASSERT_EQ(response.metricspecs_size(), 1);
  EXPECT_EQ(response.metricspecs(0).targetsizefloat(), 70);
  EXPECT_EQ(counters_.open_streams, 1);
  server_->Stop(10s);
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(ActivationStreamsTest, TheThreadSendsAtOnceWhenWoken) {
  Publish(50);
  service_.streams().Start();
  const auto client = Open();
  EXPECT_TRUE(client->Read());
  Publish(0);
  service_.streams().OnSnapshot();
  EXPECT_FALSE(client->Read());
}

/// Streams where Kubernetes says what may be asked.
class UnknownStreamTest : public ::testing::Test {
 protected:
  explicit UnknownStreamTest(base::Duration least_interval = {})
      : service_(answers_,
                 ServiceOptions{.streams = {.most_unknown = 1, .least_interval = least_interval}},
                 clock_, counters_) {}
  void SetUp() override {
    auto server = Server::Start({{"127.0.0.1", 0}}, service_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stub_ = ExternalScaler::NewStub(grpc::CreateChannel(
        "127.0.0.1:" + std::to_string(server_->port()), grpc::InsecureChannelCredentials()));
  }
  std::unique_ptr<Client> Open() {
    auto client = std::make_unique<Client>(*stub_, std::map<std::string, std::string>{});
    while (counters_.open_streams != 1) std::this_thread::yield();
    return client;
  }
  base::Duration Turn() { return service_.streams().Turn(); }

  FakeClock clock_;
  testing::FakeAnswers answers_;
  telemetry::ScalerCounters counters_;
  Service service_{answers_, ServiceOptions{.streams = {.most_unknown = 1, .least_interval = 50ms}},
                   clock_, counters_};
  std::unique_ptr<Server> server_;
  std::unique_ptr<ExternalScaler::Stub> stub_;
};

TEST_F(UnknownStreamTest, AStreamWaitsForKubernetesToTellOfItsTrigger) {
  const auto client = Open();
  EXPECT_EQ(answers_.refreshes(), 1);
  EXPECT_EQ(Turn(), WaitingCalls::kPatience);
  answers_.Set(7);
  Turn();
  EXPECT_TRUE(client->Read());
}

TEST_F(UnknownStreamTest, AStreamWhoseTriggerStaysUnknownIsRefused) {
  const auto client = Open();
  clock_.Advance(WaitingCalls::kPatience);
  Turn();
  const grpc::Status end = client->AwaitEnd();
  EXPECT_EQ(end.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(end.error_message(), "no such trigger");
}

TEST_F(UnknownStreamTest, AStreamWhoseTriggerIsGoneEndsWithOk) {
  const auto client = Open();
  answers_.Set(7);
  Turn();
  EXPECT_TRUE(client->Read());
  answers_.Set(absl::NotFoundError("deleted"));
  Turn();
  EXPECT_TRUE(client->AwaitEnd().ok());
}

TEST_F(UnknownStreamTest, AStreamOutlivesTimesInWhichKubernetesIsOutOfReach) {
  const auto client = Open();
  answers_.Set(absl::UnavailableError("the API server is out of reach"));
  clock_.Advance(100s);
  Turn();
  answers_.Set(0);
  Turn();
  EXPECT_FALSE(client->Read());
}

TEST_F(UnknownStreamTest, StreamsOfUnknownTriggersAreFew) {
  const auto first = Open();
  const auto second = std::make_unique<Client>(*stub_, std::map<std::string, std::string>{});
  EXPECT_EQ(second->AwaitEnd().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  answers_.Set(7);
  Turn();
  EXPECT_TRUE(first->Read());
  // The second is at its end for its client first.
  while (counters_.open_streams != 1) std::this_thread::yield();
  const auto third = std::make_unique<Client>(*stub_, std::map<std::string, std::string>{});
  while (counters_.open_streams != 2) std::this_thread::yield();
  Turn();
  EXPECT_TRUE(third->Read()) << "one that is known counts among all";
}

class PacedStreamTest : public UnknownStreamTest {
 protected:
  PacedStreamTest() : UnknownStreamTest(50ms) {}
};

TEST_F(PacedStreamTest, NewsIsLookedAtNoMoreOftenThanTheInterval) {
  answers_.Set(7);
  const auto client = Open();
  Turn();
  EXPECT_TRUE(client->Read());
  const int checks = answers_.checks();
  clock_.Advance(20ms);
  EXPECT_EQ(Turn(), 30ms);
  EXPECT_EQ(answers_.checks(), checks);
  clock_.Advance(30ms);
  Turn();
  EXPECT_GT(answers_.checks(), checks);
}

TEST_F(UnknownStreamTest, SpecsAreSentOnceTheTriggerIsKnown) {
  grpc::ClientContext context;
  const auto reader = stub_->StreamMetricSpec(&context, {});
  while (counters_.open_streams != 1) std::this_thread::yield();
  Turn();
  answers_.Set(1);
  Turn();
  externalscaler::GetMetricSpecResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.metricspecs_size(), 1);
  context.TryCancel();
}

}  // namespace
}  // namespace kgs::scaler
