// SPDX-License-Identifier: Apache-2.0
//
// Triggers on what engines say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalogue/profiles.h"
#include "engine/dialects.h"
#include "trigger/metric.h"
#include "trigger/test_parse.h"

namespace kgs::trigger {
namespace {

using namespace std::chrono_literals;
using model::EngineQuery;
using testing::Accepted;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Refused;

/// A trigger on a series, with what is not said otherwise in \p more.
Metadata Series(const Metadata& more) {
  Metadata metadata = {{"metricType", "prometheus"},
                       {"seriesName", "app:queue"},
                       {"enginePort", "9100"},
                       {"targetValue", "5"}};
  for (const auto& [key, value] : more) metadata[key] = value;
  return metadata;
}

EngineQuery QueryOf(const Metadata& metadata) {
  const auto parsed = Accepted(metadata);
  return parsed.main().engine ? parsed.main().engine->query : EngineQuery{};
}

TEST(EngineTriggerTest, EverySignalCanBeTheMetricType) {
  for (const engine::Dialect* dialect : engine::Dialects()) {
    for (const engine::Signal& signal : dialect->signals) {
      const ParsedTrigger parsed = Accepted({{"metricType", signal.name}, {"targetValue", "7"}});
      ASSERT_EQ(parsed.specs.size(), 1u);
      const TriggerSpec& spec = parsed.main();
      ASSERT_TRUE(spec.engine) << signal.name;
      EXPECT_EQ(spec.engine->query, (EngineQuery{.signal = signal.name}));
      EXPECT_EQ(spec.engine->key, spec.engine->query.Key());
      EXPECT_EQ(MetricNameOf(spec), signal.name);
      EXPECT_EQ(UnitOf(spec), signal.unit) << signal.name;
      EXPECT_EQ(IsDemand(spec), signal.demand) << signal.name;
      EXPECT_FALSE(IsHeldMemory(spec));
      EXPECT_FALSE(spec.engine_instead);
      EXPECT_FALSE(spec.engine_hidden);
    }
  }
}

TEST(EngineTriggerTest, WhatIsSilentWhileRequestsRunIsActiveByTheDemand) {
  const auto load = [](const std::string& metric) {
    Metadata metadata = {{"metricType", metric}, {"targetValue", "7"}};
    if (!metric.starts_with("vllm") && !metric.starts_with("triton")) {
      metadata["engineEndpoint"] = "http://gateway:9090";
      metadata["seriesLabels"] = "route_namespace=a,route_name=b,envoy_cluster_name=c";
    }
    const TriggerSpec spec = Accepted(metadata).main();
    return spec.engine_load ? spec.engine_load->query.signal : "none";
  };
  EXPECT_EQ(load("vllm_queue_depth"), "vllm_demand");
  EXPECT_EQ(load("vllm_running"), "vllm_demand");
  EXPECT_EQ(load("vllm_kv_cache_usage"), "vllm_demand");
  EXPECT_EQ(load("dynamo_ttft_p95_ms"), "dynamo_demand");
  EXPECT_EQ(load("triton_queue_depth"), "triton_demand");
  EXPECT_EQ(load("epp_queue_size"), "epp_demand");
  EXPECT_EQ(load("epp_average_queue_size"), "epp_demand");
  EXPECT_EQ(load("epp_average_running"), "epp_demand");
  for (const std::string metric :
       {"vllm_demand", "triton_pending", "triton_request_rate", "triton_queue_wait_ms",
        "epp_demand", "keda_http_concurrency", "envoy_cx_none_healthy"}) {
    EXPECT_EQ(load(metric), "none") << metric;
  }
  EXPECT_FALSE(Accepted(Series({})).main().engine_load);
  EXPECT_FALSE(Accepted({}).main().engine_load);
}

TEST(EngineTriggerTest, EveryKeyIsReadInBothForms) {
  for (const std::string end : {"", "FromEnv"}) {
    const ParsedTrigger parsed = Accepted({{"metricType" + end, "prometheus"},
                                           {"targetValue" + end, "5"},
                                           {"engine" + end, "trtllm"},
                                           {"enginePort" + end, "9100"},
                                           {"enginePath" + end, "/m?model=a%20b"},
                                           {"engineScrapeInterval" + end, "1m"},
                                           {"seriesName" + end, "app:queue"},
                                           {"seriesLabels" + end, "a=1,b=\"x,y\""},
                                           {"seriesKind" + end, "counter"},
                                           {"seriesCombine" + end, "max"},
                                           {"seriesAbsent" + end, "hold"}});
    ASSERT_TRUE(parsed.main().engine);
    EXPECT_EQ(parsed.main().engine->query,
              (EngineQuery{"prometheus", "app:queue", "a=1,b=\"x,y\"", "counter", "max", "hold",
                           9100, "/m?model=a%20b", 60000ms}));
    EXPECT_EQ(parsed.main().engine_hidden, end == "FromEnv");
    EXPECT_EQ(MetricNameOf(parsed.main()), "prometheus");
    EXPECT_EQ(UnitOf(parsed.main()), "");
  }
  for (const std::string key : {"engine", "enginePort", "enginePath", "seriesName", "seriesLabels",
                                "seriesKind", "seriesCombine", "seriesAbsent"}) {
    Metadata metadata = Series({{"engine", "vllm"},
                                {"enginePath", "/m"},
                                {"seriesLabels", "a=1"},
                                {"seriesKind", "gauge"},
                                {"seriesCombine", "sum"},
                                {"seriesAbsent", "zero"}});
    metadata[key + "FromEnv"] = metadata[key];
    metadata.erase(key);
    EXPECT_TRUE(Accepted(metadata).main().engine_hidden) << key;
  }
}

TEST(EngineTriggerTest, PortAndPathOfASeriesAreThoseOfItsEngineUnlessSaid) {
  EXPECT_EQ(QueryOf(Series({})).port, 9100);
  EXPECT_EQ(QueryOf(Series({})).path, "/metrics");
  EXPECT_EQ(QueryOf(Series({})).interval, 1000ms);
  EXPECT_EQ(QueryOf(Series({{"engine", "trtllm"}})).port, 9100);
  EXPECT_EQ(QueryOf(Series({{"engine", "trtllm"}})).path, "/prometheus/metrics");
  Metadata without_port = Series({{"engine", "sglang"}});
  without_port.erase("enginePort");
  EXPECT_EQ(QueryOf(without_port).port, 30000);
  EXPECT_EQ(QueryOf(without_port).path, "/metrics");
}

TEST(EngineTriggerTest, OfAPresetOnlyWhatDiffersFromItIsAsked) {
  const auto query = [](const Metadata& more) {
    Metadata metadata = {{"metricType", "vllm_demand"}, {"targetValue", "5"}};
    metadata.insert(more.begin(), more.end());
    return QueryOf(metadata);
  };
  const EngineQuery plain{.signal = "vllm_demand"};
  EXPECT_EQ(query({{"enginePort", "8000"}, {"enginePath", "/metrics"}, {"engine", "vllm"}}), plain);
  EXPECT_EQ(query({{"enginePort", "8001"}}).port, 8001);
  EXPECT_EQ(query({{"enginePort", "8001"}}).path, "");
  EXPECT_EQ(query({{"enginePath", "/m"}}).path, "/m");
  EXPECT_EQ(query({{"engineScrapeInterval", "200ms"}}).interval, 200ms);
  EXPECT_EQ(query({{"engineScrapeInterval", "0.25s"}}).Key(), plain.Key());
}

TEST(EngineTriggerTest, ASeriesIsADemandWhereItAddsUp) {
  const auto demand = [](const Metadata& more) { return IsDemand(Accepted(Series(more)).main()); };
  EXPECT_TRUE(demand({}));
  EXPECT_TRUE(demand({{"seriesKind", "counter"}, {"seriesCombine", "sum"}}));
  EXPECT_FALSE(demand({{"seriesCombine", "max"}}));
  EXPECT_FALSE(demand({{"seriesKind", "histogram-p95"}}));
}

TEST(EngineTriggerTest, EveryProfileNamesMetrics) {
  for (const catalogue::Profile& profile : catalogue::Profiles()) {
    std::vector<std::string> names = {std::string(profile.metric)};
    if (!profile.instead.empty()) names.emplace_back(profile.instead);
    if (profile.metric.starts_with(catalogue::kAnyEngine)) {
      names.clear();
      for (const engine::Dialect* dialect : engine::Dialects()) {
        names.push_back(dialect->name +
                        std::string(profile.metric.substr(catalogue::kAnyEngine.size())));
      }
    }
    for (const std::string& name : names) {
      const auto metric = FindMetric(name);
      ASSERT_TRUE(metric) << profile.name << " " << name;
      const auto instead = FindMetric(profile.instead);
      if (instead) {
        EXPECT_EQ(instead->unit, metric->unit);
      }
    }
  }
}

TEST(EngineTriggerTest, ProfileLlmHasTheEnginesDemandAndCache) {
  for (const engine::Dialect* dialect : engine::Dialects()) {
    const ParsedTrigger parsed = Accepted({{"profile", "llm"}, {"engine", dialect->name}});
    const bool has_cache = FindMetric(dialect->name + "_kv_cache_usage").has_value();
    ASSERT_EQ(parsed.specs.size(), has_cache ? 2u : 1u) << dialect->name;
    const TriggerSpec& demand = parsed.specs[0];
    EXPECT_EQ(demand.metric_name, "keda_gpu_llm-demand");
    EXPECT_EQ(MetricNameOf(demand), dialect->name + "_demand");
    EXPECT_EQ(demand.target, 16);
    EXPECT_EQ(demand.activation_threshold, 0);
    EXPECT_FALSE(demand.engine_load);
    if (!has_cache) continue;
    const TriggerSpec& cache = parsed.specs[1];
    EXPECT_EQ(cache.metric_name, "keda_gpu_llm-kv-cache");
    EXPECT_EQ(MetricNameOf(cache), dialect->name + "_kv_cache_usage");
    EXPECT_EQ(cache.target, 80);
    EXPECT_EQ(cache.activation_threshold, 100) << "a cache is never above it";
    EXPECT_EQ(cache.engine_load->query.signal, dialect->name + "_demand");
  }
  EXPECT_EQ(Accepted({{"profile", "llm"}, {"engine", "vllm"}}).specs.size(), 2u);
  EXPECT_EQ(Accepted({{"profile", "llm"}, {"engine", "tgi"}}).specs.size(), 1u);
}

TEST(EngineTriggerTest, WhatIsGivenBesideProfileLlmIsOfTheDemandOrOfBoth) {
  const ParsedTrigger parsed = Accepted({{"profile", "llm"},
                                         {"engine", "sglang"},
                                         {"metricName", "mine"},
                                         {"targetValueFromEnv", "4"},
                                         {"activationThreshold", "2"},
                                         {"enginePort", "31000"},
                                         {"holdSeconds", "7"}});
  ASSERT_EQ(parsed.specs.size(), 2u);
  EXPECT_EQ(parsed.specs[0].metric_name, "mine-demand");
  EXPECT_EQ(parsed.specs[0].target, 4);
  EXPECT_TRUE(parsed.specs[0].target_hidden);
  EXPECT_EQ(parsed.specs[0].activation_threshold, 2);
  EXPECT_EQ(parsed.specs[1].metric_name, "mine-kv-cache");
  EXPECT_EQ(parsed.specs[1].target, 80);
  EXPECT_FALSE(parsed.specs[1].target_hidden);
  EXPECT_EQ(parsed.specs[1].activation_threshold, 100);
  for (const TriggerSpec& spec : parsed.specs) {
    EXPECT_EQ(spec.engine->query.port, 31000);
    EXPECT_EQ(spec.hold, 7s);
  }
}

TEST(EngineTriggerTest, ProfileLlmNeedsItsEngineAndNoOtherMetric) {
  EXPECT_EQ(Refused({{"profile", "llm"}}), "profile \"llm\" needs engine");
  EXPECT_THAT(Refused({{"profile", "llm"}, {"engine", "vlm"}}),
              HasSubstr("engine \"vlm\": must be one of vllm, sglang, tgi, triton, trtllm, dynamo, "
                        "llamacpp (did you mean \"vllm\"?)"));
  const std::string beside =
      " has no meaning beside profile \"llm\", whose metrics are those of the engine";
  EXPECT_EQ(Refused({{"profile", "llm"}, {"engine", "vllm"}, {"metricType", "vllm_demand"}}),
            "metricType \"vllm_demand\"" + beside);
  EXPECT_EQ(Refused({{"profile", "llm"}, {"engine", "vllm"}, {"targetGpuUtilization", "7"}}),
            "targetGpuUtilization \"7\"" + beside);
}

TEST(EngineTriggerTest, ProfileVllmInferenceReadsTheEngineToo) {
  const TriggerSpec spec = Accepted({{"profile", "vllm-inference"}, {"enginePort", "8001"}}).main();
  EXPECT_EQ(MetricNameOf(spec), "memory_used_percent");
  EXPECT_TRUE(IsHeldMemory(spec));
  ASSERT_TRUE(spec.engine_instead && spec.engine_load);
  EXPECT_EQ(spec.engine_instead->query,
            (EngineQuery{.signal = "vllm_kv_cache_usage", .port = 8001}));
  EXPECT_EQ(spec.engine_load->query, (EngineQuery{.signal = "vllm_demand", .port = 8001}));
  // Whoever asks for the memory gets it; and only a workload has engines.
  for (const Metadata& more : std::vector<Metadata>{{{"targetMemoryUtilization", "70"}},
                                                    {{"metricType", "memory_used_percent"}},
                                                    {{"targetGpuUtilization", "70"}},
                                                    {{"scope", "node"}},
                                                    {{"scope", "cluster"}}}) {
    Metadata metadata = {{"profile", "vllm-inference"}};
    metadata.insert(more.begin(), more.end());
    EXPECT_THAT(EngineQueriesOf(Accepted(metadata).main()), IsEmpty());
    metadata["enginePort"] = "8001";
    EXPECT_EQ(Refused(metadata), "enginePort \"8001\" needs the metric of an engine");
  }
  EXPECT_EQ(Refused({{"profile", "vllm-inference"}, {"engine", "tgi"}}),
            "engine \"tgi\" and profile \"vllm-inference\" are of different engines: give one of "
            "them");
}

TEST(EngineTriggerTest, QueriesAreAllThatTheSpecIsDecidedBy) {
  const auto signals = [](const TriggerSpec& spec) {
    std::vector<std::string> names;
    for (const EngineQuery& query : EngineQueriesOf(spec)) names.push_back(query.signal);
    return names;
  };
  EXPECT_THAT(signals(Accepted({}).main()), IsEmpty());
  EXPECT_THAT(signals(Accepted({{"profile", "vllm-inference"}}).main()),
              ElementsAre("vllm_kv_cache_usage", "vllm_demand"));
  EXPECT_THAT(signals(Accepted({{"profile", "sglang"}}).main()),
              ElementsAre("sglang_queue_depth", "sglang_demand"));
  EXPECT_THAT(signals(Accepted({{"profile", "triton-request-rate"}}).main()),
              ElementsAre("triton_request_rate"));
}

TEST(EngineTriggerTest, AMetricOfEnginesIsThatOfAWorkload) {
  for (const std::string scope : {"node", "cluster"}) {
    EXPECT_EQ(
        Refused({{"profile", "tgi-queue"}, {"scope", scope}}),
        "scope \"" + scope + "\": the metric of an engine is read from the pods of a workload");
  }
  EXPECT_EQ(Accepted({{"profile", "tgi-queue"}, {"scope", "workload"}}).main().scope,
            Scope::kWorkload);
  EXPECT_EQ(Refused({{"profile", "tgi-queue"}, {"gpuIndex", "0"}}),
            "gpuIndex \"0\" is a GPU: the metric of an engine has none");
  EXPECT_THAT(Accepted({{"profile", "tgi-queue"}, {"gpuIndex", "-1"}}).warnings, IsEmpty());
  EXPECT_THAT(Accepted({{"profile", "tgi-queue"}, {"aggregation", "max"}}).warnings,
              ElementsAre("aggregation has no effect: the metric is not one of GPUs"));
  EXPECT_THAT(Accepted({{"profile", "tgi-queue"}, {"podAggregation", "max"}}).warnings,
              ElementsAre("podAggregation has no effect: the metric adds up over pods"));
  EXPECT_THAT(Accepted({{"profile", "vllm-kv-cache"}, {"podAggregation", "max"}}).warnings,
              IsEmpty());
  EXPECT_THAT(Accepted({{"profile", "tgi-queue"}, {"activationThreshold", "3"}}).warnings,
              ElementsAre("activationThreshold has no effect: the workload is active while any "
                          "request waits or runs"));
}

TEST(EngineTriggerTest, KeysThatNeedAnotherMetricAreRefused) {
  for (const auto& [key, value] : Metadata{{"engine", "vllm"},
                                           {"enginePort", "8000"},
                                           {"enginePath", "/metrics"},
                                           {"engineScrapeInterval", "2s"}}) {
    EXPECT_EQ(Refused({{key, value}}), key + " \"" + value + "\" needs the metric of an engine");
    EXPECT_EQ(
        Refused({{"profile", "batch"}, {key + "FromEnv", value}}),
        key + "FromEnv (value from the environment, not shown) needs the metric of an engine");
  }
  for (const auto& [key, value] : Metadata{{"seriesName", "a"},
                                           {"seriesKind", "gauge"},
                                           {"seriesCombine", "sum"},
                                           {"seriesAbsent", "zero"}}) {
    const std::string error = key + " \"" + value + "\" needs metricType \"prometheus\"";
    EXPECT_EQ(Refused({{key, value}}), error);
    EXPECT_EQ(Refused({{"profile", "vllm-queue-depth"}, {key, value}}), error);
    EXPECT_EQ(Refused({{"profile", "llm"}, {"engine", "tgi"}, {key, value}}), error);
  }
  EXPECT_EQ(Refused({{"seriesLabels", "a=b"}}),
            "seriesLabels \"a=b\" needs the metric of an engine");
  EXPECT_EQ(QueryOf({{"profile", "vllm-queue-depth"}, {"seriesLabels", "a=b"}}).series_labels,
            "a=b");
  EXPECT_EQ(Refused({{"metricType", "vllm_demand"}, {"targetValue", "1"}, {"engine", "tgi"}}),
            "engine \"tgi\" and metricType \"vllm_demand\" are of different engines: give one of "
            "them");
  EXPECT_EQ(Refused({{"profile", "sglang"}, {"engine", "tgi"}}),
            "engine \"tgi\" and profile \"sglang\" are of different engines: give one of them");
}

TEST(EngineTriggerTest, AGatewayIsNoPodAndSpeaksOfManyWorkloads) {
  EXPECT_EQ(Refused({{"metricType", "epp_queue_size"}, {"targetValue", "1"}}),
            "metricType \"epp_queue_size\" is of a gateway, which is none of the pods: it needs "
            "engineEndpoint");
  EXPECT_EQ(Refused({{"metricType", "keda_http_concurrency"},
                     {"targetValue", "1"},
                     {"engineEndpoint", "http://interceptor:9090"}}),
            "metricType \"keda_http_concurrency\" is of many workloads: it needs seriesLabels with "
            "route_namespace and route_name");
  const TriggerSpec spec = Accepted({{"metricType", "keda_http_concurrency"},
                                     {"targetValue", "1"},
                                     {"engineEndpoint", "http://interceptor:9090"},
                                     {"seriesLabels", "route_namespace=llm,route_name=web"}})
                               .main();
  EXPECT_EQ(spec.endpoint->url.Text(), "http://interceptor:9090/queue");
  EXPECT_EQ(spec.engine->query.series_labels, "route_namespace=llm,route_name=web");
}

TEST(EngineTriggerTest, ASeriesIsSaidInFull) {
  EXPECT_EQ(Refused({{"metricType", "prometheus"}}),
            "metricType \"prometheus\" needs targetValue: the default target is in percent; "
            "metricType \"prometheus\" needs seriesName; "
            "metricType \"prometheus\" needs enginePort, engine for the port of a preset, or "
            "engineEndpoint");
  EXPECT_EQ(Refused(Series({{"seriesKind", "histogram-p95"}, {"seriesName", "a_bucket"}})),
            "seriesKind \"histogram-p95\" does not fit the series: a histogram is named without "
            "_bucket");
  EXPECT_EQ(Refused(Series({{"seriesKind", "histogram-mean"}, {"seriesLabels", "le=1"}})),
            "seriesKind \"histogram-mean\" does not fit the series: a histogram is read with all "
            "of its buckets, without a le");
  Metadata hidden = Series({{"seriesKind", "histogram-p95"}, {"seriesNameFromEnv", "a_bucket"}});
  hidden.erase("seriesName");
  EXPECT_EQ(Refused(hidden), "seriesKind \"histogram-p95\" does not fit the series");
}

TEST(EngineTriggerTest, WrongWordsAreRefusedWithAHint) {
  EXPECT_EQ(Refused(Series({{"seriesKind", "histogram-p94"}})),
            "seriesKind \"histogram-p94\": must be one of gauge, counter, histogram-mean, "
            "histogram-p50, histogram-p90, histogram-p95, histogram-p99 (did you mean "
            "\"histogram-p90\"?)");
  EXPECT_EQ(Refused(Series({{"seriesCombine", "Sum"}})),
            "seriesCombine \"Sum\": must be one of sum, max, mean, min (did you mean \"sum\"?)");
  EXPECT_EQ(Refused(Series({{"seriesAbsent", "0"}})),
            "seriesAbsent \"0\": must be one of zero, error, hold");
  EXPECT_THAT(Refused(Series({{"seriesLabels", "a=1,a=2"}})),
              HasSubstr("in double quotes (a label that stands twice)"));
  EXPECT_THAT(Refused(Series({{"seriesLabels", "x=" + std::string(1023, 'v')}})),
              Not(HasSubstr("()")));
  for (const std::string& path :
       {std::string("metrics"), std::string("/a b"), std::string("/a#b"), std::string("/\xc3\xa9"),
        std::string("/a\nb"), "/" + std::string(256, 'x')}) {
    EXPECT_THAT(Refused(Series({{"enginePath", path}})),
                HasSubstr(": must be a path of at most 256 characters that begins with '/'"))
        << path;
  }
}

TEST(EngineTriggerTest, ATargetOfAnotherUnitIsNeverGuessed) {
  EXPECT_EQ(Refused({{"metricType", "vllm_demand"}}),
            "metricType \"vllm_demand\" needs targetValue: the default target is in percent");
  EXPECT_EQ(Accepted({{"metricType", "vllm_kv_cache_usage"}}).main().target, 80);
  EXPECT_EQ(
      Accepted({{"profile", "vllm-queue-depth"}, {"metricType", "vllm_demand"}}).main().target, 5);
  EXPECT_EQ(Refused({{"profile", "triton-queue-wait"}, {"metricType", "triton_pending"}}),
            "metricType \"triton_pending\" needs targetValue: the profile's target is in ms; "
            "metricType \"triton_pending\" needs activationThreshold: the profile's threshold is "
            "in another unit");
  EXPECT_THAT(Refused({{"profile", "batch"}, {"metricType", "vllm_demand"}, {"targetValue", "9"}}),
              HasSubstr("needs activationThreshold"));
  EXPECT_EQ(Refused({{"targetGpuUtilization", "70"}, {"metricType", "vllm_kv_cache_usage"}}),
            "targetGpuUtilization \"70\" scales on gpu_utilization, not on metricType "
            "\"vllm_kv_cache_usage\": give one of them");
}

}  // namespace
}  // namespace kgs::trigger
