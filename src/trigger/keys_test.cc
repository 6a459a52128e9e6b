// SPDX-License-Identifier: Apache-2.0
#include "trigger/keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "trigger/trigger.h"

namespace kgs::trigger {
namespace {

using ::testing::ElementsAre;

TEST(KeysTest, MetadataKeysAreTheTable) {
  EXPECT_THAT(
      MetadataKeys(),
      ElementsAre("profile", "metricName", "metricType", "targetValue", "targetGpuUtilization",
                  "targetMemoryUtilization", "activationThreshold", "gpuIndex", "aggregation",
                  "pollIntervalSeconds", "replicaLabel", "scope", "node", "podAggregation",
                  "hpaMetricType", "holdSeconds", "startupSeconds", "minCoverage", "engine",
                  "enginePort", "enginePath", "engineScrapeInterval", "seriesName", "seriesLabels",
                  "seriesKind", "seriesCombine", "seriesAbsent", "engineEndpoint", "vllmEndpoint",
                  "tritonEndpoint", "endpointAuth", "wakeEndpoint", "wakeSource", "wakeAuth",
                  "wakeSeriesName", "wakeSeriesLabels", "wakeSeriesKind", "wakeHoldSeconds",
                  "wakeAbsent"));
}

TEST(KeysTest, NamesAreUniqueAndNoneEndsInFromEnv) {
  std::set<std::string_view> names;
  for (const Key& key : Keys()) names.insert(key.name);
  names.insert(KedasOwnKeys().begin(), KedasOwnKeys().end());
  names.insert(AuthenticationKeys().begin(), AuthenticationKeys().end());
  EXPECT_EQ(names.size(), Keys().size() + KedasOwnKeys().size() + AuthenticationKeys().size());
  for (const std::string_view name : names) EXPECT_FALSE(name.ends_with(kFromEnv)) << name;
}

TEST(KeysTest, EveryRowSaysWhatItAccepts) {
  for (const Key& key : Keys()) EXPECT_GT(key.accepted().size(), 10u) << key.name;
}

TEST(KeysTest, ARefusedValueIsKeptAsGiven) {
  for (const Key& key : Keys()) {
    Settings settings;
    EXPECT_FALSE(key.read(Entry{key.name, "no such value", false}, settings)) << key.name;
  }
  Settings settings;
  Keys()[3].read(Entry{"targetValue", "x", false}, settings);
  EXPECT_TRUE(settings.target_value.given);
  EXPECT_FALSE(settings.target_value.value.has_value());
}

TEST(KeysTest, NearestKey) {
  struct Case {
    std::string_view unknown;
    std::string_view nearest;
  };
  constexpr Case kCases[] = {
      {"targetvalue", "targetValue"},
      {"TARGETVALUE", "targetValue"},
      {"targetValu", "targetValue"},
      {"profil", "profile"},
      {"gpu_index", "gpuIndex"},
      {"agregation", "aggregation"},
      {"pollingIntervalSeconds", "pollIntervalSeconds"},
      {"targetGPUUtilisation", "targetGpuUtilization"},
      {"enableTls", "enableTLS"},
      {"hpaMetrictype", "hpaMetricType"},
      {"holdSecond", "holdSeconds"},
      {"mincoverage", "minCoverage"},
      {"engineport", "enginePort"},
      {"seriesLabel", "seriesLabels"},
      {"engin", "engine"},
      {"scaleraddress", "scalerAddress"},
      {"tlsclientkey", "tlsClientKey"},
      {"targetValuFromEnv", "targetValueFromEnv"},
      {"targetValueFromENV", "targetValueFromEnv"},
      {"profilefromenv", "profileFromEnv"},
      {"FromEnv", ""},
      {"fromEnvironment", ""},
      {"profileFromEnvFromEnv", ""},
      {"", ""},
      {"queueLength", ""},
      {"x", ""},
  };
  for (const Case& c : kCases) EXPECT_EQ(NearestKey(c.unknown), c.nearest) << c.unknown;
  EXPECT_EQ(NearestKey(std::string(1000, 'x')), "");
}

}  // namespace
}  // namespace kgs::trigger
