// SPDX-License-Identifier: Apache-2.0
//
// The whole loop in simulated time: offered load, pods that load for minutes, our answers, and an
// HPA with its defaults (tolerance, at most doubling a sync, 5 minutes of stabilisation downwards).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "decision/decision.h"
#include "tests/support/hpa_model.h"
#include "tests/support/workloads.h"

namespace kgs::decision {
namespace {

using namespace std::chrono_literals;
using base::SteadyTime;
using model::HpaMetricType;

constexpr base::Duration kTick = 5s;
constexpr base::Duration kSync = 15s;
constexpr base::Duration kStabilisation = 300s;

struct SimulatedPod {
  std::string name;
  SteadyTime ready_at;
  /// Its agent does not report.
  bool silent = false;
};

class ClosedLoop {
 public:
  ClosedLoop(HpaMetricType type, int replicas, base::Duration load_time)
      : type_(type), load_time_(load_time), now_(1h) {
    spec_.target = 80;
    for (int i = 0; i < replicas; ++i) Start(now_);
  }

  trigger::TriggerSpec& spec() { return spec_; }
  std::vector<SimulatedPod>& pods() { return pods_; }
  int replicas() const { return static_cast<int>(pods_.size()); }
  int most() const { return most_; }
  int removed_while_loading() const { return removed_while_loading_; }
  int errors() const { return errors_; }

  /// \p load in percent of a GPU, spread evenly over the Ready pods.
  void Run(double load, base::Duration duration) {
    most_ = replicas();
    for (const SteadyTime end = now_ + duration; now_ < end; now_ += kTick) {
      const model::WorkloadView view = View(load);
      Observe(history_, spec_, view, now_);
      if (now_ - last_sync_ >= kSync) Sync(view);
    }
  }

 private:
  bool Ready(const SimulatedPod& pod) const { return pod.ready_at <= now_; }
  int ReadyPods() const {
    return static_cast<int>(std::count_if(pods_.begin(), pods_.end(),
                                          [this](const SimulatedPod& pod) { return Ready(pod); }));
  }
  void Start(SteadyTime ready_at) {
    pods_.push_back({"web-" + std::to_string(started_++), ready_at});
  }

  model::WorkloadView View(double load) const {
    model::WorkloadView view = testing::MakeWorkload(replicas());
    const double each = std::min(100.0, load / std::max(1, ReadyPods()));
    for (const SimulatedPod& simulated : pods_) {
      const bool ready = Ready(simulated);
      model::PodView pod = testing::MakePod(simulated.name, {ready ? each : 0}, now_);
      pod = testing::ChangePod(pod, [&](model::Pod& changed) { changed.ready = ready; });
      if (simulated.silent) {
        pod.gpus.clear();
        pod.unattributed = model::Unattributed::kAgentSilent;
        pod.why = "the agent of its node is silent";
      }
      view.pods.push_back(std::move(pod));
    }
    return view;
  }

  void Sync(const model::WorkloadView& view) {
    last_sync_ = now_;
    const Decision decision = Decide({spec_, type_, view, now_}, history_);
    if (!decision.value.ok()) {
      ++errors_;
      return;  // The HPA leaves the replicas as they are.
    }
    const testing::Milli sent = testing::AsKedaSends(*decision.value);
    const int wanted = type_ == HpaMetricType::kValue
                           ? testing::HpaOfValue(sent, 80000, replicas(), ReadyPods())
                           : testing::HpaOfAverageValue(sent, 80000, replicas());
    Scale(Stabilised(std::clamp(wanted, 1, 100)));
  }

  int Stabilised(int wanted) {
    recommended_.push_back({now_, wanted});
    while (now_ - recommended_.front().first > kStabilisation) recommended_.pop_front();
    int most_recent = wanted;
    for (const auto& [time, replicas] : recommended_) most_recent = std::max(most_recent, replicas);
    const int stable = wanted < replicas() ? std::min(replicas(), most_recent) : wanted;
    return std::min(stable, std::max(2 * replicas(), 4));
  }

  void Scale(int wanted) {
    while (replicas() < wanted) Start(now_ + load_time_);
    while (replicas() > wanted) {
      // A ReplicaSet removes pods that are not Ready first.
      const auto loading =
          std::find_if(pods_.begin(), pods_.end(), [this](const auto& pod) { return !Ready(pod); });
      if (loading != pods_.end()) ++removed_while_loading_;
      pods_.erase(loading != pods_.end() ? loading : pods_.end() - 1);
    }
    most_ = std::max(most_, replicas());
  }

  const HpaMetricType type_;
  const base::Duration load_time_;
  trigger::TriggerSpec spec_;
  History history_;
  SteadyTime now_;
  SteadyTime last_sync_{};
  std::vector<SimulatedPod> pods_;
  std::deque<std::pair<SteadyTime, int>> recommended_;
  int started_ = 0;
  int most_ = 0;
  int removed_while_loading_ = 0;
  int errors_ = 0;
};

class ClosedLoopTest : public ::testing::TestWithParam<HpaMetricType> {};

TEST_P(ClosedLoopTest, SettlesAtWhatTheLoadNeeds) {
  struct Case {
    double load;
    int settled;
  };
  for (const Case& c : {Case{276, 4}, {640, 8}}) {
    ClosedLoop loop(GetParam(), 3, 300s);
    loop.Run(c.load, 3600s);
    EXPECT_EQ(loop.replicas(), c.settled);
    EXPECT_LE(loop.most(), c.settled + 1);
    EXPECT_EQ(loop.removed_while_loading(), 0);
    EXPECT_EQ(loop.errors(), 0);
  }
}

TEST_P(ClosedLoopTest, NeverOvershootsWhateverTheLoadAndTheLoadTime) {
  for (const base::Duration load_time : {20s, 300s}) {
    for (const double load : {130, 276, 640, 1000}) {
      for (const int start : {1, 9}) {
        ClosedLoop loop(GetParam(), start, load_time);
        // From 1 it takes nine steps, each as long as a pod loads.
        loop.Run(load, 10 * load_time + 900s);
        const int need = static_cast<int>(std::ceil(load / 80));
        EXPECT_LE(loop.most(), std::max(start, need + 1)) << load << " from " << start;
        EXPECT_EQ(loop.removed_while_loading(), 0) << load << " from " << start;
        // Within the tolerance of 0.1 fewer or more will do as well.
        EXPECT_GE(loop.replicas() * 88, load) << "from " << start;
        EXPECT_LE((loop.replicas() - 1) * 80 * 0.9, std::max(load, 1.0)) << "from " << start;
      }
    }
  }
}

TEST_P(ClosedLoopTest, FollowsFallingLoadDownToTheLeast) {
  ClosedLoop loop(GetParam(), 3, 300s);
  loop.Run(640, 3600s);
  loop.Run(100, 3600s);
  EXPECT_EQ(loop.replicas(), 2);
  loop.Run(0, 3600s);
  EXPECT_EQ(loop.replicas(), 1);
  EXPECT_EQ(loop.removed_while_loading(), 0);
}

TEST_P(ClosedLoopTest, LoadThatEasesWhilePodsLoadRemovesNoneOfThem) {
  ClosedLoop loop(GetParam(), 4, 900s);
  loop.Run(460, 120s);
  ASSERT_EQ(loop.replicas(), 5);
  // The sum of the measured pods alone would ask for 4.
  loop.Run(290, 600s);
  EXPECT_EQ(loop.removed_while_loading(), 0);
  EXPECT_EQ(loop.replicas(), 5);
}

TEST_P(ClosedLoopTest, OutagesOfAgentsHold) {
  for (const double load : {276, 640}) {
    for (const size_t silent : {1, 2, 3, 99}) {
      const int settled = load < 300 ? 4 : 8;
      ClosedLoop loop(GetParam(), settled, 300s);
      loop.Run(load, 400s);
      for (size_t i = 0; i < std::min(silent, loop.pods().size()); ++i) {
        loop.pods()[i].silent = true;
      }
      loop.Run(load, 900s);
      EXPECT_EQ(loop.replicas(), settled) << silent << " silent at " << load;
      EXPECT_EQ(loop.most(), settled);
      EXPECT_EQ(loop.errors() > 0, silent * 2 > static_cast<size_t>(settled));
      for (SimulatedPod& pod : loop.pods()) pod.silent = false;
      loop.Run(load, 400s);
      EXPECT_EQ(loop.replicas(), settled);
    }
  }
}

TEST_P(ClosedLoopTest, TheLargestPodSettlesToo) {
  ClosedLoop loop(GetParam(), 3, 300s);
  loop.spec().pod_aggregation = trigger::PodAggregation::kMax;
  loop.Run(640, 3600s);
  EXPECT_EQ(loop.replicas(), 8);
  EXPECT_LE(loop.most(), 9);
}

INSTANTIATE_TEST_SUITE_P(Types, ClosedLoopTest,
                         ::testing::Values(HpaMetricType::kAverageValue, HpaMetricType::kValue));

}  // namespace
}  // namespace kgs::decision
