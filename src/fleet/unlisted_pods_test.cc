// SPDX-License-Identifier: Apache-2.0
//
// Turned by hand, with a clock that stands still.
#include "fleet/unlisted_pods.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace kgs::fleet {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kStartedSeconds = 1'700'000'000;

class UnlistedPodsTest : public ::testing::Test {
 protected:
  void SetUp() override { stream_ = fleet_.Connect("node-a", "1"); }

  static std::shared_ptr<model::Pod> Pod(const std::string& uid = "1") {
    auto pod = std::make_shared<model::Pod>();
    pod->name = {"default", "web-0"};
    pod->uid = uid;
    pod->node = "node-a";
    pod->phase = model::PodPhase::kRunning;
    pod->started_unix_seconds = kStartedSeconds;
    return pod;
  }
  /// The node's report; of a kubelet that lists the pod where \p lists_pod.
  void Report(bool lists_pod) {
    auto report = std::make_shared<model::NodeReport>();
    report->node = "node-a";
    auto snapshot = std::make_shared<model::NodeSnapshot>();
    snapshot->gpus.resize(1);
    report->snapshot = snapshot;
    report->pods_listed = true;
    report->listed = {clock_.Now(), (kStartedSeconds + 60) * 1000};
    if (lists_pod) {
      model::HeldDevice device;
      device.gpu = 0;
      report->pods = {{{"default", "web-0"}, report->listed, {device}}};
    }
    fleet_.Put("node-a", stream_, std::move(report));
  }
  std::vector<std::string> TakeAsked() { return std::exchange(asked_, {}); }

  testing::FakeClock clock_;
  Store fleet_{clock_};
  kube::Store kubernetes_{clock_, [](const kube::PodPtr&) {}};
  uint64_t stream_ = 0;
  std::vector<std::string> asked_;
  UnlistedPods unlisted_{fleet_, kubernetes_,
                         [this](const std::string& node) {
                           asked_.push_back(node);
                           return true;
                         },
                         clock_};
};

TEST_F(UnlistedPodsTest, ANewPodsNodeIsAskedAtOnceAndUntilItIsListed) {
  Report(false);
  unlisted_.OnPod(Pod());
  EXPECT_EQ(unlisted_.Turn(), 1s);
  EXPECT_THAT(TakeAsked(), ElementsAre("node-a"));
  unlisted_.Turn();
  EXPECT_THAT(TakeAsked(), IsEmpty()) << "not before a second is over";
  clock_.Advance(1s);
  Report(true);
  unlisted_.Turn();
  clock_.Advance(1h);
  Report(false);
  unlisted_.Turn();
  EXPECT_THAT(TakeAsked(), IsEmpty()) << "it had been listed";
}

TEST_F(UnlistedPodsTest, APodThatIsNeverListedIsAskedForAFewTimes) {
  unlisted_.OnPod(Pod());
  for (int i = 0; i < 1000; ++i) {
    Report(false);
    unlisted_.Turn();
    clock_.Advance(1s);
  }
  EXPECT_EQ(TakeAsked().size(), 7u) << "it holds no GPU";
  unlisted_.OnPod(Pod("2"));
  unlisted_.Turn();
  EXPECT_EQ(TakeAsked().size(), 1u) << "another pod of that name may";
}

TEST_F(UnlistedPodsTest, PodsThatHoldNothingAreNotAskedFor) {
  Report(false);
  auto unscheduled = Pod();
  unscheduled->node.clear();
  auto not_started = Pod();
  not_started->started_unix_seconds.reset();
  auto terminating = Pod();
  terminating->terminating = true;
  auto ended = Pod();
  ended->phase = model::PodPhase::kSucceeded;
  for (const auto& pod : {unscheduled, not_started, terminating, ended}) {
    unlisted_.OnPod(Pod());
    unlisted_.OnPod(pod);
    unlisted_.Turn();
  }
  EXPECT_THAT(TakeAsked(), IsEmpty());
}

TEST_F(UnlistedPodsTest, NothingIsAskedOfANodeWithoutAnAgent) {
  unlisted_.OnPod(Pod());
  unlisted_.Turn();
  EXPECT_THAT(TakeAsked(), IsEmpty());
}

}  // namespace
}  // namespace kgs::fleet
