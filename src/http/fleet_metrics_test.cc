// SPDX-License-Identifier: Apache-2.0
#include "http/fleet_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kgs::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string PageOf(const std::vector<TriggerMetrics>& triggers) {
  PageBuilder page;
  AddTriggers(triggers, page);
  return page.Build().body;
}

TriggerMetrics Known() {
  TriggerMetrics trigger{"ScaledObject", "team-a", "web", 2, "gpu_utilization"};
  trigger.target = 80;
  trigger.replicas = 3;
  trigger.value = 276;
  trigger.active = true;
  trigger.coverage = 0.75;
  trigger.errors = {{"blind", 7}, {"invalid", 0}};
  return trigger;
}

TEST(TriggerMetricsTest, EachTriggerHasItsSeries) {
  const std::string page = PageOf({Known()});
  const std::string labels =
      R"({kind="ScaledObject",namespace="team-a",object="web",trigger="2",metric="gpu_utilization")";
  EXPECT_THAT(page, HasSubstr("keda_gpu_scaler_workload_value" + labels + "} 276\n"));
  EXPECT_THAT(page, HasSubstr("keda_gpu_scaler_workload_target" + labels + "} 80\n"));
  EXPECT_THAT(page, HasSubstr("keda_gpu_scaler_workload_replicas" + labels + "} 3\n"));
  EXPECT_THAT(page, HasSubstr("keda_gpu_scaler_workload_coverage_ratio" + labels + "} 0.75\n"));
  EXPECT_THAT(page, HasSubstr("keda_gpu_scaler_workload_active" + labels + "} 1\n"));
  EXPECT_THAT(page,
              HasSubstr("keda_gpu_scaler_decision_errors_total" + labels + ",reason=\"blind\"} 7"));
  EXPECT_THAT(
      page, HasSubstr("keda_gpu_scaler_decision_errors_total" + labels + ",reason=\"invalid\"} 0"));
}

TEST(TriggerMetricsTest, WhatIsNotKnownHasNoSeries) {
  TriggerMetrics trigger{"ScaledJob", "team-a", "batch", 0};
  trigger.errors = {{"blind", 1}};
  const std::string page = PageOf({trigger});
  EXPECT_THAT(page, Not(HasSubstr("workload_")));
  EXPECT_THAT(page, HasSubstr("decision_errors_total"));
  EXPECT_EQ(PageOf({}), "");
}

TEST(TriggerMetricsTest, AnInactiveTriggerIsZeroAndNotAbsent) {
  TriggerMetrics trigger = Known();
  trigger.active = false;
  trigger.value = 0;
  const std::string page = PageOf({trigger});
  EXPECT_THAT(page, ::testing::ContainsRegex("workload_active\\{[^}]*\\} 0\n"));
  EXPECT_THAT(page, ::testing::ContainsRegex("workload_value\\{[^}]*\\} 0\n"));
}

TEST(EndpointMetricsTest, EachCounterHasItsOwnSeries) {
  telemetry::EndpointCounters counters;
  counters.pages.scrapes.Add(5);
  counters.pages.failures.Add(2);
  for (const double seconds : {0.003, 0.3}) counters.pages.duration.Observe(seconds);
  counters.lookups.Add(4);
  counters.lookup_failures.Add(1);
  PageBuilder builder;
  AddEndpoints({3, &counters}, builder);
  const std::string page = "\n" + builder.Build().body;
  for (const char* line :
       {"endpoint_targets 3\n", "endpoint_scrapes_total 5\n", "endpoint_scrape_failures_total 2\n",
        "endpoint_scrape_duration_seconds_count 2\n",
        "endpoint_scrape_duration_seconds_bucket{le=\"0.005\"} 1\n", "endpoint_lookups_total 4\n",
        "endpoint_lookup_failures_total 1\n"}) {
    EXPECT_THAT(page, HasSubstr(std::string("\nkeda_gpu_scaler_") + line));
  }
}

}  // namespace
}  // namespace kgs::http
