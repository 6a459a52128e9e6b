// SPDX-License-Identifier: Apache-2.0
//
// What wakes a workload that has no replicas.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "trigger/test_parse.h"

namespace kgs::trigger {
namespace {

using namespace std::chrono_literals;
using testing::Accepted;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Refused;

/// Woken by an EPP, with what is not said otherwise in \p more.
Metadata Woken(const Metadata& more) {
  Metadata metadata = {{"wakeEndpoint", "http://epp.llm:9090"}, {"wakeSource", "epp"}};
  for (const auto& [key, value] : more) metadata[key] = value;
  return metadata;
}

Wake WakeOfTrigger(const Metadata& metadata) {
  return Accepted(metadata).main().wake.value_or(Wake{});
}

TEST(WakeTriggerTest, AnyTriggerOfAWorkloadMayBeWoken) {
  for (const Metadata& metric :
       {Metadata{}, Metadata{{"profile", "llm"}, {"engine", "vllm"}},
        Metadata{
            {"metricType", "vllm_demand"}, {"targetValue", "5"}, {"engineEndpoint", "http://a"}}}) {
    for (const TriggerSpec& spec : Accepted(Woken(metric)).specs) {
      ASSERT_TRUE(spec.wake);
      EXPECT_EQ(spec.wake->endpoint.url.Text(), "http://epp.llm:9090/metrics");
      EXPECT_EQ(spec.wake->query.signal, "epp_wake");
      EXPECT_EQ(spec.wake->key, spec.wake->query.Key());
      EXPECT_EQ(spec.wake->hold, std::nullopt);
      EXPECT_EQ(spec.wake->absent, WakeAbsent::kInactive) << "of EPP's flow control";
      EXPECT_FALSE(spec.wake->hidden);
    }
  }
  EXPECT_FALSE(Accepted({}).main().wake);
}

TEST(WakeTriggerTest, TheKeysSayMore) {
  const Wake wake = WakeOfTrigger(Woken({{"wakeEndpoint", "https://epp:9090/stats"},
                                         {"wakeHoldSeconds", "120"},
                                         {"wakeAbsent", "unknown"},
                                         {"wakeSeriesLabels", "model_name=m"},
                                         {"endpointAuth", "gateway"}}));
  EXPECT_EQ(wake.endpoint.url.Text(), "https://epp:9090/stats");
  EXPECT_EQ(wake.endpoint.credential, "gateway");
  EXPECT_EQ(wake.hold, 120s);
  EXPECT_EQ(wake.absent, WakeAbsent::kUnknown);
  EXPECT_EQ(wake.query.series_labels, "model_name=m");
  EXPECT_EQ(WakeOfTrigger(Woken({{"endpointAuth", "a"}, {"wakeAuth", "b"}})).endpoint.credential,
            "b");
}

TEST(WakeTriggerTest, EverySourceHasItsPage) {
  const auto url = [](const std::string& source, const Metadata& more) {
    Metadata metadata = Woken({{"wakeSource", source}});
    for (const auto& [key, value] : more) metadata[key] = value;
    return WakeOfTrigger(metadata).endpoint.url.path_and_query;
  };
  EXPECT_EQ(url("epp", {}), "/metrics");
  EXPECT_EQ(url("dynamo", {}), "/metrics");
  EXPECT_EQ(url("keda-http", {{"wakeSeriesLabels", "route_namespace=llm,route_name=web"}}),
            "/queue");
  EXPECT_EQ(url("envoy", {{"wakeSeriesLabels", "envoy_cluster_name=web"}}), "/stats/prometheus");
  EXPECT_EQ(url("prometheus", {{"wakeSeriesName", "queue"}}), "/metrics");
}

TEST(WakeTriggerTest, ASeriesOfTheUsersOwn) {
  const Wake wake = WakeOfTrigger({{"wakeEndpoint", "http://router:8080"},
                                   {"wakeSource", "prometheus"},
                                   {"wakeSeriesName", "router_requests_total"},
                                   {"wakeSeriesLabels", "pool=a"},
                                   {"wakeSeriesKind", "counter"}});
  EXPECT_EQ(wake.query.signal, "prometheus_wake");
  EXPECT_EQ(wake.query.series_name, "router_requests_total");
  EXPECT_EQ(wake.query.series_labels, "pool=a");
  EXPECT_EQ(wake.query.series_kind, "counter");
  EXPECT_EQ(wake.absent, WakeAbsent::kUnknown);
  EXPECT_EQ(Refused(Woken({{"wakeSource", "prometheus"}})),
            "wakeSource \"prometheus\" needs wakeSeriesName");
  EXPECT_EQ(Refused(Woken({{"wakeSeriesName", "a"}})),
            "wakeSeriesName \"a\" needs wakeSource \"prometheus\"");
  EXPECT_THAT(Refused({{"wakeEndpoint", "http://router:8080"},
                       {"wakeSource", "prometheus"},
                       {"wakeSeriesName", "a"},
                       {"wakeSeriesKind", "histogram-mean"}}),
              HasSubstr("one of gauge, counter"));
}

TEST(WakeTriggerTest, WhatGoesTogetherIsNeededTogether) {
  EXPECT_EQ(Refused({{"wakeEndpoint", "http://epp:9090"}}), "wakeEndpoint needs wakeSource");
  EXPECT_EQ(Refused({{"wakeSource", "epp"}}), "wakeSource \"epp\" needs wakeEndpoint");
  EXPECT_EQ(Refused({{"wakeHoldSeconds", "60"}}), "wakeHoldSeconds \"60\" needs wakeEndpoint");
  EXPECT_EQ(Refused(Woken({{"wakeSource", "envoy"}})),
            "wakeSource \"envoy\" is of many workloads: it needs wakeSeriesLabels with "
            "envoy_cluster_name");
  EXPECT_THAT(Refused(Woken({{"wakeSource", "nginx"}})),
              HasSubstr("must be one of epp, keda-http, envoy, dynamo, prometheus"));
}

TEST(WakeTriggerTest, OnlyAWorkloadIsWoken) {
  EXPECT_EQ(Refused(Woken({{"scope", "cluster"}})),
            "scope \"cluster\": wakeEndpoint wakes a workload");
  EXPECT_THAT(Accepted(Woken({{"profile", "training"}})).warnings,
              ::testing::ElementsAre("wakeEndpoint has no effect: the profile is always active"));
}

TEST(WakeTriggerTest, FromTheEnvironmentNothingIsShown) {
  EXPECT_TRUE(WakeOfTrigger({{"wakeEndpointFromEnv", "http://a"}, {"wakeSource", "epp"}}).hidden);
  EXPECT_TRUE(WakeOfTrigger(Woken({{"wakeSeriesLabelsFromEnv", "a=b"}})).hidden);
  EXPECT_THAT(Refused({{"wakeEndpointFromEnv", "secret"}, {"wakeSource", "epp"}}),
              Not(HasSubstr("secret")));
  EXPECT_THAT(Refused(Woken({{"wakeEndpoint", "http://a:0/?token=secret"}})),
              Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace kgs::trigger
