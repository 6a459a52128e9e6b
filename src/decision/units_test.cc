// SPDX-License-Identifier: Apache-2.0
#include "decision/units.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/workloads.h"

namespace kgs::decision {
namespace {

using testing::ChangePod;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MakePod;
using testing::MakeWorkload;

constexpr base::SteadyTime kNow{};

model::PodView InGroup(const std::string& pod, const std::string& group, int size) {
  return ChangePod(MakePod(pod, {1}, kNow), [&](model::Pod& changed) {
    changed.labels = {{"leaderworkerset.sigs.k8s.io/group-index", group},
                      {"leaderworkerset.sigs.k8s.io/name", "llama"}};
    changed.group_size = size;
  });
}

model::PodView Labelled(const std::string& pod, const std::string& value) {
  return ChangePod(MakePod(pod, {1}, kNow),
                   [&](model::Pod& changed) { changed.labels = {{"replica", value}}; });
}

std::vector<std::string> NamesOf(const std::vector<Unit>& units) {
  std::vector<std::string> names;
  for (const Unit& unit : units) names.push_back(unit.name);
  return names;
}

TEST(UnitsTest, EachPodIsOne) {
  auto view = MakeWorkload(2);
  view.pods = {MakePod("web-0", {1}, kNow), MakePod("web-1", {1}, kNow)};
  EXPECT_THAT(NamesOf(UnitsOf(view, "")), ElementsAre("pod default/web-0", "pod default/web-1"));
}

TEST(UnitsTest, PodsThatHaveEndedOrAreTerminatingDoNotCount) {
  auto view = MakeWorkload(1);
  view.pods = {
      ChangePod(MakePod("a", {1}, kNow), [](auto& pod) { pod.terminating = true; }),
      ChangePod(MakePod("b", {1}, kNow), [](auto& pod) { pod.phase = model::PodPhase::kFailed; }),
      ChangePod(MakePod("c", {1}, kNow),
                [](auto& pod) { pod.phase = model::PodPhase::kSucceeded; }),
      ChangePod(MakePod("d", {1}, kNow), [](auto& pod) { pod.phase = model::PodPhase::kPending; })};
  EXPECT_THAT(NamesOf(UnitsOf(view, "")), ElementsAre("pod default/d"));
}

TEST(UnitsTest, PodsOfALeaderWorkerSetGroupAreOneReplica) {
  auto view = MakeWorkload(2);
  view.pods = {InGroup("llama-0", "0", 2), InGroup("llama-0-1", "0", 2), InGroup("llama-1", "1", 2),
               InGroup("llama-1-1", "1", 2)};
  const auto units = UnitsOf(view, "");
  ASSERT_THAT(NamesOf(units), ElementsAre("group 0 of default/llama", "group 1 of default/llama"));
  for (const Unit& unit : units) {
    EXPECT_EQ(unit.pods.size(), 2u);
    EXPECT_EQ(unit.problem, "");
  }
}

TEST(UnitsTest, AGroupIsCountedAgainstItsSize) {
  auto view = MakeWorkload(2);
  view.pods = {InGroup("llama-0", "0", 3), InGroup("llama-1", "1", 1),
               InGroup("llama-1-1", "1", 1)};
  const auto units = UnitsOf(view, "");
  ASSERT_EQ(units.size(), 2u);
  EXPECT_EQ(units[0].problem, "2 of its 3 pods are not there");
  EXPECT_EQ(units[1].problem, "it has more pods than its size of 1");
}

TEST(UnitsTest, TheReplicaLabelGroupsPods) {
  auto view = MakeWorkload(2);
  view.pods = {Labelled("a", "x"), Labelled("b", "y"), Labelled("c", "x"), MakePod("d", {1}, kNow)};
  const auto units = UnitsOf(view, "replica");
  ASSERT_THAT(NamesOf(units),
              ElementsAre("pod default/d", "replica x in default", "replica y in default"));
  EXPECT_THAT(units[0].problem, HasSubstr("lacks the label"));
  EXPECT_EQ(units[1].pods.size(), 2u);
  EXPECT_EQ(units[1].problem, "");
}

}  // namespace
}  // namespace kgs::decision
