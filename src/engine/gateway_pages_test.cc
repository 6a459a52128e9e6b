// SPDX-License-Identifier: Apache-2.0
//
// Each gateway on real pages, and on those that make a naive reader count twice or believe what is
// left from before.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "engine/test_pages.h"
#include "engine/test_readings.h"

namespace kgs::engine {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

constexpr char kCluster[] = "httproute/tre-v2/dsqwen-7b-router/rule/0";

/// The signal of the series with \p labels alone.
PageQuery Of(std::string_view metric_type, const LabelMatches& labels) {
  const auto [dialect, signal] = FindSignal(metric_type);
  EXPECT_NE(signal, nullptr) << metric_type;
  return PageQuery({Selected({*signal, dialect}, labels)});
}

model::EngineReading ReadOf(std::string_view metric_type, const LabelMatches& labels,
                            std::string_view page) {
  const PageQuery query = Of(metric_type, labels);
  return EngineValues(query, nullptr, ReadText(query, page)).front();
}

TEST(GatewaysTest, EveryRowIsComplete) {
  std::set<std::string> names;
  for (const Dialect* gateway : Gateways()) {
    EXPECT_EQ(FindDialect(gateway->name), nullptr) << "no engine of a pod";
    EXPECT_THAT(gateway->path, MatchesRegex("(/[a-z]+)+"));
    EXPECT_FALSE(gateway->title.empty());
    EXPECT_FALSE(gateway->switched_on.empty());
    EXPECT_FALSE(gateway->prefixes.empty());
    EXPECT_EQ(gateway->least_interval, std::chrono::milliseconds(200));
    EXPECT_TRUE(gateway->wake.has_value()) << gateway->name;
    for (const Signal& signal : gateway->signals) {
      EXPECT_TRUE(names.insert(signal.name).second) << signal.name;
      EXPECT_THAT(signal.name, MatchesRegex(gateway->name + "(_[a-z0-9]+)+"));
      EXPECT_THAT(signal.unit, AnyOf("requests", "requests per pod", "percent", "per second"));
      EXPECT_EQ(signal.demand, signal.unit == "requests" || signal.unit == "per second");
      EXPECT_FALSE(signal.help.empty()) << signal.name;
      EXPECT_EQ(FindSignal(signal.name).dialect, gateway);
      for (const Term& term : signal.terms) {
        for (const SeriesName& name : term.first_of) {
          EXPECT_TRUE(HasPrefix(*gateway, name.name)) << name.name;
        }
      }
    }
  }
}

TEST(GatewaysTest, EverySourceThatWakesIsFoundByItsWord) {
  std::vector<std::string> words;
  for (const Dialect* source : WakeSources()) {
    words.push_back(WakeSourceWord(*source));
    EXPECT_EQ(FindWakeSource(words.back()), source);
    EXPECT_EQ(source->wake->name, source->name + "_wake");
    EXPECT_EQ(FindWakeSignal(source->wake->name).dialect, source);
    EXPECT_EQ(FindSignal(source->wake->name).signal, nullptr) << "no metricType";
    for (const Term& term : source->wake->terms) {
      EXPECT_THAT(term.kind, AnyOf(SeriesKind::kGauge, SeriesKind::kCounter));
      EXPECT_FALSE(term.subtracted);
    }
  }
  EXPECT_THAT(words, ElementsAre("epp", "keda-http", "envoy", "dynamo"));
  EXPECT_EQ(FindWakeSource("keda_http"), nullptr);
  EXPECT_EQ(FindWakeSource("vllm"), nullptr);
  EXPECT_EQ(FindWakeSignal("epp_queue_size").signal, nullptr);
}

TEST(EppPagesTest, OfTwoNamesOfOneFactOneIsRead) {
  const std::string page = RealPage("epp.prom");
  EXPECT_EQ(Text(ReadOne("epp_queue_size", page)), "2");
  EXPECT_EQ(Text(ReadOne("epp_running", page)), "2") << "not the 4 of both sets";
  EXPECT_EQ(Text(ReadOne("epp_demand", page)), "4");
  EXPECT_EQ(Text(ReadOne("epp_average_queue_size", page)), "0.4");
  EXPECT_EQ(Text(ReadOne("epp_average_running", page)), "0.5");
  EXPECT_EQ(Text(ReadOne("epp_kv_cache_usage", page)), "30");
}

TEST(EppPagesTest, TheNewerNameCountsAndTheOlderWhereItIsAlone) {
  const std::string older = "inference_extension_flow_control_queue_size{fairness_id=\"a\"} 5\n";
  const std::string newer = "llm_d_epp_flow_control_queue_size{fairness_id=\"a\"} 3\n";
  EXPECT_EQ(Text(ReadOne("epp_queue_size", older)), "5");
  EXPECT_EQ(Text(ReadOne("epp_queue_size", older + newer)), "3");
  EXPECT_EQ(Text(ReadOne("epp_queue_size", newer + older)), "3");
}

TEST(EppPagesTest, FlowsAndPrioritiesAddUp) {
  EXPECT_EQ(
      Text(ReadOne("epp_queue_size",
                   "llm_d_epp_flow_control_queue_size{fairness_id=\"a\",priority=\"1\"} 3\n"
                   "llm_d_epp_flow_control_queue_size{fairness_id=\"b\",priority=\"1\"} 4\n"
                   "llm_d_epp_flow_control_queue_size{fairness_id=\"b\",priority=\"2\"} 5\n")),
      "12");
}

TEST(EppPagesTest, AFlowThatIsGoneIsZeroAndAnotherPageIsAFault) {
  EXPECT_EQ(Text(ReadOne("epp_queue_size", "llm_d_epp_info{commit=\"c\"} 1\n")), "0");
  EXPECT_EQ(Text(ReadOne("epp_queue_size", "llm_d_epp_request_running 2\n")), "0");
  EXPECT_EQ(Text(ReadOne("epp_demand", "llm_d_epp_request_running 2\n")), "2");
  const auto other = ReadOne("epp_queue_size", "up 1\n");
  EXPECT_EQ(Text(other), "fault");
  EXPECT_THAT(other.detail(), HasSubstr("flowControl"));
}

TEST(EppPagesTest, AveragesSayNothingWithoutAReadyPod) {
  const std::string frozen = "llm_d_epp_average_queue_size{name=\"p\"} 7\n";
  for (const char* gate : {"llm_d_epp_ready_endpoints", "inference_pool_ready_pods"}) {
    const std::string ready = std::string(gate) + "{name=\"p\"} ";
    EXPECT_EQ(Text(ReadOne("epp_average_queue_size", frozen + ready + "2\n")), "7");
    const auto none = ReadOne("epp_average_queue_size", frozen + ready + "0\n");
    EXPECT_EQ(Text(none), "unknown");
    EXPECT_EQ(none.detail(),
              std::string(gate) + ": not above 0, so that what it is of is from before");
    EXPECT_EQ(Text(ReadOne("epp_average_queue_size", frozen + ready + "NaN\n")), "unknown");
    EXPECT_EQ(Text(ReadOne("epp_average_queue_size", frozen + ready + "x\n")), "fault");
  }
  EXPECT_EQ(Text(ReadOne("epp_average_queue_size", frozen)), "absent");
  EXPECT_EQ(Text(ReadOne("epp_average_queue_size", "llm_d_epp_ready_endpoints 1\n")), "absent");
}

TEST(EppPagesTest, ThePoolChosenHasItsOwnReadyPods) {
  const std::string page =
      "llm_d_epp_average_queue_size{name=\"a\"} 7\nllm_d_epp_ready_endpoints{name=\"a\"} 0\n"
      "llm_d_epp_average_queue_size{name=\"b\"} 1\nllm_d_epp_ready_endpoints{name=\"b\"} 2\n";
  EXPECT_EQ(Text(ReadOf("epp_average_queue_size", {{"name", "a"}}, page)), "unknown");
  EXPECT_EQ(Text(ReadOf("epp_average_queue_size", {{"name", "b"}}, page)), "1");
}

TEST(EppPagesTest, AModelWithoutSeriesHasNothingAndALabelThatNoSeriesHasTellsNothing) {
  const std::string page =
      "llm_d_epp_flow_control_queue_size{model_name=\"a\",inference_pool=\"p\"} 3\n"
      "llm_d_epp_request_running{model_name=\"a\"} 2\n";
  EXPECT_EQ(Text(ReadOf("epp_demand", {{"model_name", "a"}}, page)), "5");
  EXPECT_EQ(Text(ReadOf("epp_demand", {{"model_name", "b"}}, page)), "0");
  EXPECT_EQ(Text(ReadOf("epp_queue_size", {{"inference_pool", "p"}}, page)), "3");
  EXPECT_EQ(Text(ReadOf("epp_queue_size", {{"inference_pool", "q"}}, page)), "0");
  const auto half = ReadOf("epp_demand", {{"inference_pool", "p"}}, page);
  EXPECT_EQ(Text(half), "absent") << "what runs cannot be told apart: 3 would be too few";
  EXPECT_THAT(half.detail(), HasSubstr("other labels"));
}

TEST(EppPagesTest, TwoChoicesOfOnePageDoNotHideEachOther) {
  const auto [dialect, signal] = FindSignal("epp_queue_size");
  const PageQuery query({Selected({*signal, dialect}, {{"model_name", "a"}}),
                         Selected({*signal, dialect}, {{"model_name", "b"}}),
                         Selected({*signal, dialect}, {{"tenant", "a"}})});
  const auto values = EngineValues(
      query, nullptr, ReadText(query, "llm_d_epp_flow_control_queue_size{model_name=\"a\"} 3\n"));
  EXPECT_EQ(Text(values[0]), "3");
  EXPECT_EQ(Text(values[1]), "0");
  EXPECT_EQ(Text(values[2]), "absent");
}

TEST(DynamoPagesTest, AModelNobodyAskedForHasNoRequestsWhereOthersWereServed) {
  const std::string page = RealPage("dynamo-frontend.prom") +
                           "dynamo_frontend_inflight_requests{model=\"b\"} 4\n"
                           "dynamo_frontend_queued_requests{model=\"b\"} 1\n";
  EXPECT_EQ(Text(ReadOf("dynamo_demand", {{"model", "b"}}, page)), "4");
  EXPECT_EQ(Text(ReadOf("dynamo_queue_depth", {{"model", "b"}}, page)), "1");
  EXPECT_EQ(Text(ReadOf("dynamo_demand", {{"model", "c"}}, page)), "0");
}

TEST(EnvoyPagesTest, TheClusterIsChosenByItsName) {
  const std::string page = RealPage("envoy.prom");
  const LabelMatches cluster = {{"envoy_cluster_name", kCluster}};
  const std::string healthy = "{envoy_cluster_name=\"backend2015\"} ";
  const std::string ours = std::string("{envoy_cluster_name=\"") + kCluster + "\"} ";
  EXPECT_EQ(Text(ReadOf("envoy_cx_none_healthy", cluster, page)), "no value yet");
  EXPECT_EQ(Text(ReadTwo(Of("envoy_cx_none_healthy", cluster), page,
                         "envoy_cluster_upstream_cx_none_healthy" + healthy + "90\n" +
                             "envoy_cluster_upstream_cx_none_healthy" + ours + "21\n")),
            "2");
  EXPECT_EQ(Text(ReadOf("envoy_demand", cluster, page)), "unknown");
  const std::string active = "envoy_cluster_upstream_rq_active" + ours + "3\n" +
                             "envoy_cluster_upstream_rq_active" + healthy + "8\n" +
                             "envoy_cluster_upstream_rq_pending_active" + ours + "2\n";
  EXPECT_EQ(Text(ReadOf("envoy_demand", cluster, page + active)), "5");
  EXPECT_EQ(Text(ReadOf("envoy_cx_none_healthy", {{"envoy_cluster_name", "other"}}, page)),
            "unknown")
      << "not 0";
  EXPECT_EQ(Text(ReadOf("envoy_cx_none_healthy", cluster, "up 1\n")), "fault");
}

}  // namespace
}  // namespace kgs::engine
