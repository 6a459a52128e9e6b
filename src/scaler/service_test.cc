// SPDX-License-Identifier: Apache-2.0
//
// The service behind a real gRPC server on loopback, asked as KEDA asks.
#include "scaler/service.h"

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
using kgs::testing::FakeClock;
using model::MetricId;
using model::NodeSnapshot;
using model::Reading;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Metadata = std::map<std::string, std::string>;

class ServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto server = Server::Start({{"127.0.0.1", 0}}, service_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel("127.0.0.1:" + std::to_string(server_->port()),
                                   grpc::InsecureChannelCredentials());
    stub_ = ExternalScaler::NewStub(channel_);
  }

  void Publish(double utilization) {
    auto snapshot = std::make_shared<NodeSnapshot>();
    snapshot->sequence = 1;
    snapshot->gpus.resize(1);
    snapshot->gpus[0].identity.uuid = "GPU-a";
    snapshot->gpus[0].readings[MetricId::kGpuUtilization] =
        Reading::Value(utilization, clock_.Now());
    latest_.Set(std::move(snapshot));
  }

  static externalscaler::ScaledObjectRef Object(const Metadata& metadata) {
    externalscaler::ScaledObjectRef object;
    object.set_name("vllm");
    object.set_namespace_("default");
    object.mutable_scalermetadata()->insert(metadata.begin(), metadata.end());
    return object;
  }

  grpc::Status GetMetrics(const Metadata& metadata, externalscaler::MetricValue* value,
                          const std::string& name = "keda_gpu_metric") {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + 30s);
    externalscaler::GetMetricsRequest request;
    *request.mutable_scaledobjectref() = Object(metadata);
    request.set_metricname(name);
    externalscaler::GetMetricsResponse response;
    const grpc::Status status = stub_->GetMetrics(&context, request, &response);
    if (status.ok()) {
      EXPECT_EQ(response.metricvalues_size(), 1) << "the HPA would add several up";
      *value = response.metricvalues(0);
    }
    return status;
  }

  FakeClock clock_;
  base::Latest<NodeSnapshot> latest_;
  telemetry::ScalerCounters counters_;
  NodeAnswers answers_{
      [this] { return std::vector<decision::NodeView>{{"node-a", latest_.Get(), 3s}}; }, false,
      clock_};
  Service service_{answers_, ServiceOptions{}, clock_, counters_};
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<ExternalScaler::Stub> stub_;
};

TEST_F(ServiceTest, GetMetricsAnswersWithFloatAndInt) {
  Publish(42.4);
  externalscaler::MetricValue value;
  ASSERT_TRUE(GetMetrics({}, &value).ok());
  EXPECT_EQ(value.metricname(), "keda_gpu_metric");
  EXPECT_EQ(value.metricvaluefloat(), 42.4);
  EXPECT_EQ(value.metricvalue(), 42);
}

TEST_F(ServiceTest, AFractionalTargetKeepsItsRatioInTheIntegers) {
  Publish(3);
  externalscaler::MetricValue value;
  ASSERT_TRUE(GetMetrics({{"targetValue", "0.5"}}, &value).ok());
  EXPECT_EQ(value.metricvaluefloat(), 3);
  EXPECT_EQ(value.metricvalue(), 6);
}

TEST_F(ServiceTest, WithOneSpecAnyMetricNameIsAnswered) {
  Publish(10);
  externalscaler::MetricValue value;
  ASSERT_TRUE(GetMetrics({}, &value, "s0-something-else").ok());
  EXPECT_EQ(value.metricname(), "s0-something-else");
}

TEST_F(ServiceTest, BlindIsUnavailableAndNeverZero) {
  externalscaler::MetricValue value;
  grpc::Status status = GetMetrics({}, &value);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_message(), "no GPU has been sampled yet");
  Publish(50);
  clock_.Advance(3s + 1ms);
  status = GetMetrics({}, &value);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("GPU-a"));
}

TEST_F(ServiceTest, BadMetadataIsInvalidArgument) {
  Publish(50);
  externalscaler::MetricValue value;
  const grpc::Status status = GetMetrics({{"targetValue", "NaN"}}, &value);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), AllOf(HasSubstr("targetValue"), HasSubstr("NaN")));
}

TEST_F(ServiceTest, GetMetricSpecNeedsNoGpu) {
  grpc::ClientContext context;
  externalscaler::GetMetricSpecResponse response;
  const auto status = stub_->GetMetricSpec(
      &context, Object({{"profile", "vllm-inference"}, {"targetValue", "72.5"}}), &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.metricspecs_size(), 1);
  EXPECT_EQ(response.metricspecs(0).metricname(), "keda_gpu_vllm_inference");
  EXPECT_EQ(response.metricspecs(0).targetsizefloat(), 72.5);
  EXPECT_EQ(response.metricspecs(0).targetsize(), 73);
}

TEST_F(ServiceTest, IsActiveComparesWithTheThreshold) {
  Publish(10);
  const auto is_active = [&](const std::string& threshold) {
    grpc::ClientContext context;
    externalscaler::IsActiveResponse response;
    EXPECT_TRUE(
        stub_->IsActive(&context, Object({{"activationThreshold", threshold}}), &response).ok());
    return response.result();
  };
  EXPECT_TRUE(is_active("9.5"));
  EXPECT_FALSE(is_active("10"));
}

TEST_F(ServiceTest, TheEnvironmentsValueNeverShows) {
  externalscaler::MetricValue value;
  const auto status = GetMetrics({{"targetValueFromEnv", "s3cret"}}, &value);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(),
              AllOf(HasSubstr("targetValueFromEnv"), Not(HasSubstr("s3cret"))));
}

TEST_F(ServiceTest, RequestsAndErrorsAreCounted) {
  externalscaler::MetricValue value;
  GetMetrics({}, &value);
  Publish(1);
  GetMetrics({}, &value);
  const auto method = static_cast<size_t>(telemetry::Method::kGetMetrics);
  EXPECT_EQ(counters_.requests[method].value(), 2u);
  EXPECT_EQ(counters_.errors[method].value(), 1u);
}

TEST_F(ServiceTest, AnOversizedRequestIsRefused) {
  Publish(50);
  externalscaler::MetricValue value;
  const auto status = GetMetrics({{"profile", std::string(300 << 10, 'x')}}, &value);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(GetMetrics({}, &value).ok());
}

TEST_F(ServiceTest, ATakenPortIsRefusedWithTheReason) {
  Service other(answers_, ServiceOptions{}, clock_, counters_);
  const auto second = Server::Start({{"127.0.0.1", server_->port()}}, other);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(
      second.status().message(),
      "cannot listen on 127.0.0.1:" + std::to_string(server_->port()) + ": Address already in use");
}

TEST_F(ServiceTest, AnAddressOfAnotherMachineIsRefusedWithTheReason) {
  Service other(answers_, ServiceOptions{}, clock_, counters_);
  EXPECT_THAT(std::string(Server::Start({{"192.0.2.1", 0}}, other).status().message()),
              HasSubstr("Cannot assign requested address"));
  EXPECT_THAT(std::string(Server::Start({{"nonsense", 0}}, other).status().message()),
              HasSubstr("not an IP address"));
}

/// The service where Kubernetes says what may be asked.
class UnknownTriggerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto server = Server::Start({{"127.0.0.1", 0}}, service_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stub_ = ExternalScaler::NewStub(grpc::CreateChannel(
        "127.0.0.1:" + std::to_string(server_->port()), grpc::InsecureChannelCredentials()));
  }

  /// The call on a thread of its own, once it has come to wait.
  std::thread AskOnThread(grpc::Status* status, double* value) {
    std::thread thread([this, status, value] {
      grpc::ClientContext context;
      externalscaler::GetMetricsResponse response;
      *status = stub_->GetMetrics(&context, {}, &response);
      if (response.metricvalues_size() == 1) *value = response.metricvalues(0).metricvaluefloat();
    });
    while (answers_.refreshes() == 0) std::this_thread::yield();
    return thread;
  }

  FakeClock clock_;
  testing::FakeAnswers answers_;
  telemetry::ScalerCounters counters_;
  Service service_{answers_, ServiceOptions{}, clock_, counters_};
  std::unique_ptr<Server> server_;
  std::unique_ptr<ExternalScaler::Stub> stub_;
};

TEST_F(UnknownTriggerTest, ACallWaitsForKubernetesToTellOfItsTrigger) {
  service_.waiting().Start();
  grpc::Status status;
  double value = 0;
  std::thread call = AskOnThread(&status, &value);
  answers_.Set(42);
  service_.waiting().Retry();
  call.join();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(value, 42);
}

TEST_F(UnknownTriggerTest, ATriggerThatStaysUnknownIsInvalidArgument) {
  grpc::Status status;
  double value = 0;
  std::thread call = AskOnThread(&status, &value);
  // The first check was before the refresh; a turn finds the call once it waits.
  while (answers_.checks() < 2) service_.waiting().Turn();
  clock_.Advance(WaitingCalls::kPatience);
  service_.waiting().Turn();
  call.join();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "no such trigger");
  EXPECT_EQ(counters_.errors[static_cast<size_t>(telemetry::Method::kGetMetrics)].value(), 1u);
}

TEST_F(UnknownTriggerTest, TheSpecComesFromMetadataAlone) {
  grpc::ClientContext context;
  externalscaler::GetMetricSpecResponse response;
  EXPECT_TRUE(stub_->GetMetricSpec(&context, {}, &response).ok());
  EXPECT_EQ(response.metricspecs_size(), 1);
  EXPECT_EQ(answers_.checks(), 0);
}

TEST_F(UnknownTriggerTest, StoppingAnswersWhatWaits) {
  grpc::Status status;
  double value = 0;
  std::thread call = AskOnThread(&status, &value);
  server_->Stop(30s);
  call.join();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST(IntegerPair, KeepsTheRatioAndNeverOverflows) {
  EXPECT_EQ(IntegerTarget(0.001), 1);
  EXPECT_EQ(IntegerTarget(80.4), 80);
  EXPECT_EQ(IntegerValue(0, 80), 0);
  EXPECT_EQ(IntegerValue(276, 80), 276);
  EXPECT_EQ(IntegerValue(3, 0.5), 6);
  EXPECT_GT(IntegerValue(1e300, 0.001), 0);
  // Old KEDA's replica count, ceil(value / target), is that of the doubles within rounding.
  for (const double target : {0.5, 1.0, 2.5, 80.0, 50000.0}) {
    for (const double pods : {1.0, 2.0, 7.0, 300.0}) {
      EXPECT_EQ(IntegerValue(pods * target, target),
                static_cast<int64_t>(pods) * IntegerTarget(target));
    }
  }
}

}  // namespace
}  // namespace kgs::scaler
