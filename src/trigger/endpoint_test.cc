// SPDX-License-Identifier: Apache-2.0
//
// Triggers on what one page says of the whole workload.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "trigger/test_parse.h"

namespace kgs::trigger {
namespace {

using model::EngineQuery;
using testing::Accepted;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Refused;

/// A trigger on the demand of a vLLM Service, with what is not said otherwise in \p more.
Metadata Demand(const Metadata& more) {
  Metadata metadata = {{"metricType", "vllm_demand"}, {"targetValue", "16"}};
  for (const auto& [key, value] : more) metadata[key] = value;
  return metadata;
}

std::string UrlOf(const Metadata& metadata) {
  const auto parsed = Accepted(metadata);
  return parsed.main().endpoint ? parsed.main().endpoint->url.Text() : "none";
}

TEST(EndpointTriggerTest, AnEndpointStandsForThePods) {
  const TriggerSpec spec = Accepted(Demand({{"engineEndpoint", "https://gw.llm.svc:9090/stats?x=1"},
                                            {"endpointAuth", "gateway"}}))
                               .main();
  ASSERT_TRUE(spec.endpoint);
  EXPECT_EQ(spec.endpoint->url.Text(), "https://gw.llm.svc:9090/stats?x=1");
  EXPECT_EQ(spec.endpoint->credential, "gateway");
  EXPECT_FALSE(spec.engine_hidden);
  EXPECT_THAT(EngineQueriesOf(spec), IsEmpty()) << "no pod is asked";
  EXPECT_THAT(EndpointQueriesOf(spec), ElementsAre(EngineQuery{.signal = "vllm_demand"}));
}

TEST(EndpointTriggerTest, WithoutOneThePodsAreAsked) {
  const TriggerSpec spec = Accepted(Demand({})).main();
  EXPECT_FALSE(spec.endpoint);
  EXPECT_THAT(EndpointQueriesOf(spec), IsEmpty());
  EXPECT_THAT(EngineQueriesOf(spec), ElementsAre(EngineQuery{.signal = "vllm_demand"}));
}

TEST(EndpointTriggerTest, WhatTellsOfRequestsIsAskedAsWell) {
  const TriggerSpec spec = Accepted({{"metricType", "vllm_kv_cache_usage"},
                                     {"targetValue", "80"},
                                     {"engineEndpoint", "http://vllm"}})
                               .main();
  EXPECT_THAT(EndpointQueriesOf(spec), ElementsAre(EngineQuery{.signal = "vllm_kv_cache_usage"},
                                                   EngineQuery{.signal = "vllm_demand"}));
}

TEST(EndpointTriggerTest, AUrlWithoutPathMeansTheEnginesOwn) {
  EXPECT_EQ(UrlOf(Demand({{"engineEndpoint", "http://vllm:8000"}})), "http://vllm:8000/metrics");
  EXPECT_EQ(UrlOf(Demand({{"engineEndpoint", "http://vllm/"}})), "http://vllm:80/metrics");
  EXPECT_EQ(UrlOf(Demand({{"engineEndpoint", "http://vllm/?a=b"}})), "http://vllm:80/?a=b");
  const Metadata series = {{"metricType", "prometheus"},
                           {"seriesName", "queue"},
                           {"targetValue", "5"},
                           {"engineEndpoint", "http://app:9100"}};
  EXPECT_EQ(UrlOf(series), "http://app:9100/metrics");
  EXPECT_EQ(Accepted(series).main().engine->query,
            (EngineQuery{.signal = "prometheus", .series_name = "queue"}))
      << "port and path are the URL's";
}

TEST(EndpointTriggerTest, AShorthandSaysTheEngine) {
  EXPECT_EQ(UrlOf(Demand({{"vllmEndpoint", "http://vllm:8000"}})), "http://vllm:8000/metrics");
  EXPECT_EQ(UrlOf({{"profile", "triton-queue-wait"}, {"tritonEndpoint", "http://triton:8002"}}),
            "http://triton:8002/metrics");
  const ParsedTrigger llm = Accepted({{"profile", "llm"}, {"vllmEndpoint", "http://vllm:8000"}});
  ASSERT_EQ(llm.specs.size(), 2u);
  EXPECT_EQ(MetricNameOf(llm.specs[0]), "vllm_demand");
  EXPECT_EQ(MetricNameOf(llm.specs[1]), "vllm_kv_cache_usage");
  for (const TriggerSpec& spec : llm.specs) {
    ASSERT_TRUE(spec.endpoint);
    EXPECT_EQ(spec.endpoint->url.Text(), "http://vllm:8000/metrics");
  }
}

TEST(EndpointTriggerTest, DifferentEnginesAreRefused) {
  EXPECT_EQ(Refused(Demand({{"tritonEndpoint", "http://triton:8002"}})),
            "tritonEndpoint \"http://triton:8002\" and metricType \"vllm_demand\" are of different "
            "engines: give one of them");
  EXPECT_EQ(Refused({{"profile", "llm"}, {"engine", "sglang"}, {"vllmEndpoint", "http://vllm"}}),
            "engine \"sglang\" and vllmEndpoint are of different engines: give one of them");
  EXPECT_THAT(Refused({{"profile", "llm"}, {"engineEndpoint", "http://vllm"}}),
              HasSubstr("profile \"llm\" needs engine"));
  Accepted({{"profile", "llm"}, {"engine", "vllm"}, {"vllmEndpoint", "http://vllm"}});
}

TEST(EndpointTriggerTest, OneEndpointAndNothingBesideIt) {
  EXPECT_EQ(Refused(Demand({{"engineEndpoint", "http://a"}, {"vllmEndpoint", "http://b"}})),
            "engineEndpoint and vllmEndpoint are both given: give one of them");
  EXPECT_EQ(
      Refused(Demand({{"engineEndpoint", "http://a"}, {"enginePort", "8000"}})),
      "enginePort \"8000\" has no meaning beside engineEndpoint, whose URL has port and path");
  EXPECT_THAT(Refused(Demand({{"vllmEndpoint", "http://a"}, {"enginePath", "/m"}})),
              HasSubstr("enginePath \"/m\" has no meaning beside vllmEndpoint"));
  EXPECT_EQ(Refused(Demand({{"endpointAuth", "gateway"}})),
            "endpointAuth \"gateway\" needs engineEndpoint or wakeEndpoint");
}

TEST(EndpointTriggerTest, GpusHaveNoEndpoint) {
  EXPECT_EQ(Refused({{"vllmEndpoint", "http://vllm"}}),
            "vllmEndpoint needs the metric of an engine, such as metricType vllm_demand");
  EXPECT_EQ(Refused({{"profile", "vllm-inference"}, {"engineEndpoint", "http://vllm"}}),
            "engineEndpoint needs the metric of an engine, such as metricType vllm_demand");
  EXPECT_EQ(Refused({{"tritonEndpoint", "http://t"}, {"targetGpuUtilization", "80"}}),
            "tritonEndpoint needs the metric of an engine, such as metricType triton_pending");
}

TEST(EndpointTriggerTest, OnlyAWorkloadHasOne) {
  EXPECT_THAT(Refused(Demand({{"engineEndpoint", "http://a"}, {"scope", "cluster"}})),
              HasSubstr("scope \"cluster\""));
}

TEST(EndpointTriggerTest, ABadUrlIsRefusedWithTheReason) {
  EXPECT_EQ(Refused(Demand({{"engineEndpoint", "vllm:8000"}})),
            "engineEndpoint \"vllm:8000\": must be a URL such as "
            "http://gateway.llm.svc:9090/metrics (it is no URL that begins with http:// or "
            "https://)");
  EXPECT_EQ(Refused(Demand({{"vllmEndpoint", ""}})),
            "vllmEndpoint is empty: must be a URL such as http://gateway.llm.svc:9090/metrics");
  EXPECT_THAT(Refused(Demand({{"engineEndpoint", "http://0x7f.1/"}})), HasSubstr("odd spelling"));
  EXPECT_THAT(Refused(Demand({{"engineEndpoint", "http://a"}, {"endpointAuth", "a b"}})),
              HasSubstr("--named-endpoints"));
}

TEST(EndpointTriggerTest, SecretsOfAUrlAreNotShown) {
  for (const char* url : {"http://me:secret@vllm/", "ftp://vllm/?token=secret",
                          "http://vllm:0/?token=secret", "http://vllm/?token=secret#secret"}) {
    EXPECT_THAT(Refused(Demand({{"engineEndpoint", url}})), Not(HasSubstr("secret"))) << url;
  }
  EXPECT_THAT(Refused(Demand({{"tritonEndpoint", "http://t/?token=secret"}})),
              Not(HasSubstr("secret")));
}

TEST(EndpointTriggerTest, FromTheEnvironmentNothingIsShown) {
  const TriggerSpec spec = Accepted(Demand({{"engineEndpointFromEnv", "http://vllm"}})).main();
  EXPECT_TRUE(spec.endpoint);
  EXPECT_TRUE(spec.engine_hidden);
  EXPECT_TRUE(Accepted(Demand({{"engineEndpoint", "http://vllm"}, {"endpointAuthFromEnv", "a"}}))
                  .main()
                  .engine_hidden);
  EXPECT_EQ(Refused(Demand({{"vllmEndpointFromEnv", "secret"}})),
            "vllmEndpointFromEnv (value from the environment, not shown): must be a URL such as "
            "http://gateway.llm.svc:9090/metrics");
}

TEST(EndpointTriggerTest, WhatIsOfPodsHasNoEffect) {
  EXPECT_THAT(Accepted({{"metricType", "vllm_kv_cache_usage"},
                        {"targetValue", "80"},
                        {"engineEndpoint", "http://a"},
                        {"minCoverage", "0.9"},
                        {"podAggregation", "max"}})
                  .warnings,
              ElementsAre("minCoverage has no effect: an endpoint speaks for all pods at once",
                          "podAggregation has no effect: an endpoint speaks for all pods at once"));
  EXPECT_THAT(
      Accepted(Demand({{"engineEndpoint", "http://a"}, {"podAggregation", "max"}})).warnings,
      ElementsAre("podAggregation has no effect: the metric adds up over pods"));
}

}  // namespace
}  // namespace kgs::trigger
