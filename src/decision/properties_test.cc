// SPDX-License-Identifier: Apache-2.0
//
// What must hold of every decision, by random workloads with a random past. Of the arithmetic
// alone: number_property_test.cc.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <memory>
#include <random>
#include <string>

#include "catalogue/metrics.h"
#include "decision/decision.h"
#include "tests/support/case_count.h"
#include "tests/support/hpa_model.h"
#include "tests/support/workloads.h"

namespace kgs::decision {
namespace {

using namespace std::chrono_literals;
using base::SteadyTime;
using model::HpaMetricType;
using model::MetricId;

constexpr int kCases = testing::CaseCount(2000);
constexpr SteadyTime kStart{1h};

class RandomWorkload {
 public:
  explicit RandomWorkload(unsigned seed) : random_(seed) { Make(); }

  const Question question() const { return {spec_, type_, view_, now_}; }
  const History& history() const { return history_; }
  const trigger::TriggerSpec& spec() const { return spec_; }
  const model::WorkloadView& view() const { return view_; }

  /// Adds an idle GPU to some pods that have one.
  void AddIdleGpus() {
    for (model::PodView& pod : view_.pods) {
      if (pod.gpus.empty() || Chance(0.5)) continue;
      auto node = std::make_shared<model::NodeSnapshot>(*pod.gpus[0].node);
      model::GpuSnapshot idle = node->gpus[0];
      for (size_t i = 0; i < model::kMetricCount; ++i) {
        model::Reading& reading = idle.readings[static_cast<MetricId>(i)];
        if (reading.has_value()) reading = model::Reading::Value(0, reading.taken());
      }
      node->gpus.push_back(idle);
      for (model::PodGpu& gpu : pod.gpus) gpu.node = node;
      pod.gpus.push_back({node, node->gpus.size() - 1, 1, 1, 3s});
    }
  }

 private:
  bool Chance(double p) { return std::bernoulli_distribution(p)(random_); }
  int Between(int least, int most) {
    return std::uniform_int_distribution<int>(least, most)(random_);
  }
  template <typename T>
  T OneOf(std::initializer_list<T> values) {
    return *(values.begin() + Between(0, static_cast<int>(values.size()) - 1));
  }

  void MakeSpec() {
    spec_.metric = OneOf({MetricId::kGpuUtilization, MetricId::kGpuUtilization,
                          MetricId::kPowerDraw, MetricId::kMemoryUsedPercent});
    if (Chance(0.3)) {
      const std::string metric = OneOf({"vllm_demand", "vllm_ttft_p95_ms", ""});
      trigger::Metadata metadata = {{"profile", "vllm-inference"}};
      if (!metric.empty()) metadata = {{"metricType", metric}, {"targetValue", "1"}};
      spec_ = trigger::ParseTrigger(metadata, trigger::UnknownKeys::kRefuse)->main();
    }
    spec_.target = Between(1, 100000) / 1000.0;
    spec_.activation_threshold = Between(0, 20);
    spec_.pod_aggregation = OneOf({trigger::PodAggregation::kMean, trigger::PodAggregation::kMax});
    spec_.min_coverage = OneOf({0.0, 0.5, 1.0});
    spec_.hold = std::chrono::seconds(OneOf({0, 5, 30, 60}));
    spec_.always_active = Chance(0.1);
    type_ = OneOf({HpaMetricType::kAverageValue, HpaMetricType::kValue});
  }

  void MakeObject(int replicas) {
    view_ = testing::MakeWorkload(replicas);
    auto object = testing::MakeObject();
    if (Chance(0.1)) object->modifiers = model::ScalingModifiers{"a", "1", type_};
    if (Chance(0.1)) {
      object = testing::MakeObject(model::ObjectKind::kScaledJob);
      view_.target = nullptr;
      type_ = HpaMetricType::kNone;
    }
    view_.object = object;
    if (Chance(0.05)) view_.problem = "the target is not found";
  }

  model::PodView MakePod(int i, SteadyTime taken) {
    std::vector<double> values(static_cast<size_t>(Between(1, 3)));
    const double around = spec_.target * Between(0, 250) / 100;
    for (double& value : values) value = around * Between(80, 120) / 100;
    // In the order of their names, as a view has them.
    const std::string name = "web-" + std::to_string(10 + i);
    model::PodView pod = testing::MakePod(name, values, taken, spec_.metric);
    AddEngine(values[0], taken, pod);
    return pod;
  }

  /// What its engine says to what the spec asks, in the order of the keys.
  void AddEngine(double value, SteadyTime taken, model::PodView& pod) {
    const auto& metric = spec_.engine ? spec_.engine : spec_.engine_instead;
    if (!metric || Chance(0.2)) return;
    const bool gap = Chance(0.2);
    for (const auto& asked : {metric, spec_.engine_load}) {
      if (!asked) continue;
      model::EngineReading reading = model::EngineReading::Value(value, taken);
      if (gap) {
        reading = model::EngineReading::Missing(
            OneOf({model::EngineGap::kFault, model::EngineGap::kSleeping,
                   model::EngineGap::kNothingHappened, model::EngineGap::kNoValueYet}),
            "words", taken);
      }
      pod.engines.push_back({pod.pod->uid, asked->key, std::move(reading), 3s});
      value = Between(0, 2);
    }
    std::sort(pod.engines.begin(), pod.engines.end(),
              [](const auto& a, const auto& b) { return a.key < b.key; });
  }

  /// A first look at which some pods are Ready, and, a while later, the one that is asked about.
  void Make() {
    MakeSpec();
    const int replicas = Chance(0.05) ? 0 : Between(1, 10);
    MakeObject(replicas);
    const int pods = std::max(0, replicas + OneOf({0, 0, 0, -1, -2, 1}));
    const bool outage = Chance(0.2);
    for (int i = 0; i < pods; ++i) {
      model::PodView pod = MakePod(i, kStart);
      if (Chance(0.2)) {
        pod = testing::ChangePod(pod, [](model::Pod& changed) { changed.ready = false; });
      }
      view_.pods.push_back(std::move(pod));
    }
    Observe(history_, spec_, view_, kStart);
    now_ = kStart + std::chrono::seconds(OneOf({1, 5, 9, 40, 2000}));
    const bool overload = Chance(0.1);
    for (size_t i = 0; i < view_.pods.size(); ++i) ChangeLater(i, outage, overload);
  }

  void ChangeLater(size_t i, bool outage, bool overload) {
    const bool lost = Chance(outage ? 0.8 : 0.1);
    model::PodView pod = MakePod(static_cast<int>(i), lost ? now_ - 10s : now_);
    pod.pod = view_.pods[i].pod;
    if (overload || Chance(0.1)) {
      const bool ready = !overload && !pod.pod->ready;
      pod = testing::ChangePod(pod, [&](model::Pod& changed) { changed.ready = ready; });
    }
    view_.pods[i] = std::move(pod);
  }

  std::mt19937_64 random_;
  trigger::TriggerSpec spec_;
  HpaMetricType type_ = HpaMetricType::kAverageValue;
  model::WorkloadView view_;
  History history_;
  SteadyTime now_;
};

/// Everything a decision says, as text.
std::string Text(const Decision& decision) {
  std::string text(BranchName(decision.branch));
  text += decision.value.ok() ? " " + std::to_string(*decision.value)
                              : " " + decision.value.status().ToString();
  text += decision.active.ok() ? (*decision.active ? " active" : " idle")
                               : " " + decision.active.status().ToString();
  text += " " + decision.formula + " " + decision.active_why;
  for (const int count : {decision.pods, decision.measured, decision.loading, decision.overdue,
                          decision.lost, decision.asleep, decision.ready, decision.preallocated}) {
    text += " " + std::to_string(count);
  }
  text += " " + std::to_string(decision.coverage.value_or(-1));
  for (const Input& input : decision.inputs) {
    text += "\n" + input.name + " " + std::string(input.standing) + " " +
            std::to_string(input.value.value_or(-1)) + " " + input.why;
  }
  for (const std::string& warning : decision.warnings) text += "\n" + warning;
  return text;
}

TEST(DecisionProperties, TheSameInputsGiveTheSameAnswer) {
  for (unsigned seed = 0; seed < kCases; ++seed) {
    const RandomWorkload one(seed);
    const RandomWorkload two(seed);
    const std::string text = Text(Decide(one.question(), one.history()));
    ASSERT_EQ(Text(Decide(one.question(), one.history())), text);
    ASSERT_EQ(Text(Decide(two.question(), two.history())), text);
  }
}

TEST(DecisionProperties, AnErrorIsNeverANumberAndANumberIsNeverWild) {
  std::array<int, kBranchCount> counts{};
  int asleep = 0;
  int of_engines = 0;
  for (unsigned seed = 0; seed < kCases; ++seed) {
    const RandomWorkload workload(seed);
    const Decision decision = Decide(workload.question(), workload.history());
    ++counts[static_cast<size_t>(decision.branch)];
    if (decision.value.ok()) {
      ASSERT_TRUE(std::isfinite(*decision.value) && *decision.value >= 0) << Text(decision);
      ASSERT_TRUE(decision.active.ok()) << Text(decision);
      ASSERT_LT(decision.branch, Branch::kBlind) << Text(decision);
      ASSERT_NE(decision.formula, "");
      ASSERT_NE(decision.active_why, "");
    } else {
      ASSERT_GE(decision.branch, Branch::kBlind) << Text(decision);
      ASSERT_TRUE(absl::IsUnavailable(decision.value.status()) ||
                  absl::IsInvalidArgument(decision.value.status()));
      ASSERT_LT(decision.value.status().message().size(), 512u);
      ASSERT_EQ(decision.formula, "");
      if (decision.active.ok()) {
        ASSERT_TRUE(workload.spec().always_active && *decision.active);
      } else {
        ASSERT_EQ(decision.active.status(), decision.value.status());
      }
    }
    ASSERT_EQ(
        decision.measured + decision.loading + decision.overdue + decision.lost + decision.asleep,
        decision.pods);
    asleep += decision.asleep;
    for (const Input& input : decision.inputs) of_engines += input.source == "engine" ? 1 : 0;
  }
  for (size_t i = 0; i < kBranchCount; ++i) {
    const std::string name(BranchName(static_cast<Branch>(i)));
    std::printf("decisions: %s %d\n", name.c_str(), counts[i]);
  }
  EXPECT_GT(asleep, 0);
  EXPECT_GT(of_engines, kCases / 4);
  for (const Branch branch :
       {Branch::kNoReplicas, Branch::kAllMeasured, Branch::kMissingAboveTarget,
        Branch::kMissingUnderTarget, Branch::kDemand, Branch::kDemandPartlyLost,
        Branch::kAllLoading, Branch::kNoneReady, Branch::kBlindHeld, Branch::kBlind,
        Branch::kNoWorkload, Branch::kFormulaIncomplete, Branch::kInvalid}) {
    EXPECT_GT(counts[static_cast<size_t>(branch)], 0) << BranchName(branch);
  }
}

TEST(DecisionProperties, AnIdleGpuNeverRaisesTheMax) {
  for (unsigned seed = 0; seed < kCases; ++seed) {
    RandomWorkload workload(seed);
    // What its memory does decides what a preallocated pod counts as; that is not this rule's.
    const Decision before = Decide(workload.question(), workload.history());
    workload.AddIdleGpus();
    const Decision after = Decide(workload.question(), workload.history());
    ASSERT_EQ(after.value.ok(), before.value.ok()) << Text(after);
    if (after.value.ok()) {
      ASSERT_LE(*after.value, *before.value) << Text(after);
    }
    ASSERT_EQ(after.active, before.active) << Text(after);
  }
}

/// A, of the replicas that count under the metric type.
double Aggregated(const Decision& decision, const RandomWorkload& workload) {
  double sum = 0;
  double largest = 0;
  int n = 0;
  for (size_t i = 0; i < decision.inputs.size(); ++i) {
    if (decision.inputs[i].standing != "measured") continue;
    if (decision.metric_type == HpaMetricType::kValue && !workload.view().pods[i].pod->ready) {
      continue;
    }
    // Of the GPUs either all are preallocated or none: each was seen once.
    const bool held = decision.preallocated > 0 && decision.inputs[i].source == "gpus";
    const double value = held ? workload.spec().target : *decision.inputs[i].value;
    sum += value;
    largest = std::max(largest, value);
    ++n;
  }
  return workload.spec().pod_aggregation == trigger::PodAggregation::kMax ? largest : sum / n;
}

TEST(DecisionProperties, MissingPodsNeverTurnTheDirection) {
  int above = 0;
  int under = 0;
  for (unsigned seed = 0; seed < 3 * kCases; ++seed) {
    const RandomWorkload workload(seed);
    const Decision decision = Decide(workload.question(), workload.history());
    const bool is_above = decision.branch == Branch::kMissingAboveTarget;
    if (!is_above && decision.branch != Branch::kMissingUnderTarget) continue;
    const double target = workload.spec().target;
    const testing::Milli sent = testing::AsKedaSends(*decision.value);
    const testing::Milli target_milli = testing::AsKedaSends(target);
    const int replicas = *decision.replicas;
    const int wanted = decision.metric_type == HpaMetricType::kValue
                           ? testing::HpaOfValue(sent, target_milli, replicas, decision.ready)
                           : testing::HpaOfAverageValue(sent, target_milli, replicas);
    const double a = Aggregated(decision, workload);
    // Preallocated pods are at the target exactly: their sum may be a last digit off.
    if (std::abs(a - target) > 1e-9) {
      ASSERT_EQ(a > target, is_above) << Text(decision);
    }
    if (is_above) {
      ++above;
      ASSERT_GE(wanted, replicas) << Text(decision);
    } else {
      ++under;
      ASSERT_LE(wanted, replicas) << Text(decision);
    }
  }
  std::printf("missing above the target: %d, under it: %d\n", above, under);
  EXPECT_GT(above, kCases / 50);
  EXPECT_GT(under, kCases / 50);
}

}  // namespace
}  // namespace kgs::decision
