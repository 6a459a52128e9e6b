// SPDX-License-Identifier: Apache-2.0
//
// The keys that say whose GPUs are meant, and what is made of what is missing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "trigger/trigger.h"

namespace kgs::trigger {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ParsedTrigger Accepted(const Metadata& metadata) {
  const auto parsed = ParseTrigger(metadata, UnknownKeys::kRefuse);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return parsed.value_or(ParsedTrigger{});
}

std::string Refused(const Metadata& metadata) {
  const auto parsed = ParseTrigger(metadata, UnknownKeys::kWarn);
  EXPECT_TRUE(absl::IsInvalidArgument(parsed.status())) << parsed.status();
  return std::string(parsed.status().message());
}

TEST(ScopeTest, DefaultsLeaveTheScopeToTheSurroundings) {
  const TriggerSpec spec = Accepted({}).main();
  EXPECT_EQ(spec.scope, std::nullopt);
  EXPECT_EQ(spec.node, "");
  EXPECT_EQ(spec.pod_aggregation, PodAggregation::kMean);
  EXPECT_EQ(spec.hpa_metric_type, std::nullopt);
  EXPECT_EQ(spec.hold, std::chrono::seconds(30));
  EXPECT_EQ(spec.startup, std::chrono::seconds(1800));
  EXPECT_EQ(spec.min_coverage, 0.5);
  EXPECT_FALSE(spec.target_hidden || spec.threshold_hidden || spec.node_hidden);
}

TEST(ScopeTest, EveryKeyIsReadInBothForms) {
  for (const std::string end : {"", "FromEnv"}) {
    const TriggerSpec spec = Accepted({{"scope" + end, "node"},
                                       {"node" + end, "gpu-1.example"},
                                       {"podAggregation" + end, "max"},
                                       {"hpaMetricType" + end, "Value"},
                                       {"holdSeconds" + end, "0"},
                                       {"startupSeconds" + end, "600"},
                                       {"minCoverage" + end, "0.75"}})
                                 .main();
    EXPECT_EQ(spec.scope, Scope::kNode);
    EXPECT_EQ(spec.node, "gpu-1.example");
    EXPECT_EQ(spec.pod_aggregation, PodAggregation::kMax);
    EXPECT_EQ(spec.hpa_metric_type, model::HpaMetricType::kValue);
    EXPECT_EQ(spec.hold, std::chrono::seconds(0));
    EXPECT_EQ(spec.startup, std::chrono::seconds(600));
    EXPECT_EQ(spec.min_coverage, 0.75);
    EXPECT_EQ(spec.node_hidden, end == "FromEnv");
    EXPECT_EQ(Accepted({{"gpuIndex" + end, "2"}}).main().gpu_index_hidden, end == "FromEnv");
  }
}

TEST(ScopeTest, EveryWordIsAcceptedAndSaidBack) {
  for (const std::string_view name : ScopeNames()) {
    EXPECT_EQ(ScopeName(*Accepted({{"scope", std::string(name)}}).main().scope), name);
  }
  for (const std::string_view name : PodAggregationNames()) {
    const TriggerSpec spec = Accepted({{"podAggregation", std::string(name)}}).main();
    EXPECT_EQ(PodAggregationName(spec.pod_aggregation), name);
  }
  for (const std::string_view name : HpaMetricTypeNames()) {
    const TriggerSpec spec = Accepted({{"hpaMetricType", std::string(name)}}).main();
    EXPECT_EQ(HpaMetricTypeName(*spec.hpa_metric_type), name);
  }
  EXPECT_EQ(HpaMetricTypeName(model::HpaMetricType::kNone), "none");
}

TEST(ScopeTest, WrongWordsAreRefusedWithAHint) {
  EXPECT_THAT(Refused({{"scope", "pod"}}), HasSubstr("must be one of workload, node, cluster"));
  EXPECT_THAT(Refused({{"scope", "nodes"}}), HasSubstr("did you mean \"node\"?"));
  EXPECT_THAT(Refused({{"podAggregation", "avg"}}), HasSubstr("must be one of mean, max"));
  EXPECT_THAT(Refused({{"hpaMetricType", "averageValue"}}),
              HasSubstr("did you mean \"AverageValue\"?"));
  EXPECT_THAT(Refused({{"hpaMetricType", "none"}}),
              HasSubstr("must be one of AverageValue, Value"));
  for (const char* node : {"Node-A", "-a", "a-", "a_b", "a b", "a/b"}) {
    EXPECT_THAT(Refused({{"scope", "node"}, {"node", node}}), HasSubstr("must be a node's name"));
  }
}

TEST(ScopeTest, ANodeNeedsScopeNode) {
  const std::string error = "node \"a\" needs scope \"node\"";
  EXPECT_THAT(Refused({{"node", "a"}}), HasSubstr(error));
  EXPECT_THAT(Refused({{"node", "a"}, {"scope", "cluster"}}), HasSubstr(error));
  EXPECT_THAT(Refused({{"node", "a"}, {"scope", "workload"}}), HasSubstr(error));
  EXPECT_THAT(Refused({{"nodeFromEnv", "a"}}),
              HasSubstr("nodeFromEnv (value from the environment, not shown) needs scope"));
}

TEST(ScopeTest, AGpuIndexHasNoMeaningInTheCluster) {
  EXPECT_THAT(Refused({{"gpuIndex", "0"}, {"scope", "cluster"}}),
              HasSubstr("gpuIndex \"0\" is a place in a node or a pod"));
  EXPECT_EQ(Accepted({{"gpuIndex", "-1"}, {"scope", "cluster"}}).main().gpu_index, kAllGpus);
}

TEST(ScopeTest, KeysWithoutEffectAreWarnedOf) {
  const std::string end = " has no effect: the scope is not workload";
  for (const std::string scope : {"node", "cluster"}) {
    EXPECT_THAT(Accepted({{"scope", scope},
                          {"replicaLabel", "r"},
                          {"podAggregation", "max"},
                          {"holdSeconds", "1"},
                          {"startupSeconds", "1"},
                          {"minCoverage", "1"}})
                    .warnings,
                ElementsAre("replicaLabel" + end, "podAggregation" + end, "holdSeconds" + end,
                            "startupSeconds" + end, "minCoverage" + end));
  }
  EXPECT_THAT(Accepted({{"scope", "workload"}, {"podAggregation", "max"}}).warnings, IsEmpty());
  EXPECT_THAT(
      Accepted({{"podAggregation", "max"}, {"metricType", "power_draw"}, {"targetValue", "9"}})
          .warnings,
      ElementsAre("podAggregation has no effect: the metric adds up over pods"));
}

TEST(ScopeTest, NumbersChosenByTheEnvironmentAreMarked) {
  const auto hidden = [](const Metadata& metadata) {
    const TriggerSpec spec = Accepted(metadata).main();
    return std::pair(spec.target_hidden, spec.threshold_hidden);
  };
  EXPECT_EQ(hidden({{"targetValueFromEnv", "7"}}), std::pair(true, false));
  EXPECT_EQ(hidden({{"targetMemoryUtilizationFromEnv", "7"}}), std::pair(true, false));
  EXPECT_EQ(hidden({{"activationThresholdFromEnv", "7"}}), std::pair(false, true));
  EXPECT_EQ(hidden({{"profileFromEnv", "batch"}}), std::pair(true, true));
  EXPECT_EQ(hidden({{"profileFromEnv", "batch"}, {"targetGpuUtilization", "7"}}),
            std::pair(false, true));
  EXPECT_EQ(hidden({{"profileFromEnv", "batch"}, {"activationThreshold", "7"}}),
            std::pair(true, false));
}

TEST(ScopeTest, SpecsOfTheSameMetadataAreEqual) {
  const Metadata metadata = {{"profile", "batch"}, {"scope", "workload"}};
  EXPECT_EQ(Accepted(metadata).main(), Accepted(metadata).main());
  EXPECT_NE(Accepted(metadata).main(), Accepted({{"profile", "batch"}}).main());
}

}  // namespace
}  // namespace kgs::trigger
