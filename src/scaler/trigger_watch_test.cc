// SPDX-License-Identifier: Apache-2.0
//
// Turned by hand, with a clock that stands still.
#include "scaler/trigger_watch.h"

#include <gtest/gtest.h>

#include "fleet/view.h"
#include "tests/support/fake_clock.h"
#include "tests/support/workloads.h"

namespace kgs::scaler {
namespace {

using namespace std::chrono_literals;
using Metadata = std::map<std::string, std::string>;

constexpr int64_t kStartedSeconds = 1'700'000'000;

class TriggerWatchTest : public ::testing::Test {
 protected:
  /// ScaledObject default/web of one trigger, its Deployment of one replica, and the pod.
  void PutWorkload(const Metadata& metadata = {}, const std::string& uid = "uid") {
    auto object = testing::MakeObject();
    object->uid = uid;
    object->triggers = {{0, "", false, model::HpaMetricType::kAverageValue, metadata}};
    key_ = object->key;
    kubernetes_.PutObject(object);
    auto target = std::make_shared<model::ScaleTarget>();
    target->ref = object->target;
    target->target_namespace = "default";
    target->replicas = 1;
    target->selector.requirements = {{"app", model::LabelRequirement::Operator::kIn, {"web"}}};
    kubernetes_.PutTarget(target);
    kubernetes_.PutPod(Pod());
  }
  static model::Pod Pod() {
    model::Pod pod;
    pod.name = {"default", "web-0"};
    pod.uid = "1";
    pod.node = "node-a";
    pod.labels = {{"app", "web"}};
    pod.phase = model::PodPhase::kRunning;
    pod.started_unix_seconds = kStartedSeconds;
    pod.ready = true;
    pod.ready_changed_unix_seconds = kStartedSeconds + 30;
    return pod;
  }
  void PutPodWithAddress() {
    model::Pod pod = Pod();
    pod.ip = "10.0.0.1";
    kubernetes_.PutPod(pod);
  }
  void Report(double utilization) {
    auto report = std::make_shared<model::NodeReport>();
    report->node = "node-a";
    report->max_reading_age = 3s;
    report->pods_listed = true;
    report->listed = {clock_.Now(), (kStartedSeconds + 60) * 1000};
    auto snapshot = std::make_shared<model::NodeSnapshot>();
    snapshot->gpus.resize(1);
    snapshot->gpus[0].readings[model::MetricId::kGpuUtilization] =
        model::Reading::Value(utilization, clock_.Now());
    model::HeldDevice device;
    device.gpu = 0;
    report->pods = {{{"default", "web-0"}, report->listed, {device}}};
    report->snapshot = snapshot;
    fleet_.Put("node-a", stream_, std::move(report));
  }
  /// Lets \p duration pass, with a reading and an observation each second.
  void Watch(base::Duration duration, double utilization) {
    for (base::Duration passed{}; passed < duration; passed += 1s) {
      clock_.Advance(1s);
      Report(utilization);
      triggers_.Turn();
    }
  }
  std::optional<scraping::EndpointReading> EndpointSays(const scraping::EndpointKey& endpoint,
                                                        const std::string& query) {
    const bool asked = std::any_of(endpoints_.begin(), endpoints_.end(), [&](const auto& target) {
      return scraping::KeyOf(target) == endpoint;
    });
    const auto value = endpoint_values_.find(query);
    if (!asked || value == endpoint_values_.end()) return std::nullopt;
    return scraping::EndpointReading{model::EngineReading::Value(value->second, clock_.Now()), 3s};
  }
  decision::Decision Decide() { return DecideAt(0); }
  decision::Decision DecideAt(size_t place) {
    const auto view =
        fleet::ViewWorkload(*kubernetes_.Find(key_), fleet_, kubernetes_, clock_.Now());
    return triggers_.Answer({key_, 0, model::HpaMetricType::kAverageValue}, spec_, place, view,
                            TriggerWatch::For::kCall, clock_.Now());
  }

  testing::FakeClock clock_;
  kube::Store kubernetes_{clock_, [](const kube::PodPtr&) {}};
  fleet::Store fleet_{clock_};
  const uint64_t stream_ = fleet_.Connect("node-a", "1");
  std::string problem_;
  /// What agents were last told to ask.
  ScrapesByNode scrapes_;
  /// What was last to be asked of endpoints, how often that was said, and what they say, by the key
  /// of the query.
  std::vector<scraping::EndpointTarget> endpoints_;
  int endpoints_said_ = 0;
  std::map<std::string, double> endpoint_values_;
  TriggerWatch triggers_{
      {kubernetes_, [this](model::ObjectKind, const std::string&) { return problem_; }, fleet_,
       true, [this](ScrapesByNode scrapes) { scrapes_ = std::move(scrapes); },
       [this](const std::vector<scraping::EndpointTarget>& targets) {
         endpoints_ = targets;
         ++endpoints_said_;
       },
       [this](const scraping::EndpointKey& endpoint, const std::string& query) {
         return EndpointSays(endpoint, query);
       }},
      trigger::UnknownKeys::kRefuse,
      clock_};
  bool cut_ = false;
  trigger::TriggerSpec spec_ =
      trigger::ParseTrigger({}, trigger::UnknownKeys::kRefuse).value().main();
  model::ObjectKey key_;
};

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

TEST_F(TriggerWatchTest, AnEndpointSpeaksForTheWorkload) {
  const Metadata metadata = {{"metricType", "vllm_kv_cache_usage"},
                             {"targetValue", "80"},
                             {"engineEndpoint", "http://gw:9090"},
                             {"endpointAuth", "gateway"}};
  PutWorkload(metadata);
  PutPodWithAddress();
  spec_ = trigger::ParseTrigger(metadata, trigger::UnknownKeys::kRefuse).value().main();
  EXPECT_EQ(Decide().branch, decision::Branch::kBlindHeld) << "it has not been asked yet";
  triggers_.Turn();
  EXPECT_TRUE(scrapes_.empty()) << "no agent asks for it";
  ASSERT_EQ(endpoints_.size(), 1);
  EXPECT_EQ(endpoints_[0].url.Text(), "http://gw:9090/metrics");
  EXPECT_EQ(endpoints_[0].object_namespace, "default");
  EXPECT_EQ(endpoints_[0].credential, "gateway");
  EXPECT_EQ(endpoints_[0].queries, trigger::EndpointQueriesOf(spec_));
  endpoint_values_[spec_.engine->key] = 90;
  EXPECT_EQ(*Decide().value, 90);
  EXPECT_EQ(Decide().inputs[0].name, "endpoint http://gw:9090/metrics");
  // Idle, but for its requests.
  endpoint_values_[spec_.engine->key] = 0;
  endpoint_values_[spec_.engine_load->key] = 1;
  for (int i = 0; i < 70; ++i) {
    clock_.Advance(1s);
    triggers_.Turn();
  }
  EXPECT_TRUE(*Decide().active);
  endpoint_values_[spec_.engine_load->key] = 0;
  for (int i = 0; i < 61; ++i) {
    clock_.Advance(1s);
    triggers_.Turn();
  }
  EXPECT_FALSE(*Decide().active) << "it was watched without being asked for";
  problem_ = "the API server is out of reach";
  EXPECT_EQ(Decide().branch, decision::Branch::kNoWorkload);
  kubernetes_.RemoveObject(key_);
  triggers_.Turn();
  EXPECT_TRUE(endpoints_.empty()) << "nothing is asked any more, and that is said";
}

TEST_F(TriggerWatchTest, AnEndpointFromTheEnvironmentIsAskedOnceKedaHasSaidIt) {
  PutWorkload(
      {{"metricType", "vllm_demand"}, {"targetValue", "16"}, {"engineEndpointFromEnv", "GATEWAY"}});
  triggers_.Turn();
  EXPECT_EQ(endpoints_said_, 1);
  EXPECT_TRUE(endpoints_.empty());
  spec_ = trigger::ParseTrigger({{"metricType", "vllm_demand"},
                                 {"targetValue", "16"},
                                 {"engineEndpointFromEnv", "http://gw:9090"}},
                                trigger::UnknownKeys::kRefuse)
              .value()
              .main();
  Decide();
  triggers_.Turn();
  ASSERT_EQ(endpoints_.size(), 1);
  endpoint_values_[spec_.engine->key] = 33;
  EXPECT_EQ(*Decide().value, 33);
  EXPECT_EQ(Decide().inputs[0].name, "endpoint") << "where it is came from the environment";
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
