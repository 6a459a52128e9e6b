// SPDX-License-Identifier: Apache-2.0
//
// A trigger of several numbers behind a real gRPC server on loopback, asked as KEDA asks.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include "base/mutex.h"
#include "scaler/server.h"
#include "scaler/service.h"
#include "tests/support/fake_clock.h"

namespace kgs::scaler {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using Metadata = std::map<std::string, std::string>;

/// What each number is answered: a value, or an error; active above 0.
class AnswersByPlace final : public Answers {
 public:
  absl::Status Check(const Question&) const override { return absl::OkStatus(); }
  absl::StatusOr<double> Value(const Question& question) const override {
    base::MutexLock lock(mutex_);
    return values_[question.place];
  }
  absl::StatusOr<bool> Active(const Question& question) const override {
    const auto value = Value(question);
    return value.ok() ? absl::StatusOr<bool>(*value > 0) : value.status();
  }
  void Refresh() override {}

  void Set(std::vector<absl::StatusOr<double>> values) {
    base::MutexLock lock(mutex_);
    values_ = std::move(values);
  }

 private:
  mutable base::Mutex mutex_;
  std::vector<absl::StatusOr<double>> values_ KGS_GUARDED_BY(mutex_) = {1.0, 2.0};
};

class SeveralNumbersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto server = Server::Start({{"127.0.0.1", 0}}, service_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stub_ = externalscaler::ExternalScaler::NewStub(grpc::CreateChannel(
        "127.0.0.1:" + std::to_string(server_->port()), grpc::InsecureChannelCredentials()));
  }

  externalscaler::ScaledObjectRef Object() const {
    externalscaler::ScaledObjectRef object;
    object.set_name("vllm");
    object.set_namespace_("default");
    object.mutable_scalermetadata()->insert(metadata_.begin(), metadata_.end());
    return object;
  }
  grpc::Status GetMetrics(const std::string& name, externalscaler::MetricValue* value) {
    grpc::ClientContext context;
    externalscaler::GetMetricsRequest request;
    *request.mutable_scaledobjectref() = Object();
    request.set_metricname(name);
    externalscaler::GetMetricsResponse response;
    const grpc::Status status = stub_->GetMetrics(&context, request, &response);
    if (status.ok()) {
      EXPECT_EQ(response.metricvalues_size(), 1) << "the HPA would add several up";
      *value = response.metricvalues(0);
    }
    return status;
  }
  /// "active", "idle" or the error.
  std::string IsActive() {
    grpc::ClientContext context;
    externalscaler::IsActiveResponse response;
    const grpc::Status status = stub_->IsActive(&context, Object(), &response);
    if (!status.ok()) return status.error_message();
    return response.result() ? "active" : "idle";
  }

  testing::FakeClock clock_;
  AnswersByPlace answers_;
  telemetry::ScalerCounters counters_;
  Service service_{answers_, ServiceOptions{}, clock_, counters_};
  std::unique_ptr<Server> server_;
  std::unique_ptr<externalscaler::ExternalScaler::Stub> stub_;
  Metadata metadata_ = {{"profile", "llm"}, {"engine", "vllm"}};
};

TEST_F(SeveralNumbersTest, EachIsASpecOfItsOwn) {
  grpc::ClientContext context;
  externalscaler::GetMetricSpecResponse response;
  ASSERT_TRUE(stub_->GetMetricSpec(&context, Object(), &response).ok());
  ASSERT_EQ(response.metricspecs_size(), 2);
  EXPECT_EQ(response.metricspecs(0).metricname(), "keda_gpu_llm-demand");
  EXPECT_EQ(response.metricspecs(0).targetsizefloat(), 16);
  EXPECT_EQ(response.metricspecs(1).metricname(), "keda_gpu_llm-kv-cache");
  EXPECT_EQ(response.metricspecs(1).targetsizefloat(), 80);
}

TEST_F(SeveralNumbersTest, StreamMetricSpecHasThemAll) {
  service_.streams().Start();
  grpc::ClientContext context;
  externalscaler::GetMetricSpecResponse response;
  const auto stream = stub_->StreamMetricSpec(&context, Object());
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.metricspecs_size(), 2);
  service_.streams().EndAll();
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(SeveralNumbersTest, TheNameSaysWhichIsAsked) {
  externalscaler::MetricValue value;
  // A name may begin as the HPA's do.
  metadata_["metricName"] = "s0-Mine";
  struct Case {
    const char* name;
    double value;
  };
  for (const Case& c : {Case{"s0-Mine-demand", 1}, Case{"S0-MINE-KV-CACHE", 2},
                        Case{"s12-s0-Mine-kv-cache", 2}, Case{"s0-s0-mine-demand", 1}}) {
    const grpc::Status status = GetMetrics(c.name, &value);
    ASSERT_TRUE(status.ok()) << c.name << ": " << status.error_message();
    EXPECT_EQ(value.metricvaluefloat(), c.value) << c.name;
    EXPECT_EQ(value.metricname(), c.name);
  }
}

TEST_F(SeveralNumbersTest, AnyOtherNameIsRefusedWithThoseThereAre) {
  externalscaler::MetricValue value;
  for (const char* name :
       {"", "keda_gpu_llm", "mine-demand", "s-keda_gpu_llm-demand", "s0keda_gpu_llm-demand"}) {
    const grpc::Status status = GetMetrics(name, &value);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << name;
    EXPECT_EQ(status.error_message(), "metricName \"" + std::string(name) +
                                          "\": the metrics of this trigger are "
                                          "keda_gpu_llm-demand and keda_gpu_llm-kv-cache");
  }
  metadata_["metricNameFromEnv"] = "secret";
  const grpc::Status status = GetMetrics("x", &value);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), Not(HasSubstr("secret")));
  EXPECT_TRUE(GetMetrics("secret-demand", &value).ok());
}

TEST_F(SeveralNumbersTest, EachFailsAlone) {
  answers_.Set({1.0, absl::UnavailableError("no cache")});
  externalscaler::MetricValue value;
  EXPECT_TRUE(GetMetrics("keda_gpu_llm-demand", &value).ok());
  EXPECT_EQ(GetMetrics("keda_gpu_llm-kv-cache", &value).error_message(), "no cache");
}

TEST_F(SeveralNumbersTest, ItIsActiveWhileOneIsAndIdleOnlyWhereAllAreKnownToBe) {
  const auto error = [](const char* text) { return absl::UnavailableError(text); };
  struct Case {
    absl::StatusOr<double> first;
    absl::StatusOr<double> second;
    const char* active;
  };
  for (const Case& c : std::vector<Case>{{1, 1, "active"},
                                         {0, 1, "active"},
                                         {1, 0, "active"},
                                         {0, 0, "idle"},
                                         {error("a"), 1, "active"},
                                         {1, error("b"), "active"},
                                         {error("a"), 0, "a"},
                                         {0, error("b"), "b"},
                                         {error("a"), error("b"), "a"}}) {
    answers_.Set({c.first, c.second});
    EXPECT_EQ(IsActive(), c.active);
  }
}

TEST_F(SeveralNumbersTest, TheStreamTellsOfAnyOfThem) {
  answers_.Set({0.0, 3.0});
  service_.streams().Start();
  grpc::ClientContext context;
  const auto stream = stub_->StreamIsActive(&context, Object());
  externalscaler::IsActiveResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_TRUE(response.result());
  service_.streams().EndAll();
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(SeveralNumbersTest, AnEngineWithoutACacheHasOneNumberAndAnyNameMeansIt) {
  metadata_["engine"] = "tgi";
  externalscaler::MetricValue value;
  ASSERT_TRUE(GetMetrics("anything", &value).ok());
  EXPECT_EQ(value.metricvaluefloat(), 1);
}

}  // namespace
}  // namespace kgs::scaler
