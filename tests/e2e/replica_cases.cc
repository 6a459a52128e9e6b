// SPDX-License-Identifier: Apache-2.0
//
// Prints random workloads, what we answer for each, and how many replicas our model of the HPA
// makes of that, a line of JSON each: for kubernetes/replicacheck, which asks Kubernetes' own
// calculator.
//
// Usage: replica_cases [COUNT]
//
// A line:
//   type      "AverageValue" or "Value"
//   replicas  spec.replicas, and status.replicas
//   target    in thousandths
//   pods      each with "ready", and "value" in thousandths where it is measured and counts
//   sent      our answer in thousandths, as KEDA sends it
//   branch    of the decision
//   expected  the replicas by tests/support/hpa_model.h
//   rule      where every replica is measured: those by the rule for the pods' own metrics
//   near      where a thousandth in the mean may decide: the rule may differ by its rounding
#include <cstdio>
#include <cstdlib>
#include <string>

#include "decision/decision.h"
#include "tests/support/random_case.h"
#include "tests/support/workloads.h"

namespace kgs {
namespace {

using namespace std::chrono_literals;
using model::HpaMetricType;
using testing::Case;
using testing::Milli;

constexpr base::SteadyTime kBefore{1h};
constexpr base::SteadyTime kNow = kBefore + 5s;

/// A workload at which somebody has looked before.
class Workload {
 public:
  Workload(const Case& made, HpaMetricType type, testing::Generator& random)
      : case_(made), type_(type), view_(testing::MakeWorkload(made.replicas)) {
    spec_.target = static_cast<double>(made.target) / 1000;
    spec_.pod_aggregation = made.aggregation;
    spec_.min_coverage = 0;
    const int measured = static_cast<int>(made.values.size());
    // By an overload.
    const bool none_ready = random.Between(0, 29) == 0;
    for (int i = 0; i < made.replicas; ++i) {
      if (i < measured) {
        AddMeasured(i, !none_ready && random.Between(0, 19) > 0);
      } else if (i < made.ready) {
        AddLost(i, true);
      } else {
        AddMissing(i, made.ready == 0 ? random.Between(0, 1) : random.Between(0, 2));
      }
    }
    decision::Observe(history_, spec_, before_, kBefore);
  }

  decision::Decision Decide() {
    return decision::ObserveAndDecide({spec_, type_, view_, kNow}, history_);
  }

  void Print(const decision::Decision& decision) const {
    const Milli sent = testing::AsKedaSends(*decision.value);
    const bool is_value = type_ == HpaMetricType::kValue;
    const int expected =
        is_value ? testing::HpaOfValue(sent, case_.target, case_.replicas, decision.ready)
                 : testing::HpaOfAverageValue(sent, case_.target, case_.replicas);
    std::printf(R"({"type":"%s","replicas":%d,"target":%lld,"sent":%lld,"branch":"%s",)",
                is_value ? "Value" : "AverageValue", case_.replicas,
                static_cast<long long>(case_.target), static_cast<long long>(sent),
                std::string(BranchName(decision.branch)).c_str());
    std::printf(R"("expected":%d,)", expected);
    if (counted_ == case_.replicas) {
      const Milli total = std::accumulate(case_.values.begin(), case_.values.end(), Milli{0});
      const bool near = testing::NearATurn(total, case_.target, case_.replicas);
      std::printf(R"("rule":%d,"near":%s,)", testing::ResourceRule(case_.values, case_.target),
                  near ? "true" : "false");
    }
    std::printf("\"pods\":[%s]}\n", pods_.c_str());
  }

 private:
  void AddMeasured(int i, bool ready) {
    const Milli value = case_.values[static_cast<size_t>(i)];
    Add(i, static_cast<double>(value) / 1000, ready);
    // Under Value a pod that is not Ready does not vouch for the others.
    if (ready || type_ != HpaMetricType::kValue) {
      pods_ += R"(,"value":)" + std::to_string(value);
      ++counted_;
    }
    pods_ += "}";
  }
  void AddLost(int i, bool ready) {
    Add(i, 0, ready);
    view_.pods.back().gpus.clear();
    view_.pods.back().unattributed = model::Unattributed::kNoAgent;
    view_.pods.back().why = "no agent reports from node node-a";
    pods_ += "}";
  }
  void AddMissing(int i, Milli how) {
    if (how == 0) return;  // Not created yet.
    if (how == 2) return AddLost(i, false);
    // It loads.
    Add(i, 0, false);
    before_.pods.pop_back();
    pods_ += "}";
  }
  /// Ready before, and now \p ready.
  void Add(int i, double value, bool ready) {
    const std::string name = "web-" + std::to_string(1000 + i);
    before_.pods.push_back(testing::MakePod(name, {value}, kBefore));
    view_.pods.push_back(testing::ChangePod(testing::MakePod(name, {value}, kNow),
                                            [&](model::Pod& pod) { pod.ready = ready; }));
    if (!pods_.empty()) pods_ += ",";
    pods_ += std::string(R"({"ready":)") + (ready ? "true" : "false");
  }

  const Case& case_;
  const HpaMetricType type_;
  trigger::TriggerSpec spec_;
  model::WorkloadView view_;
  model::WorkloadView before_ = view_;
  decision::History history_;
  std::string pods_;
  int counted_ = 0;
};

/// Every other one has all of its replicas measured, and one in ten has none: they are lost or
/// load.
Case MakeCase(testing::Generator& random) {
  Case made = random.Make(random.Between(0, 1) == 0, trigger::PodAggregation::kMean);
  if (random.Between(0, 9) == 0) {
    made.values.clear();
    if (random.Between(0, 1) == 0) made.ready = 0;
  }
  return made;
}

int Run(int count) {
  testing::Generator random(6);
  for (int i = 0; i < count; ++i) {
    const Case made = MakeCase(random);
    const auto type = i % 2 == 0 ? HpaMetricType::kAverageValue : HpaMetricType::kValue;
    Workload workload(made, type, random);
    const decision::Decision decision = workload.Decide();
    if (!decision.value.ok()) {
      std::fprintf(stderr, "replica_cases: %s\n", decision.value.status().ToString().c_str());
      return 1;
    }
    workload.Print(decision);
  }
  return 0;
}

}  // namespace
}  // namespace kgs

int main(int argc, char** argv) { return kgs::Run(argc > 1 ? std::atoi(argv[1]) : 10000); }
