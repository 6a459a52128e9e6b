// SPDX-License-Identifier: Apache-2.0
//
// docs/configuration.md and docs/metrics.md say what the tables of the code say, row by row and in
// the same order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/strings.h"
#include "catalogue/metrics.h"
#include "catalogue/profiles.h"
#include "engine/series_selector.h"
#include "tests/docs/markdown.h"
#include "trigger/keys.h"
#include "trigger/trigger.h"

namespace kgs {
namespace {

using ::testing::HasSubstr;
using Row = std::vector<std::string>;

std::string Text(std::string_view text) { return std::string(text); }

/// What is asked for a series where nothing is said of the engine.
model::EngineQuery WithoutEngine() {
  const auto parsed = trigger::ParseTrigger({{"metricType", "prometheus"},
                                             {"seriesName", "s"},
                                             {"enginePort", "1"},
                                             {"targetValue", "1"}},
                                            trigger::UnknownKeys::kRefuse);
  return parsed.ok() ? parsed->main().engine->query : model::EngineQuery();
}

/// The word for what a selector does where nothing is said.
std::string DefaultAbsent() {
  for (const std::string_view word : engine::SeriesAbsentWords()) {
    if (engine::FindSeriesAbsent(word) == engine::SeriesSelector().absent) return Text(word);
  }
  return "";
}

/// What an empty trigger means, key by key, as the document writes it.
std::map<std::string, std::string> Defaults() {
  const auto parsed = trigger::ParseTrigger({}, trigger::UnknownKeys::kRefuse);
  if (!parsed.ok()) return {};
  const trigger::TriggerSpec& spec = parsed->main();
  return {
      {"profile", spec.profile.empty() ? "none" : spec.profile},
      {"metricName", spec.metric_name},
      {"metricType", Text(trigger::MetricNameOf(spec))},
      {"targetValue", base::FormatNumber(spec.target)},
      {"targetGpuUtilization", "none"},
      {"targetMemoryUtilization", "none"},
      {"activationThreshold", base::FormatNumber(spec.activation_threshold)},
      {"gpuIndex", std::to_string(spec.gpu_index)},
      {"aggregation", Text(catalogue::AggregationName(spec.aggregation))},
      {"pollIntervalSeconds", std::to_string(spec.poll_interval.count())},
      {"replicaLabel", spec.replica_label.empty() ? "none" : spec.replica_label},
      {"scope",
       spec.scope ? Text(trigger::ScopeName(*spec.scope)) : "workload with Kubernetes, else node"},
      {"node", spec.node.empty() ? "none" : spec.node},
      {"podAggregation", Text(trigger::PodAggregationName(spec.pod_aggregation))},
      {"hpaMetricType",
       spec.hpa_metric_type ? Text(trigger::HpaMetricTypeName(*spec.hpa_metric_type)) : "none"},
      {"holdSeconds", std::to_string(spec.hold.count())},
      {"startupSeconds", std::to_string(spec.startup.count())},
      {"minCoverage", base::FormatNumber(spec.min_coverage)},
      {"engine", "none"},
      {"enginePort", "the engine's"},
      {"enginePath", "the engine's, else " + WithoutEngine().path},
      {"engineScrapeInterval", base::FormatDuration(WithoutEngine().interval)},
      {"seriesName", "none"},
      {"seriesLabels", "none"},
      {"seriesKind", Text(engine::SeriesKindWords()[0])},
      {"seriesCombine", Text(engine::SeriesCombineWords()[0])},
      {"seriesAbsent", DefaultAbsent()},
      {"engineEndpoint", spec.endpoint ? "one" : "each pod"},
      {"vllmEndpoint", "none"},
      {"tritonEndpoint", "none"},
      {"endpointAuth", "none"},
      {"wakeEndpoint", spec.wake ? "one" : "none"},
      {"wakeSource", "none"},
      {"wakeAuth", "endpointAuth"},
      {"wakeSeriesName", "none"},
      {"wakeSeriesLabels", "none"},
      {"wakeSeriesKind", Text(engine::SeriesKindWords()[0])},
      {"wakeHoldSeconds", "twice the object's pollingInterval, at least 30"},
      {"wakeAbsent", "the source's own"},
  };
}

TEST(TriggerDocsTest, EveryMetadataKeyIsDescribed) {
  const auto table = testing::ReadTable("configuration.md", "## Trigger metadata");
  const auto defaults = Defaults();
  ASSERT_EQ(table.size(), trigger::Keys().size());
  for (size_t i = 0; i < table.size(); ++i) {
    const trigger::Key& key = trigger::Keys()[i];
    ASSERT_EQ(table[i].size(), 4u) << key.name;
    EXPECT_EQ(table[i][0], key.name);
    EXPECT_FALSE(table[i][1].empty()) << key.name;
    ASSERT_EQ(defaults.count(Text(key.name)), 1u) << "add the default of " << key.name << " above";
    EXPECT_EQ(table[i][2], defaults.at(Text(key.name))) << key.name;
    EXPECT_EQ(table[i][3], key.accepted()) << key.name;
  }
}

TEST(TriggerDocsTest, ShorthandsAreDescribedAsTheyWork) {
  for (const Row& row : testing::ReadTable("configuration.md", "## Trigger metadata")) {
    if (row.size() != 4 || !row[1].starts_with("Short for")) continue;
    const auto parsed = trigger::ParseTrigger({{row[0], "70"}}, trigger::UnknownKeys::kRefuse);
    ASSERT_TRUE(parsed.ok()) << row[0];
    EXPECT_THAT(row[1],
                HasSubstr("metricType: " + Text(trigger::MetricNameOf(parsed->main())) + " "));
  }
}

TEST(TriggerDocsTest, EveryProfileIsDescribed) {
  std::vector<Row> expected;
  for (const catalogue::Profile& profile : catalogue::Profiles()) {
    expected.push_back({Text(profile.name), Text(profile.metric),
                        base::FormatNumber(profile.target),
                        base::FormatNumber(profile.activation_threshold), Text(profile.metric_name),
                        profile.always_active ? "yes" : "no"});
  }
  EXPECT_EQ(testing::ReadTable("configuration.md", "### Profiles"), expected);
}

TEST(TriggerDocsTest, KeysOfOthersAreNamed) {
  const std::string document = testing::ReadDocument("configuration.md");
  for (const auto keys : {trigger::KedasOwnKeys(), trigger::AuthenticationKeys()}) {
    for (const std::string_view key : keys) {
      EXPECT_THAT(document, HasSubstr("`" + Text(key) + "`"));
    }
  }
}

TEST(TriggerDocsTest, EveryScalableMetricIsDescribed) {
  std::vector<Row> expected;
  for (const catalogue::Metric& metric : catalogue::Metrics()) {
    if (!metric.scalable) continue;
    expected.push_back({Text(metric.name), Text(metric.unit),
                        metric.kind == catalogue::Kind::kDemand ? "demand" : "level",
                        Text(metric.help)});
  }
  EXPECT_EQ(testing::ReadTable("metrics.md", "## Metrics a trigger can scale on"), expected);
}

TEST(TriggerDocsTest, WhereEveryMetricIsReadIsDescribed) {
  std::vector<Row> expected;
  for (const catalogue::Metric& metric : catalogue::Metrics()) {
    expected.push_back({Text(metric.name), metric.of_instance ? "its own" : "its GPU's",
                        Text(metric.source), Text(metric.cost)});
  }
  EXPECT_EQ(testing::ReadTable("metrics.md", "### Where they are read"), expected);
}

}  // namespace
}  // namespace kgs
