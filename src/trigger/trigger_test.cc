// SPDX-License-Identifier: Apache-2.0
//
// What accepted metadata means. What is refused, and how that is said: errors_test.cc.
#include "trigger/trigger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "catalogue/metrics.h"
#include "catalogue/profiles.h"
#include "trigger/metric.h"

namespace kgs::trigger {
namespace {

using model::MetricId;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// The profiles that need no engine, and so go with any metric.
std::vector<catalogue::Profile> PlainProfiles() {
  std::vector<catalogue::Profile> plain;
  for (const catalogue::Profile& profile : catalogue::Profiles()) {
    if (!profile.metric.starts_with(catalogue::kAnyEngine)) plain.push_back(profile);
  }
  return plain;
}

TriggerSpec Accepted(const Metadata& metadata) {
  const auto parsed = ParseTrigger(metadata, UnknownKeys::kRefuse);
  EXPECT_TRUE(parsed.ok()) << parsed.status().message();
  return parsed.ok() ? parsed->main() : TriggerSpec{};
}

std::vector<std::string> Warnings(const Metadata& metadata) {
  const auto parsed = ParseTrigger(metadata, UnknownKeys::kWarn);
  EXPECT_TRUE(parsed.ok()) << parsed.status().message();
  return parsed.ok() ? parsed->warnings : std::vector<std::string>{"refused"};
}

TEST(TriggerTest, DefaultsWithoutAnyKey) {
  const TriggerSpec spec = Accepted({});
  EXPECT_EQ(spec.profile, "");
  EXPECT_EQ(spec.metric_name, "keda_gpu_metric");
  EXPECT_EQ(spec.metric, MetricId::kGpuUtilization);
  EXPECT_EQ(spec.target, 80);
  EXPECT_EQ(spec.activation_threshold, 0);
  EXPECT_EQ(spec.gpu_index, kAllGpus);
  EXPECT_EQ(spec.aggregation, catalogue::Aggregation::kMax);
  EXPECT_EQ(spec.poll_interval, std::chrono::seconds(10));
  EXPECT_FALSE(spec.always_active);
  EXPECT_THAT(Warnings({}), IsEmpty());
}

TEST(TriggerTest, EveryKeyIsReadInBothForms) {
  for (const std::string end : {"", "FromEnv"}) {
    const TriggerSpec spec = Accepted({{"profile" + end, "batch"},
                                       {"metricName" + end, "my.Metric-1:x_y"},
                                       {"metricType" + end, "power_draw"},
                                       {"targetValue" + end, "250.5"},
                                       {"activationThreshold" + end, "60.25"},
                                       {"gpuIndex" + end, "3"},
                                       {"aggregation" + end, "p95"},
                                       {"pollIntervalSeconds" + end, "30"}});
    EXPECT_EQ(spec.profile, "batch");
    EXPECT_EQ(spec.metric_name, "my.Metric-1:x_y");
    EXPECT_EQ(spec.metric, MetricId::kPowerDraw);
    EXPECT_EQ(spec.target, 250.5);
    EXPECT_EQ(spec.activation_threshold, 60.25);
    EXPECT_EQ(spec.gpu_index, 3);
    EXPECT_EQ(spec.aggregation, catalogue::Aggregation::kP95);
    EXPECT_EQ(spec.poll_interval, std::chrono::seconds(30));
    EXPECT_EQ(Accepted({{"targetGpuUtilization" + end, "61"}}).target, 61);
    EXPECT_EQ(Accepted({{"targetMemoryUtilization" + end, "62"}}).target, 62);
  }
}

TEST(TriggerTest, EveryProfileAloneIsItsRow) {
  for (const catalogue::Profile& profile : PlainProfiles()) {
    const TriggerSpec spec = Accepted({{"profile", std::string(profile.name)}});
    EXPECT_EQ(spec.profile, profile.name);
    EXPECT_EQ(spec.metric_name, profile.metric_name);
    EXPECT_EQ(MetricNameOf(spec), profile.metric);
    EXPECT_EQ(spec.target, profile.target);
    EXPECT_EQ(spec.activation_threshold, profile.activation_threshold);
    EXPECT_EQ(spec.always_active, profile.name == "training");
  }
}

TEST(TriggerTest, ExplicitKeysOverrideEveryProfile) {
  for (const catalogue::Profile& profile : PlainProfiles()) {
    const TriggerSpec spec = Accepted({{"profile", std::string(profile.name)},
                                       {"metricName", "mine"},
                                       {"metricType", "temperature"},
                                       {"targetValue", "65"},
                                       {"activationThreshold", "40"}});
    EXPECT_EQ(spec.metric_name, "mine");
    EXPECT_EQ(spec.metric, MetricId::kTemperature);
    EXPECT_EQ(spec.target, 65);
    EXPECT_EQ(spec.activation_threshold, 40);
    EXPECT_EQ(spec.always_active, profile.always_active);
  }
}

TEST(TriggerTest, OneExplicitKeyLeavesTheRestOfTheProfile) {
  const TriggerSpec target = Accepted({{"profile", "vllm-inference"}, {"targetValue", "60"}});
  EXPECT_EQ(target.metric, MetricId::kMemoryUsedPercent);
  EXPECT_EQ(target.target, 60);
  EXPECT_EQ(target.activation_threshold, 5);
  const TriggerSpec same =
      Accepted({{"profile", "vllm-inference"}, {"metricType", "memory_used_percent"}});
  EXPECT_EQ(same.target, 80);
  EXPECT_EQ(same.activation_threshold, 5);
}

TEST(TriggerTest, EveryScalableMetricCanBeTheMetricType) {
  for (const catalogue::Metric& metric : catalogue::Metrics()) {
    if (!metric.scalable) continue;
    const TriggerSpec spec =
        Accepted({{"metricType", std::string(metric.name)}, {"targetValue", "7"}});
    EXPECT_EQ(spec.metric, metric.id);
    EXPECT_EQ(spec.target, 7);
    EXPECT_EQ(spec.activation_threshold, 0);
  }
}

TEST(TriggerTest, PercentagesShareTheDefaultTarget) {
  for (const std::string metric : {"gpu_utilization", "memory_utilization", "memory_used_percent"})
    EXPECT_EQ(Accepted({{"metricType", metric}}).target, 80) << metric;
}

TEST(TriggerTest, APercentageInPlaceOfTheProfilesKeepsItsTarget) {
  const TriggerSpec spec =
      Accepted({{"profile", "tgi-inference"}, {"metricType", "gpu_utilization"}});
  EXPECT_EQ(spec.metric, model::MetricId::kGpuUtilization);
  EXPECT_EQ(spec.target, 75);
  EXPECT_EQ(spec.activation_threshold, 5);
}

TEST(TriggerTest, ProfilesThresholdStaysForAnotherMetricOfItsUnit) {
  const TriggerSpec spec = Accepted(
      {{"profile", "vllm-inference"}, {"metricType", "gpu_utilization"}, {"targetValue", "70"}});
  EXPECT_EQ(spec.metric, MetricId::kGpuUtilization);
  EXPECT_EQ(spec.activation_threshold, 5);
}

TEST(TriggerTest, AThresholdOfZeroFitsEveryUnit) {
  const TriggerSpec spec =
      Accepted({{"profile", "training"}, {"metricType", "power_draw"}, {"targetValue", "300"}});
  EXPECT_EQ(spec.activation_threshold, 0);
  EXPECT_TRUE(spec.always_active);
}

TEST(TriggerTest, ShorthandsSetMetricAndTarget) {
  const TriggerSpec gpu = Accepted({{"targetGpuUtilization", "70"}});
  EXPECT_EQ(gpu.metric, MetricId::kGpuUtilization);
  EXPECT_EQ(gpu.target, 70);
  EXPECT_EQ(gpu.metric_name, "keda_gpu_metric");
  const TriggerSpec memory = Accepted({{"targetMemoryUtilization", "65.5"}});
  EXPECT_EQ(memory.metric, MetricId::kMemoryUsedPercent);
  EXPECT_EQ(memory.target, 65.5);
}

TEST(TriggerTest, ShorthandsOverrideTheProfileAndKeepItsName) {
  for (const catalogue::Profile& profile : PlainProfiles()) {
    if (FindMetric(profile.metric)->unit != "percent") continue;
    const std::string name(profile.name);
    const TriggerSpec gpu = Accepted({{"profile", name}, {"targetGpuUtilization", "55"}});
    EXPECT_EQ(gpu.metric, MetricId::kGpuUtilization) << name;
    EXPECT_EQ(gpu.target, 55) << name;
    EXPECT_EQ(gpu.metric_name, profile.metric_name);
    EXPECT_EQ(gpu.activation_threshold, profile.activation_threshold) << name;
    EXPECT_EQ(gpu.always_active, profile.always_active) << name;
    const TriggerSpec memory = Accepted({{"profile", name}, {"targetMemoryUtilization", "56"}});
    EXPECT_EQ(memory.metric, MetricId::kMemoryUsedPercent) << name;
    EXPECT_EQ(memory.target, 56) << name;
    EXPECT_EQ(memory.metric_name, profile.metric_name);
  }
}

TEST(TriggerTest, AShorthandBesideTheSameSaidInFullIsFine) {
  EXPECT_EQ(Accepted({{"targetGpuUtilization", "70"},
                      {"metricType", "gpu_utilization"},
                      {"targetValue", "70.0"}})
                .target,
            70);
  EXPECT_EQ(Accepted({{"targetMemoryUtilization", "70.0004"},
                      {"metricType", "memory_used_percent"},
                      {"targetValue", "70"}})
                .target,
            70);
}

TEST(TriggerTest, TargetsAreRoundedToThreeDecimals) {
  struct Case {
    const char* text;
    double target;
  };
  constexpr Case kCases[] = {
      {"0.001", 0.001},     {"0.0014", 0.001}, {"0.0015", 0.002},
      {"33.33333", 33.333}, {"80", 80},        {"1e2", 100},
      {"0.57", 0.57},       {"1e12", 1e12},    {"999999999999.9994", 999999999999.999}};
  for (const Case& c : kCases)
    EXPECT_EQ(Accepted({{"targetValue", c.text}}).target, c.target) << c.text;
}

TEST(TriggerTest, EdgesOfTheRangesAreAccepted) {
  EXPECT_EQ(Accepted({{"gpuIndex", "-1"}}).gpu_index, kAllGpus);
  EXPECT_EQ(Accepted({{"gpuIndex", "0"}}).gpu_index, 0);
  EXPECT_EQ(Accepted({{"gpuIndex", "1023"}}).gpu_index, 1023);
  EXPECT_EQ(Accepted({{"pollIntervalSeconds", "1"}}).poll_interval, std::chrono::seconds(1));
  EXPECT_EQ(Accepted({{"pollIntervalSeconds", "86400"}}).poll_interval, std::chrono::hours(24));
  EXPECT_EQ(Accepted({{"activationThreshold", "1e12"}}).activation_threshold, 1e12);
  EXPECT_EQ(Accepted({{"activationThreshold", "0.0001"}}).activation_threshold, 0.0001);
  EXPECT_FALSE(std::signbit(Accepted({{"activationThreshold", "-0"}}).activation_threshold));
  EXPECT_EQ(Accepted({{"metricName", "..."}}).metric_name, "...");
  EXPECT_EQ(Accepted({{"metricName", "x"}}).metric_name, "x");
  EXPECT_EQ(Accepted({{"replicaLabel", "a"}}).replica_label, "a");
  EXPECT_EQ(Accepted({{"replicaLabel", "example.com/my_Group.1"}}).replica_label,
            "example.com/my_Group.1");
  EXPECT_EQ(Accepted({{"metricName", std::string(128, 'x')}}).metric_name.size(), 128u);
}

TEST(TriggerTest, EveryAggregationIsAccepted) {
  for (const std::string_view name : catalogue::AggregationNames()) {
    EXPECT_EQ(
        catalogue::AggregationName(Accepted({{"aggregation", std::string(name)}}).aggregation),
        name);
  }
}

TEST(TriggerTest, KedasOwnKeysAreIgnoredInBothForms) {
  Metadata metadata = {{"profile", "tgi-inference"}};
  for (const std::string key : {"scalerAddress", "enableTLS", "unsafeSsl", "tlsCertFile"}) {
    metadata[key] = "";
    metadata[key + "FromEnv"] = "anything";
  }
  EXPECT_EQ(Accepted(metadata).target, 75);
  EXPECT_THAT(Warnings(metadata), IsEmpty());
}

TEST(TriggerTest, UnknownKeysCanBeWarnedOfWithoutTheirValues) {
  EXPECT_THAT(Warnings({{"targetvalue", "secret-1"},
                        {"queueLength", "secret-2"},
                        {"profilFromEnv", "secret-3"},
                        {"a\nb", "secret-4"}}),
              ElementsAre("unknown key \"a?b\"",
                          "unknown key \"profilFromEnv\" (did you mean \"profileFromEnv\"?)",
                          "unknown key \"queueLength\"",
                          "unknown key \"targetvalue\" (did you mean \"targetValue\"?)"));
}

TEST(TriggerTest, WarningsAreFew) {
  Metadata metadata = {{"profile", "training"}, {"activationThreshold", "5"}};
  for (int i = 0; i < 100; ++i) metadata["targetvalue" + std::to_string(i)] = "80";
  const std::vector<std::string> warnings = Warnings(metadata);
  ASSERT_EQ(warnings.size(), 18u);
  EXPECT_EQ(warnings[16], "and 84 more unknown keys");
  EXPECT_EQ(warnings[17], "activationThreshold has no effect: the profile is always active");
}

TEST(TriggerTest, UnknownKeysThatAreWarnedOfChangeNothing) {
  const auto parsed =
      ParseTrigger({{"targetvalue", "1"}, {"profile", "batch"}}, UnknownKeys::kWarn);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->main().target, 70);
}

TEST(TriggerTest, AThresholdBesideAnAlwaysActiveProfileIsWarnedOf) {
  EXPECT_THAT(Warnings({{"profile", "training"}, {"activationThreshold", "5"}}),
              ElementsAre("activationThreshold has no effect: the profile is always active"));
  EXPECT_THAT(
      Warnings({{"profile", "training"}, {"activationThresholdFromEnv", "5"}}),
      ElementsAre("activationThresholdFromEnv has no effect: the profile is always active"));
  EXPECT_THAT(Warnings({{"profile", "batch"}, {"activationThreshold", "5"}}), IsEmpty());
}

}  // namespace
}  // namespace kgs::trigger
