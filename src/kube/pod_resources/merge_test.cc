// SPDX-License-Identifier: Apache-2.0
#include "kube/pod_resources/merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace kgs::kube {
namespace {

using model::DraDevice;
using model::PluginDevice;
using model::PodAllocation;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// \p ms after the first moment of these tests, on both clocks.
model::ListingTime At(int ms) {
  return {base::SteadyTime(std::chrono::hours(5)) + std::chrono::milliseconds(ms),
          1'700'000'000'000 + ms};
}

PodAllocation Holding(const std::string& name, std::vector<std::string> ids) {
  PodAllocation allocation;
  allocation.pod = {"ml", name};
  for (std::string& id : ids) {
    allocation.plugin_devices.push_back({"nvidia.com/gpu", std::move(id)});
  }
  return allocation;
}

/// "name@ms: id id" of each pod, ms being its listed time.
std::vector<std::string> Texts(const model::PodListing& listing) {
  std::vector<std::string> texts;
  for (const PodAllocation& pod : listing.pods) {
    EXPECT_EQ(pod.listed.unix_ms - At(0).unix_ms,
              (pod.listed.steady - At(0).steady) / std::chrono::milliseconds(1));
    std::string text =
        pod.pod.name + "@" + std::to_string(pod.listed.unix_ms - At(0).unix_ms) + ":";
    for (const PluginDevice& device : pod.plugin_devices) text += " " + device.id;
    for (const DraDevice& device : pod.dra_devices) text += " " + device.Text();
    texts.push_back(text);
  }
  return texts;
}

TEST(MergeTest, AFirstAnswerIsTakenByNameAndWithTheTimeOfAsking) {
  const MergedListing merged = Merge({}, {Holding("b", {"B"}), Holding("a", {"A"})}, At(0));
  EXPECT_THAT(Texts(merged.listing), ElementsAre("a@0: A", "b@0: B"));
  EXPECT_EQ(merged.listing.listed.unix_ms, At(0).unix_ms);
  EXPECT_EQ(merged.listing.listed.steady, At(0).steady);
  EXPECT_THAT(merged.missed_since, IsEmpty());
}

TEST(MergeTest, EachDeviceOnceAndAResourceOfTwoNumaNodesAsOne) {
  PodAllocation pod = Holding("a", {"B", "A", "B", "C"});
  pod.plugin_devices.push_back({"example.com/nic", "A"});
  pod.dra_devices = {{"gpu.nvidia.com", "n", "gpu-1"},
                     {"gpu.nvidia.com", "n", "gpu-0"},
                     {"gpu.nvidia.com", "n", "gpu-1"}};
  const MergedListing merged = Merge({}, {pod}, At(0));
  ASSERT_EQ(merged.listing.pods.size(), 1u);
  EXPECT_THAT(merged.listing.pods[0].plugin_devices,
              ElementsAre(PluginDevice{"example.com/nic", "A"}, PluginDevice{"nvidia.com/gpu", "A"},
                          PluginDevice{"nvidia.com/gpu", "B"}, PluginDevice{"nvidia.com/gpu", "C"}))
      << "an id of another resource is another device";
  EXPECT_THAT(merged.listing.pods[0].dra_devices,
              ElementsAre(DraDevice{"gpu.nvidia.com", "n", "gpu-0"},
                          DraDevice{"gpu.nvidia.com", "n", "gpu-1"}));
}

TEST(MergeTest, OfANameThatStandsTwiceItCannotBeToldWhichIsWhich) {
  const MergedListing merged =
      Merge({}, {Holding("a", {"A"}), Holding("a", {"B"}), Holding("b", {"C"})}, At(0));
  EXPECT_THAT(Texts(merged.listing), ElementsAre("a@0: A B", "b@0: C"));
  EXPECT_TRUE(merged.listing.pods[0].ambiguous);
  EXPECT_FALSE(merged.listing.pods[1].ambiguous);
  const MergedListing after = Merge(merged, {Holding("a", {"B"})}, At(5000));
  EXPECT_FALSE(after.listing.pods[0].ambiguous) << "the earlier pod is gone";
}

TEST(MergeTest, ANameThatStandsTwiceWithTheSameDevicesIsNoTrouble) {
  const MergedListing merged =
      Merge({}, {Holding("a", {"A", "B"}), Holding("a", {"B", "A", "B"}), Holding("a", {})}, At(0));
  EXPECT_THAT(Texts(merged.listing), ElementsAre("a@0: A B"));
  EXPECT_FALSE(merged.listing.pods[0].ambiguous);
}

TEST(MergeTest, TheSameNameInAnotherNamespaceIsAnotherPod) {
  PodAllocation other = Holding("a", {"B"});
  other.pod.pod_namespace = "web";
  const MergedListing merged = Merge({}, {other, Holding("a", {"A"})}, At(0));
  EXPECT_THAT(Texts(merged.listing), ElementsAre("a@0: A", "a@0: B"));
}

TEST(MergeTest, PodsWithoutADeviceAreLeftOut) {
  const MergedListing merged = Merge({}, {Holding("a", {}), Holding("b", {"B"})}, At(0));
  EXPECT_THAT(Texts(merged.listing), ElementsAre("b@0: B"));
}

TEST(MergeTest, ANewAnswerReplacesAPodWhole) {
  const MergedListing first = Merge({}, {Holding("a", {"A", "B"})}, At(0));
  const MergedListing second = Merge(first, {Holding("a", {"C"})}, At(10));
  EXPECT_THAT(Texts(second.listing), ElementsAre("a@10: C"));
}

TEST(MergeTest, APodThatOneAnswerLeavesOutStaysWithItsEarlierTime) {
  const MergedListing first = Merge({}, {Holding("a", {"A"}), Holding("b", {"B"})}, At(0));
  const MergedListing second = Merge(first, {Holding("b", {"B"})}, At(5000));
  EXPECT_THAT(Texts(second.listing), ElementsAre("a@0: A", "b@5000: B"));
  EXPECT_EQ(second.listing.listed.unix_ms, At(5000).unix_ms);
}

TEST(MergeTest, ItGoesWithASecondAnswerOfASecondLater) {
  const MergedListing first = Merge({}, {Holding("a", {"A"})}, At(0));
  const MergedListing second = Merge(first, {}, At(5000));
  const MergedListing early = Merge(second, {}, At(5999));
  EXPECT_THAT(Texts(early.listing), ElementsAre("a@0: A")) << "too soon after the first";
  const MergedListing third = Merge(early, {}, At(6000));
  EXPECT_THAT(third.listing.pods, IsEmpty());
  EXPECT_THAT(third.missed_since, IsEmpty());
}

TEST(MergeTest, OneThatIsNamedAgainNeedsTwoMissesAnew) {
  MergedListing state = Merge({}, {Holding("a", {"A"})}, At(0));
  state = Merge(state, {}, At(5000));
  state = Merge(state, {Holding("a", {"A"})}, At(10000));
  EXPECT_THAT(state.missed_since, IsEmpty());
  state = Merge(state, {}, At(15000));
  EXPECT_THAT(Texts(state.listing), ElementsAre("a@10000: A"));
}

TEST(MergeTest, APodNamedWithoutDevicesIsMissingLikeOneThatIsNotNamed) {
  MergedListing state = Merge({}, {Holding("a", {"A"})}, At(0));
  state = Merge(state, {Holding("a", {})}, At(5000));
  EXPECT_THAT(Texts(state.listing), ElementsAre("a@0: A")) << "the kubelet is starting";
  state = Merge(state, {}, At(6000));
  EXPECT_THAT(state.listing.pods, IsEmpty());
}

TEST(MergeTest, EachPodHasItsOwnMisses) {
  MergedListing state = Merge({}, {Holding("a", {"A"}), Holding("b", {"B"})}, At(0));
  state = Merge(state, {Holding("b", {"B"})}, At(1000));
  state = Merge(state, {}, At(2000));
  EXPECT_THAT(Texts(state.listing), ElementsAre("b@1000: B"));
  state = Merge(state, {}, At(3000));
  EXPECT_THAT(state.listing.pods, IsEmpty());
}

}  // namespace
}  // namespace kgs::kube
