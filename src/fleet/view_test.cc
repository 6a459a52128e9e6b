// SPDX-License-Identifier: Apache-2.0
#include "fleet/view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/test_reports.h"
#include "tests/support/fake_clock.h"

namespace kgs::fleet {
namespace {

using namespace std::chrono_literals;
using base::SteadyTime;
using model::DraDevice;
using model::HeldDevice;
using model::PodGpu;
using model::PodView;
using model::Unattributed;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::PlainReport;
using ::testing::SizeIs;
using testing::UuidOf;

constexpr char kNotTold[] =
    "not known by process (--per-process): the driver does not tell the memory of one of the pod's "
    "processes";
/// The pod's startTime, by the clock of its node.
constexpr int64_t kStartedSeconds = 1700000000;
const DraDevice kDra = {"gpu.nvidia.com", "node-a", "gpu-0"};

class ViewTest : public ::testing::Test {
 protected:
  void SetUp() override {
    pod_.name = {"default", "a"};
    pod_.uid = "1";
    pod_.node = "node-a";
    pod_.phase = model::PodPhase::kRunning;
    pod_.started_unix_seconds = kStartedSeconds;
    pod_.seen_started = clock_.Now() - 60s;
    report_ = PlainReport("node-a", {10, 20, 30}, clock_.Now());
    report_->pods_listed = true;
    List(clock_.Now() - 1s, (kStartedSeconds + 60) * 1000);
    Hold({{.gpu = 0}});
  }

  /// When the kubelet answered last.
  void List(SteadyTime steady, int64_t unix_ms) {
    report_->listed = {steady, unix_ms};
    for (model::PodDevices& pod : report_->pods) pod.listed = report_->listed;
  }
  void Hold(std::vector<HeldDevice> devices) {
    report_->pods = {{{"default", "a"}, report_->listed, std::move(devices)}};
  }
  void SetAddress(size_t gpu, const std::string& address) {
    auto snapshot = std::make_shared<model::NodeSnapshot>(*report_->snapshot);
    snapshot->gpus[gpu].identity.pci_bus_id = address;
    report_->snapshot = std::move(snapshot);
  }
  void SetUses(size_t gpu, model::PodUses uses) {
    auto snapshot = std::make_shared<model::NodeSnapshot>(*report_->snapshot);
    snapshot->gpus[gpu].pod_uses = std::move(uses);
    report_->snapshot = std::move(snapshot);
  }
  PodView View() {
    return ViewPod(std::make_shared<const model::Pod>(pod_), {report_, received_, true, ""}, kube_,
                   clock_.Now());
  }
  std::vector<size_t> Gpus() {
    const PodView view = View();
    EXPECT_EQ(view.unattributed, Unattributed::kNone) << view.why;
    EXPECT_EQ(view.why, "");
    std::vector<size_t> gpus;
    for (const PodGpu& gpu : view.gpus) gpus.push_back(gpu.gpu);
    return gpus;
  }
  void ExpectUnknown(Unattributed reason, const ::testing::Matcher<std::string>& why) {
    const PodView view = View();
    EXPECT_EQ(view.unattributed, reason);
    EXPECT_THAT(view.why, why);
    EXPECT_THAT(view.gpus, IsEmpty());
    EXPECT_EQ(view.pod->uid, pod_.uid);
    // In words that do not change from poll to poll.
    clock_.Advance(1ms);
    EXPECT_EQ(View().why, view.why);
  }

  kgs::testing::FakeClock clock_;
  model::Pod pod_;
  std::shared_ptr<model::NodeReport> report_;
  SteadyTime received_ = clock_.Now();
  kube::Store kube_{clock_, [](const kube::PodPtr&) {}};
};

TEST_F(ViewTest, SeesEveryGpuOfThePod) {
  Hold({{.gpu = 2}, {.gpu = 0, .shares = 1, .all_shares = 4}});
  EXPECT_THAT(Gpus(), ElementsAre(0, 2));
  const PodView view = View();
  EXPECT_EQ(view.gpus[0].snapshot().identity.uuid, UuidOf(0));
  EXPECT_TRUE(view.gpus[0].shared());
  EXPECT_EQ(view.gpus[0].all_shares, 4);
  EXPECT_FALSE(view.gpus[1].shared());
  EXPECT_EQ(view.gpus[1].max_reading_age, 3s);
  EXPECT_EQ(view.gpus[1].node, report_->snapshot);
}

TEST_F(ViewTest, SeesWhatThePodsProcessesUse) {
  const SteadyTime taken = clock_.Now() - 100ms;
  EXPECT_FALSE(View().gpus[0].own.has_value()) << "not read by process";
  SetUses(0, {taken, {{"0", 90, 1}, {"1", 12, 512}, {"2", 80, 2}}, "", ""});
  model::OwnUse own = View().gpus[0].own.value();
  EXPECT_EQ(own.utilization.value(), 12);
  EXPECT_EQ(own.utilization.taken(), taken);
  EXPECT_EQ(own.memory_mib.value(), 512);
  EXPECT_EQ(own.memory_mib.taken(), taken);
  SetUses(0, {taken, {{"0", 90, 1}, {"2", 80, 2}}, "", ""});
  own = View().gpus[0].own.value();
  EXPECT_EQ(own.utilization.value(), 0) << "without a process it is idle";
  EXPECT_EQ(own.memory_mib.value(), 0);
  SetUses(0, {taken, {{"1", 12, {}}}, "", ""});
  own = View().gpus[0].own.value();
  EXPECT_EQ(own.utilization.value(), 12);
  EXPECT_EQ(own.memory_mib.detail(), kNotTold);
  SetUses(0, {taken, {}, "nvmlX: no", "nvmlY: no"});
  own = View().gpus[0].own.value();
  EXPECT_EQ(own.utilization.detail(), "not known by process (--per-process): nvmlY: no");
  EXPECT_EQ(own.memory_mib.detail(), "not known by process (--per-process): nvmlX: no");
}

TEST_F(ViewTest, GpusAreInTheOrderOfTheirAddresses) {
  SetAddress(0, "00000000:65:00.0");
  SetAddress(1, "00000000:17:00.0");
  Hold({{.gpu = 0}, {.gpu = 1}});
  EXPECT_THAT(Gpus(), ElementsAre(1, 0));
}

TEST_F(ViewTest, EndedAndTerminatingPodsAreViewedToo) {
  for (const model::PodPhase phase : {model::PodPhase::kSucceeded, model::PodPhase::kFailed}) {
    pod_.phase = phase;
    EXPECT_THAT(Gpus(), ElementsAre(0));
  }
  pod_.terminating = true;
  EXPECT_THAT(Gpus(), ElementsAre(0));
}

class EngineViewTest : public ViewTest {
 protected:
  void SetUp() override {
    ViewTest::SetUp();
    report_->engines = {Engine("0", "a"), Engine("1", "a"), Engine("1", "b"), Engine("10", "a")};
  }
  static model::PodEngineReading Engine(const std::string& uid, const std::string& key) {
    return {uid, key, model::EngineReading::Value(1, SteadyTime()), 3s};
  }
};

TEST_F(EngineViewTest, SeesWhatThePodsEngineSays) {
  EXPECT_THAT(View().engines, ElementsAre(Engine("1", "a"), Engine("1", "b")));
  pod_.uid = "10";
  EXPECT_THAT(View().engines, ElementsAre(Engine("10", "a")));
  // One of the same name.
  pod_.uid = "2";
  EXPECT_THAT(View().engines, IsEmpty());
}

TEST_F(EngineViewTest, NeedsNoDevices) {
  Hold({});
  EXPECT_EQ(View().unattributed, Unattributed::kNoDevice);
  EXPECT_THAT(View().engines, SizeIs(2));
  report_->pods_listed = false;
  EXPECT_EQ(View().unattributed, Unattributed::kNoListing);
  EXPECT_THAT(View().engines, SizeIs(2));
}

TEST_F(EngineViewTest, ASilentAgentHasNoSay) {
  clock_.Advance(10s);
  EXPECT_THAT(View().engines, SizeIs(2));
  clock_.Advance(1ms);
  EXPECT_THAT(View().engines, IsEmpty());
}

TEST_F(EngineViewTest, OnlyThePodsOwnNodeHasASay) {
  pod_.node = "node-b";
  EXPECT_THAT(View().engines, IsEmpty());
  pod_.node.clear();
  report_->node.clear();
  EXPECT_THAT(View().engines, IsEmpty());
}

TEST_F(ViewTest, APodWithoutANode) {
  pod_.node.clear();
  ExpectUnknown(Unattributed::kNotScheduled, HasSubstr("pod default/a"));
}

TEST_F(ViewTest, ANodeWithoutAnAgent) {
  report_ = nullptr;
  ExpectUnknown(Unattributed::kNoAgent, HasSubstr("node node-a"));
}

// Whatever another node says of the pod.
TEST_F(ViewTest, TheReportOfAnotherNodeIsNone) {
  report_->node = "node-b";
  ExpectUnknown(Unattributed::kNoAgent, HasSubstr("node node-a"));
}

TEST_F(ViewTest, ASilentAgentHasNoSay) {
  clock_.Advance(10s);
  EXPECT_THAT(Gpus(), ElementsAre(0));
  clock_.Advance(1ms);
  ExpectUnknown(Unattributed::kAgentSilent, HasSubstr("node node-a"));
}

TEST_F(ViewTest, AKubeletThatHasNotAnswered) {
  report_->pods_listed = false;
  report_->pods.clear();
  ExpectUnknown(Unattributed::kNoListing, HasSubstr("node node-a"));
  report_->listing_problem = "no such socket";
  ExpectUnknown(Unattributed::kNoListing, HasSubstr("no such socket"));
}

TEST_F(ViewTest, WhatWasListedHoldsOnWhileTheKubeletIsAway) {
  report_->listing_problem = "connection refused";
  clock_.Advance(5s);
  EXPECT_THAT(Gpus(), ElementsAre(0));
}

TEST_F(ViewTest, ByTheNodesClockMoreThanASecondAfterTheStart) {
  pod_.seen_started.reset();
  List(clock_.Now(), kStartedSeconds * 1000 + 1001);
  EXPECT_THAT(Gpus(), ElementsAre(0));
  List(clock_.Now(), kStartedSeconds * 1000 + 1000);
  ExpectUnknown(Unattributed::kListedBeforeStart,
                AllOf(HasSubstr("node node-a"), HasSubstr("pod default/a")));
}

TEST_F(ViewTest, ByOursMoreThanTwoSecondsAfterItsStartWasSeen) {
  // The node's clock has been set back by an hour.
  const int64_t unix_ms = (kStartedSeconds - 3600) * 1000;
  List(*pod_.seen_started + 2001ms, unix_ms);
  EXPECT_THAT(Gpus(), ElementsAre(0));
  List(*pod_.seen_started + 2000ms, unix_ms);
  ExpectUnknown(Unattributed::kListedBeforeStart, HasSubstr("pod default/a"));
}

TEST_F(ViewTest, APodThatHasNotStartedHoldsNothingYet) {
  pod_.started_unix_seconds.reset();
  pod_.seen_started.reset();
  ExpectUnknown(Unattributed::kListedBeforeStart, HasSubstr("since it started"));
}

// The pod of a StatefulSet is made anew under its name; its node's last listing is still that of
// the pod before.
TEST_F(ViewTest, APodWhoseNameReturnsNeverGetsTheOldDevices) {
  ASSERT_THAT(Gpus(), ElementsAre(0));
  pod_.uid = "2";
  pod_.seen_replacing = clock_.Now();
  pod_.started_unix_seconds.reset();
  pod_.seen_started.reset();
  ExpectUnknown(Unattributed::kListedBeforeStart, HasSubstr("pod default/a"));
  // Started, by a clock that was set back meanwhile: the old listing looks like a later one.
  pod_.started_unix_seconds = kStartedSeconds - 3600;
  pod_.seen_started = clock_.Now();
  ExpectUnknown(Unattributed::kListedBeforeStart, HasSubstr("pod default/a"));
  List(*pod_.seen_replacing, (kStartedSeconds + 70) * 1000);
  ExpectUnknown(Unattributed::kListedBeforeStart, HasSubstr("pod default/a"));
  List(*pod_.seen_replacing + 1ms, (kStartedSeconds + 70) * 1000);
  EXPECT_THAT(Gpus(), ElementsAre(0));
}

// On another node: the old one still claims the name.
TEST_F(ViewTest, TheNodeNameDecidesBetweenTwoThatClaimThePod) {
  Store fleet(clock_);
  for (const char* node : {"node-a", "node-b"}) {
    auto report = std::make_shared<model::NodeReport>(*report_);
    report->node = node;
    const auto gpu = static_cast<size_t>(node[5] - 'a');
    report->pods[0].devices = {{.gpu = gpu}};
    fleet.Put(node, fleet.Connect(node, ""), report);
  }
  kube::Workload workload;
  workload.object = std::make_shared<model::ScaledObject>();
  for (const char* node : {"node-a", "node-b"}) {
    pod_.node = node;
    workload.pods = {std::make_shared<const model::Pod>(pod_)};
    const auto view = ViewWorkload(workload, fleet, kube_, clock_.Now());
    ASSERT_THAT(view.pods, SizeIs(1));
    ASSERT_THAT(view.pods[0].gpus, SizeIs(1)) << view.pods[0].why;
    EXPECT_EQ(view.pods[0].gpus[0].gpu, node[5] - 'a');
  }
}

TEST_F(ViewTest, APodThatHoldsNoGpu) {
  report_->pods.clear();
  ExpectUnknown(Unattributed::kNoDevice,
                AllOf(HasSubstr("node node-a"), HasSubstr("pod default/a")));
  List(clock_.Now(), kStartedSeconds * 1000);
  pod_.seen_started.reset();
  ExpectUnknown(Unattributed::kListedBeforeStart, HasSubstr("pod default/a"));
}

// The kubelet's last answer left the pod out: what is kept of it is from before.
TEST_F(ViewTest, TheListingThatNamedThePodCounts) {
  pod_.seen_started.reset();
  report_->pods[0].listed.unix_ms = kStartedSeconds * 1000;
  ExpectUnknown(Unattributed::kListedBeforeStart, HasSubstr("pod default/a"));
}

TEST_F(ViewTest, OneUnknownDeviceMakesThePodUnknown) {
  Hold({{.gpu = 0}, {.problem = "GPU-9::2: no such GPU"}});
  ExpectUnknown(Unattributed::kUnknownDevice,
                AllOf(HasSubstr("pod default/a"), HasSubstr("node node-a"), HasSubstr("GPU-9::2")));
  Hold({{.gpu = 3}});
  ExpectUnknown(Unattributed::kUnknownDevice, HasSubstr("no GPU"));
}

TEST_F(ViewTest, ADeviceOfDraIsByItsSliceFirst) {
  Hold({{.gpu = 0, .dra = kDra}});
  EXPECT_THAT(Gpus(), ElementsAre(0)) << "by its name while there is no slice";
  kube_.PutSlice("slice", {{kDra, UuidOf(2)}});
  EXPECT_THAT(Gpus(), ElementsAre(2));
  Hold({{.problem = "gpu.nvidia.com/node-a/gpu-0: no such GPU", .dra = kDra}});
  EXPECT_THAT(Gpus(), ElementsAre(2)) << "whatever its name means";
  kube_.RemoveSlice("slice");
  ExpectUnknown(Unattributed::kUnknownDevice, HasSubstr("gpu.nvidia.com/node-a/gpu-0"));
  Hold({{.dra = kDra}});
  ExpectUnknown(Unattributed::kUnknownDevice, HasSubstr("gpu.nvidia.com/node-a/gpu-0"));
}

TEST_F(ViewTest, ASliceThatNamesAGpuWhichTheNodeDoesNotReport) {
  kube_.PutSlice("slice", {{kDra, "GPU-elsewhere"}});
  Hold({{.gpu = 0, .dra = kDra}});
  ExpectUnknown(Unattributed::kUnknownDevice,
                AllOf(HasSubstr("gpu.nvidia.com/node-a/gpu-0"), HasSubstr("GPU-elsewhere")));
}

TEST_F(ViewTest, EachGpuIsOnceHoweverItIsHeld) {
  kube_.PutSlice("slice", {{kDra, UuidOf(1)}});
  Hold({{.gpu = 0, .dra = kDra, .all_shares = 2}, {.gpu = 1, .all_shares = 3}});
  EXPECT_THAT(Gpus(), ElementsAre(1));
  EXPECT_EQ(View().gpus[0].shares, 2);
  EXPECT_EQ(View().gpus[0].all_shares, 3);
}

// A kubelet before 1.34 goes on listing pods that have ended.
TEST_F(ViewTest, SharesOfPodsThatHaveEndedAreNotInUse) {
  Hold({{.gpu = 1, .all_shares = 3}});
  report_->pods.push_back({{"default", "b"}, report_->listed, {{.gpu = 1, .all_shares = 3}}});
  report_->pods.push_back({{"default", "c"}, report_->listed, {{.gpu = 1, .all_shares = 3}}});
  EXPECT_EQ(View().gpus[0].all_shares, 3);
  model::Pod ended;
  ended.name = {"default", "b"};
  ended.uid = "b";
  ended.phase = model::PodPhase::kSucceeded;
  kube_.PutPod(ended);
  EXPECT_EQ(View().gpus[0].all_shares, 2);
  ended.phase = model::PodPhase::kRunning;
  kube_.PutPod(ended);
  EXPECT_EQ(View().gpus[0].all_shares, 3);
}

TEST_F(ViewTest, ADeviceWhoseSlicesDifferIsUnknownWhateverItsNameMeans) {
  Hold({{.gpu = 0, .dra = kDra}});
  kube_.PutSlice("one", {{kDra, UuidOf(1)}});
  kube_.PutSlice("two", {{kDra, UuidOf(2)}});
  ExpectUnknown(Unattributed::kUnknownDevice, HasSubstr("differ"));
  kube_.RemoveSlice("two");
  EXPECT_THAT(Gpus(), ElementsAre(1));
  kube_.SetSlicesProblem("ResourceSlices have not been listed yet");
  ExpectUnknown(Unattributed::kUnknownDevice, HasSubstr("not been listed yet"));
}

TEST_F(ViewTest, AWorkloadIsViewedWhole) {
  Store fleet(clock_);
  fleet.Put("node-a", fleet.Connect("node-a", ""), report_);
  kube::Workload workload;
  workload.object = std::make_shared<model::ScaledObject>();
  workload.target = std::make_shared<model::ScaleTarget>();
  workload.problem = "apps/v1 Deployment web: not found";
  workload.pods = {std::make_shared<const model::Pod>(pod_)};
  pod_.name.name = "b";
  pod_.node.clear();
  workload.pods.push_back(std::make_shared<const model::Pod>(pod_));
  pod_.node = "node-z";
  workload.pods.push_back(std::make_shared<const model::Pod>(pod_));
  const auto view = ViewWorkload(workload, fleet, kube_, clock_.Now());
  EXPECT_EQ(view.object, workload.object);
  EXPECT_EQ(view.target, workload.target);
  EXPECT_EQ(view.problem, workload.problem);
  ASSERT_THAT(view.pods, SizeIs(3));
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(view.pods[i].pod, workload.pods[i]);
  EXPECT_EQ(view.pods[0].unattributed, Unattributed::kNone);
  EXPECT_EQ(view.pods[1].unattributed, Unattributed::kNotScheduled);
  EXPECT_EQ(view.pods[2].unattributed, Unattributed::kNoAgent);
}

}  // namespace
}  // namespace kgs::fleet
