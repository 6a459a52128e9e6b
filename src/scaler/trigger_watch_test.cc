// SPDX-License-Identifier: Apache-2.0
//
// Turned by hand, with a clock that stands still.
#include "scaler/trigger_watch.h"

#include <gtest/gtest.h>

#include "scaler/trigger_watch_fixture.h"

namespace kgs::scaler {
namespace {

using namespace std::chrono_literals;

TEST_F(TriggerWatchTest, IdleIsWhatWasWatchedForAWholeWindowWithoutBeingAsked) {
  PutWorkload();
  Report(0);
  EXPECT_TRUE(*Decide().active) << "it has only begun to watch";
  Watch(61s, 0);
  const auto idle = Decide();
  EXPECT_FALSE(*idle.active);
  EXPECT_EQ(*idle.value, 0);
  Watch(1s, 50);
  Watch(30s, 0);
  EXPECT_TRUE(*Decide().active) << "it was busy within the window";
}

TEST_F(TriggerWatchTest, HasAgentsAskTheEnginesThatTriggersAreAbout) {
  PutWorkload();
  triggers_.Turn();
  EXPECT_TRUE(scrapes_.empty()) << "it is about GPUs";
  kubernetes_.RemoveObject(key_);
  triggers_.Turn();
  PutWorkload({{"metricType", "vllm_demand"},
               {"targetValue", "16"},
               {"enginePort", "9000"},
               {"engineScrapeInterval", "5s"}});
  clock_.Advance(1s);
  triggers_.Turn();
  EXPECT_TRUE(scrapes_.empty()) << "the pod has no address yet";
  PutPodWithAddress();
  clock_.Advance(1s);
  triggers_.Turn();
  ASSERT_EQ(scrapes_.count("node-a"), 1);
  ASSERT_EQ(scrapes_["node-a"].size(), 1);
  const model::EngineScrape& scrape = scrapes_["node-a"][0];
  EXPECT_EQ(scrape.pod_uid, "1");
  EXPECT_EQ(scrape.ip, "10.0.0.1");
  ASSERT_EQ(scrape.queries.size(), 1);
  EXPECT_EQ(scrape.queries[0].signal, "vllm_demand");
  EXPECT_EQ(scrape.queries[0].port, 9000);
  EXPECT_EQ(scrape.queries[0].interval, 5s);
  // With the object goes what it asked.
  kubernetes_.RemoveObject(key_);
  clock_.Advance(1s);
  triggers_.Turn();
  EXPECT_TRUE(scrapes_.empty());
}

TEST_F(TriggerWatchTest, TellsWhichMetricsOfGpusAnyTriggerReads) {
  const auto reads = [&](model::MetricId metric) { return metrics_[model::Index(metric)]; };
  triggers_.Turn();
  EXPECT_TRUE(metrics_.none());
  for (const char* scope : {"workload", "node", "cluster"}) {
    Metadata metadata = {{"metricType", "pcie_tx_kbps"}, {"targetValue", "1000"}, {"scope", scope}};
    if (metadata["scope"] == "node") metadata["node"] = "node-a";
    PutWorkload(metadata, scope);
    clock_.Advance(1s);
    triggers_.Turn();
    EXPECT_TRUE(reads(model::MetricId::kPcieTxKbps)) << scope;
    EXPECT_EQ(metrics_.count(), 1u) << scope;
  }
  PutWorkload({{"metricType", "vllm_demand"}, {"targetValue", "16"}}, "engine");
  clock_.Advance(1s);
  triggers_.Turn();
  EXPECT_TRUE(metrics_.none()) << "with the trigger goes what it reads";
}

TEST_F(TriggerWatchTest, TellsWhatATriggerFromTheEnvironmentReadsOnceKedaHasAsked) {
  PutWorkload({{"metricTypeFromEnv", "METRIC"}, {"targetValue", "1000"}});
  triggers_.Turn();
  EXPECT_TRUE(metrics_.none());
  spec_ = trigger::ParseTrigger({{"metricTypeFromEnv", "pcie_rx_kbps"}, {"targetValue", "1000"}},
                                trigger::UnknownKeys::kRefuse)
              .value()
              .main();
  Decide();
  clock_.Advance(1s);
  triggers_.Turn();
  EXPECT_TRUE(metrics_[model::Index(model::MetricId::kPcieRxKbps)]);
}

TEST_F(TriggerWatchTest, LostReadingsAreHeldForAWhileAndThenSaid) {
  PutWorkload();
  Watch(5s, 92);
  EXPECT_EQ(*Decide().value, 92);
  for (int i = 0; i < 20; ++i) {
    clock_.Advance(1s);
    triggers_.Turn();
  }
  EXPECT_EQ(*Decide().value, 80) << "held: the target times one replica";
  for (int i = 0; i < 20; ++i) {
    clock_.Advance(1s);
    triggers_.Turn();
  }
  EXPECT_TRUE(absl::IsUnavailable(Decide().value.status())) << Decide().value.status();
}

TEST_F(TriggerWatchTest, ATriggerFromTheEnvironmentIsWatchedOnceKedaHasAsked) {
  PutWorkload({{"activationThresholdFromEnv", "THRESHOLD"}});
  spec_ =
      trigger::ParseTrigger({{"activationThresholdFromEnv", "10"}}, trigger::UnknownKeys::kRefuse)
          .value()
          .main();
  Watch(61s, 5);
  EXPECT_TRUE(*Decide().active) << "what counts as idle was not known until now";
  Watch(61s, 5);
  EXPECT_FALSE(*Decide().active);
}

TEST_F(TriggerWatchTest, EachTriggersStateIsThatOfTheLastSecondAskedOrNot) {
  PutWorkload({{"targetValue", "70"}});
  Watch(2s, 92);
  auto states = triggers_.States();
  ASSERT_EQ(states.size(), 1u);
  EXPECT_EQ(states[0].key, key_);
  EXPECT_EQ(states[0].target, 70);
  ASSERT_TRUE(states[0].now);
  EXPECT_EQ(*states[0].now->value, 92);
  EXPECT_TRUE(triggers_.Histories("", "", 100, &cut_)[0].answered.empty()) << "nobody has asked";

  problem_ = "ScaledObjects: out of touch";
  Watch(3s, 92);
  states = triggers_.States();
  EXPECT_EQ(states[0].now->value.status(), absl::UnavailableError(problem_));
  EXPECT_EQ(states[0].errors[static_cast<size_t>(decision::Branch::kNoWorkload)], 3u);
}

TEST_F(TriggerWatchTest, WhatComesFromTheEnvironmentHasNoStateUntilKedaAsksAndNoTarget) {
  PutWorkload({{"targetValueFromEnv", "TARGET"}});
  Watch(1s, 92);
  EXPECT_FALSE(triggers_.States()[0].now);
  spec_ = trigger::ParseTrigger({{"targetValueFromEnv", "55"}}, trigger::UnknownKeys::kRefuse)
              .value()
              .main();
  Decide();
  Watch(1s, 92);
  EXPECT_EQ(*triggers_.States()[0].now->value, 92);
  EXPECT_FALSE(triggers_.States()[0].target);
}

TEST_F(TriggerWatchTest, WhatWasAnsweredIsKeptByTrigger) {
  PutWorkload();
  Watch(5s, 92);
  Decide();
  problem_ = "ScaledObjects: out of touch";
  Decide();
  const auto histories = triggers_.Histories("default", "web", 100, &cut_);
  ASSERT_EQ(histories.size(), 1u);
  ASSERT_EQ(histories[0].answered.size(), 2u);
  EXPECT_EQ(*histories[0].answered[0].decision.value, 92);
  EXPECT_EQ(histories[0].answered[1].decision.value.status(), absl::UnavailableError(problem_));
  EXPECT_TRUE(triggers_.Histories("other", "", 100, &cut_).empty());
  EXPECT_TRUE(triggers_.Histories("", "other", 100, &cut_).empty());
}

TEST_F(TriggerWatchTest, AnObjectThatWasReplacedIsReadAnew) {
  PutWorkload({{"targetValue", "70"}});
  Watch(1s, 92);
  EXPECT_EQ(triggers_.States()[0].target, 70);
  PutWorkload({{"targetValue", "50"}}, "another uid");
  Watch(1s, 92);
  EXPECT_EQ(triggers_.States()[0].target, 50) << "of the same generation";
}

TEST_F(TriggerWatchTest, MadeUpValuesOfTheEnvironmentDoNotMakeItForget) {
  PutWorkload({{"activationThresholdFromEnv", "THRESHOLD"}});
  const auto spec = [](const char* threshold) {
    return trigger::ParseTrigger({{"activationThresholdFromEnv", threshold}},
                                 trigger::UnknownKeys::kRefuse)
        .value()
        .main();
  };
  const auto kedas = spec("10");
  spec_ = kedas;
  Report(5);
  EXPECT_TRUE(*Decide().active);
  for (int i = 0; i < 61; ++i) {
    Watch(1s, 5);
    spec_ = spec(i % 2 == 0 ? "1" : "2");
    Decide();
    spec_ = kedas;
    Decide();
  }
  EXPECT_FALSE(*Decide().active);
}

TEST_F(TriggerWatchTest, WhatCannotBeToldApartIsRefusedOnThePageToo) {
  PutWorkload();
  auto object = std::make_shared<model::ScaledObject>(*kubernetes_.FindObject(key_));
  object->triggers.push_back({1, "", false, model::HpaMetricType::kValue, {}});
  ++object->generation;
  kubernetes_.PutObject(object);
  Watch(1s, 92);
  for (const TriggerState& state : triggers_.States()) {
    EXPECT_TRUE(absl::IsInvalidArgument(state.now->value.status()));
    EXPECT_EQ(state.errors[static_cast<size_t>(decision::Branch::kInvalid)], 1u);
    EXPECT_FALSE(state.now->coverage);
  }
}

TEST_F(TriggerWatchTest, AnAlwaysActiveProfileIsActiveWhileKubernetesIsOutOfReach) {
  PutWorkload({{"profile", "training"}});
  spec_ = trigger::ParseTrigger({{"profile", "training"}}, trigger::UnknownKeys::kRefuse)
              .value()
              .main();
  Watch(1s, 0);
  problem_ = "ScaledObjects: out of touch";
  const auto decision = Decide();
  EXPECT_FALSE(decision.value.ok());
  EXPECT_TRUE(*decision.active);
}

TEST_F(TriggerWatchTest, OfManyTriggersThePageHasTheStateAlone) {
  PutWorkload();
  Watch(2s, 92);
  Decide();
  EXPECT_EQ(triggers_.Histories("", "", 1, &cut_)[0].state.now->inputs.size(), 1u);
  EXPECT_FALSE(cut_);
  const auto histories = triggers_.Histories("", "", 0, &cut_);
  EXPECT_TRUE(cut_);
  EXPECT_EQ(*histories[0].state.now->value, 92);
  EXPECT_TRUE(histories[0].answered.empty());
}

TEST_F(TriggerWatchTest, EachNumberOfATriggerIsWatchedByItself) {
  const Metadata metadata = {{"profile", "llm"}, {"engine", "vllm"}};
  PutWorkload(metadata);
  Watch(2s, 92);
  auto states = triggers_.States();
  ASSERT_EQ(states.size(), 2u);
  EXPECT_EQ(states[0].metric, "vllm_demand");
  EXPECT_EQ(states[0].target, 16);
  EXPECT_EQ(states[1].metric, "vllm_kv_cache_usage");
  EXPECT_EQ(states[1].place, 1u);
  EXPECT_EQ(states[1].target, 80);
  ASSERT_TRUE(states[1].now);
  EXPECT_EQ(*states[1].now->value, 80) << "held: nothing was read of the engine";
  spec_ = trigger::ParseTrigger(metadata, trigger::UnknownKeys::kRefuse)->specs[1];
  DecideAt(1);
  const auto histories = triggers_.Histories("", "", 100, &cut_);
  EXPECT_TRUE(histories[0].answered.empty());
  EXPECT_EQ(histories[1].answered.size(), 1u);

  auto object = std::make_shared<model::ScaledObject>(*kubernetes_.FindObject(key_));
  object->triggers[0].metadata = {{"targetValue", "70"}};
  ++object->generation;
  kubernetes_.PutObject(object);
  Watch(1s, 92);
  states = triggers_.States();
  ASSERT_EQ(states.size(), 1u) << "the second is forgotten";
  EXPECT_EQ(states[0].metric, "gpu_utilization");
}

TEST_F(TriggerWatchTest, TheNumbersThatTheEnvironmentMakesAreKnownByWhatKedaAsks) {
  PutWorkload({{"profile", "llm"}, {"engineFromEnv", "ENGINE"}});
  Watch(1s, 92);
  EXPECT_EQ(triggers_.States().size(), 1u);
  const auto specs = trigger::ParseTrigger({{"profile", "llm"}, {"engineFromEnv", "sglang"}},
                                           trigger::UnknownKeys::kRefuse)
                         ->specs;
  for (const size_t place : {0, 1}) {
    spec_ = specs[place];
    DecideAt(place);
  }
  Watch(2s, 92);
  const auto states = triggers_.States();
  ASSERT_EQ(states.size(), 2u);
  EXPECT_EQ(states[1].metric, "sglang_kv_cache_usage");
  EXPECT_TRUE(states[1].now);
}

TEST_F(TriggerWatchTest, AnObjectThatReturnsIsWatchedAnew) {
  PutWorkload();
  Watch(61s, 0);
  EXPECT_FALSE(*Decide().active);
  kubernetes_.RemoveObject(key_);
  triggers_.Turn();
  PutWorkload();
  Report(0);
  EXPECT_TRUE(*Decide().active);
}

}  // namespace
}  // namespace kgs::scaler
