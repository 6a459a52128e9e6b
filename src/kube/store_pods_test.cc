// SPDX-License-Identifier: Apache-2.0
//
// What the store knows of pods beyond whose they are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/store_test_fixture.h"

namespace kgs::kube {
namespace {

using testing::Deployment;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::ObjectOf;
using testing::PodOf;
using testing::Share;
using testing::TargetOf;

constexpr base::Duration kMinute = std::chrono::minutes(1);

class StorePodsTest : public StoreTest {};

TEST_F(StorePodsTest, FollowsPodsAsTheyChangeAndGo) {
  PutWeb();
  store_.PutPod(PodOf("web-a", {{"app", "web"}}));
  store_.PutPod(PodOf("web-b", {{"app", "db"}}));
  EXPECT_THAT(PodsOf("web"), ElementsAre("web-a"));
  store_.PutPod(PodOf("web-a", {{"app", "db"}}));
  store_.PutPod(PodOf("web-b", {{"app", "web"}}));
  EXPECT_THAT(PodsOf("web"), ElementsAre("web-b"));
  store_.RemovePod({"team", "web-b"}, "1");
  EXPECT_THAT(PodsOf("web"), IsEmpty());
  EXPECT_EQ(store_.Counts().pods, 1u);
}

TEST_F(StorePodsTest, AnnouncesWhatIsNewOrChangedInAWorkload) {
  PutWeb();
  model::Pod pod = PodOf("web-a", {{"app", "web"}});
  store_.PutPod(PodOf("db-0", {{"app", "db"}}));
  EXPECT_THAT(Announced(), IsEmpty());
  store_.PutPod(pod);
  EXPECT_THAT(Announced(), ElementsAre("web-a"));
  clock_.Advance(kMinute);
  store_.PutPod(pod);
  EXPECT_THAT(Announced(), IsEmpty());
  for (int i = 0; i < 9; ++i) {
    switch (i) {
      case 0:
        pod.node = "node-a";
        break;
      case 1:
        pod.ready = true;
        break;
      case 2:
        pod.ready_changed_unix_seconds = 5;
        break;
      case 3:
        pod.phase = model::PodPhase::kFailed;
        break;
      case 4:
        pod.terminating = true;
        break;
      case 5:
        pod.started_unix_seconds = 7;
        break;
      case 6:
        pod.group_size = 2;
        break;
      case 7:
        pod.labels.emplace_back("zone", "a");
        break;
      case 8:
        pod.uid = "2";
        break;
    }
    store_.PutPod(pod);
    EXPECT_THAT(Announced(), ElementsAre("web-a")) << i;
  }
  store_.PutPod(PodOf("web-a", {{"app", "db"}}));
  EXPECT_THAT(Announced(), IsEmpty());
  // New there by the object's doing.
  store_.PutObject(Share(ObjectOf("db", Deployment("db"))));
  store_.PutTarget(TargetOf(Deployment("db"), "app=db"));
  EXPECT_THAT(Announced(), ::testing::UnorderedElementsAre("db-0", "web-a"));
}

TEST_F(StorePodsTest, KeepsAPodThatAnotherUidIsRemovedOf) {
  PutWeb();
  store_.PutPod(PodOf("web-a", {{"app", "web"}}, "new"));
  store_.RemovePod({"team", "web-a"}, "old");
  store_.RemovePod({"team", "web-b"}, "new");
  store_.RemovePod({"other", "web-a"}, "new");
  EXPECT_THAT(PodsOf("web"), ElementsAre("web-a"));
  store_.RemovePod({"team", "web-a"}, "new");
  EXPECT_THAT(PodsOf("web"), IsEmpty());
}

TEST_F(StorePodsTest, RetainsTheNamedPodsOfANamespaceOnly) {
  PutWeb();
  for (const char* name : {"a", "b", "c"}) store_.PutPod(PodOf(name, {{"app", "web"}}));
  model::Pod elsewhere = PodOf("x", {});
  elsewhere.name.pod_namespace = "other";
  store_.PutPod(elsewhere);
  store_.RetainPods("team", {"b", "unknown"});
  EXPECT_THAT(PodsOf("web"), ElementsAre("b"));
  EXPECT_EQ(store_.Counts().pods, 2u);
  store_.RetainPods("team", {});
  store_.RetainPods("unknown", {});
  EXPECT_THAT(PodsOf("web"), IsEmpty());
  EXPECT_EQ(store_.Counts().pods, 1u);
}

TEST_F(StorePodsTest, RemembersWhenAPodWasFirstSeenStarted) {
  PutWeb();
  model::Pod pod = PodOf("web-a", {{"app", "web"}});
  pod.started_unix_seconds.reset();
  store_.PutPod(pod);
  EXPECT_EQ(Find("web").pods.at(0)->seen_started, std::nullopt);
  clock_.Advance(kMinute);
  const base::SteadyTime started = clock_.Now();
  pod.started_unix_seconds = 5;
  store_.PutPod(pod);
  EXPECT_EQ(Find("web").pods.at(0)->seen_started, started);
  clock_.Advance(kMinute);
  pod.ready = true;
  // What the caller says of it does not count.
  pod.seen_started = clock_.Now();
  pod.seen_replacing = clock_.Now();
  store_.PutPod(pod);
  EXPECT_EQ(Find("web").pods.at(0)->seen_started, started);
  EXPECT_EQ(Find("web").pods.at(0)->seen_replacing, std::nullopt);
}

TEST_F(StorePodsTest, KnowsAPodThatTakesTheNameOfAnother) {
  PutWeb();
  store_.PutPod(PodOf("web-0", {{"app", "web"}}, "first"));
  clock_.Advance(kMinute);
  const base::SteadyTime replaced = clock_.Now();
  store_.PutPod(PodOf("web-0", {{"app", "web"}}, "second"));
  EXPECT_EQ(Find("web").pods.at(0)->seen_replacing, replaced);
  EXPECT_EQ(Find("web").pods.at(0)->seen_started, replaced);
  clock_.Advance(kMinute);
  model::Pod ready = PodOf("web-0", {{"app", "web"}}, "second");
  ready.ready = true;
  store_.PutPod(ready);
  EXPECT_EQ(Find("web").pods.at(0)->seen_replacing, replaced);
  EXPECT_EQ(Find("web").pods.at(0)->seen_started, replaced);
}

TEST_F(StorePodsTest, RemembersPodsThatAreGoneForTenMinutes) {
  PutWeb();
  const auto come_back_after = [&](base::Duration wait, const std::string& uid) {
    store_.PutPod(PodOf("web-0", {{"app", "web"}}, "first"));
    store_.RemovePod({"team", "web-0"}, "first");
    clock_.Advance(wait);
    store_.PutPod(PodOf("web-0", {{"app", "web"}}, uid));
    model::Pod pod = *Find("web").pods.at(0);
    store_.RetainPods("team", {});
    clock_.Advance(std::chrono::hours(1));
    return pod;
  };
  const base::SteadyTime begin = clock_.Now();
  const model::Pod soon = come_back_after(kMinute * 10, "second");
  EXPECT_EQ(soon.seen_replacing, begin + kMinute * 10);
  const model::Pod late = come_back_after(kMinute * 11, "second");
  EXPECT_EQ(late.seen_replacing, std::nullopt);
  const base::SteadyTime third = clock_.Now();
  const model::Pod same = come_back_after(kMinute, "first");
  EXPECT_EQ(same.seen_replacing, std::nullopt);
  EXPECT_EQ(same.seen_started, third);
}

TEST_F(StorePodsTest, KnowsWhichPodsHaveEnded) {
  EXPECT_FALSE(store_.HasEnded({"elsewhere", "a"})) << "of what is not watched nothing is known";
  model::Pod pod = PodOf("a", {{"app", "web"}});
  store_.PutPod(pod);
  EXPECT_FALSE(store_.HasEnded(pod.name));
  pod.phase = model::PodPhase::kSucceeded;
  store_.PutPod(pod);
  EXPECT_TRUE(store_.HasEnded(pod.name));
  store_.PutPod(PodOf("b", {{"app", "web"}}));
  store_.RemovePod(pod.name, pod.uid);
  EXPECT_TRUE(store_.HasEnded(pod.name)) << "it was deleted";
  EXPECT_FALSE(store_.HasEnded({pod.name.pod_namespace, "c"})) << "it may be too new to be known";
}

TEST_F(StorePodsTest, KnowsWhoseAnAddressIs) {
  EXPECT_EQ(store_.NamespaceOfAddress("10.0.0.1"), std::nullopt);
  model::Pod pod = PodOf("a", {{"app", "web"}});
  store_.PutPod(pod);
  EXPECT_EQ(store_.NamespaceOfAddress(""), std::nullopt) << "it has none yet";
  pod.ip = "10.0.0.1";
  store_.PutPod(pod);
  store_.PutPod(pod);
  EXPECT_EQ(store_.NamespaceOfAddress("10.0.0.1"), "team");
  pod.ip = "10.0.0.2";
  store_.PutPod(pod);
  EXPECT_EQ(store_.NamespaceOfAddress("10.0.0.1"), std::nullopt);
  EXPECT_EQ(store_.NamespaceOfAddress("10.0.0.2"), "team");
  model::Pod other = pod;
  other.name.pod_namespace = "other";
  store_.PutPod(other);
  EXPECT_EQ(store_.NamespaceOfAddress("10.0.0.2"), "") << "their node's";
  store_.RemovePod(pod.name, "not its uid");
  EXPECT_EQ(store_.NamespaceOfAddress("10.0.0.2"), "");
  store_.RemovePod(pod.name, pod.uid);
  EXPECT_EQ(store_.NamespaceOfAddress("10.0.0.2"), "other");
  store_.RetainPods("other", {});
  EXPECT_EQ(store_.NamespaceOfAddress("10.0.0.2"), std::nullopt);
}

TEST_F(StorePodsTest, AnAddressIsNoLongerThatOfAPodThatHasEnded) {
  for (const model::PodPhase phase : {model::PodPhase::kSucceeded, model::PodPhase::kFailed}) {
    model::Pod pod = PodOf("a", {{"app", "web"}});
    pod.ip = "10.0.0.1";
    store_.PutPod(pod);
    EXPECT_EQ(store_.NamespaceOfAddress("10.0.0.1"), "team");
    pod.phase = phase;
    store_.PutPod(pod);
    EXPECT_EQ(store_.NamespaceOfAddress("10.0.0.1"), std::nullopt);
    model::Pod next = PodOf("next", {{"app", "web"}});
    next.name.pod_namespace = "other";
    next.ip = "10.0.0.1";
    store_.PutPod(next);
    store_.RemovePod(pod.name, pod.uid);
    EXPECT_EQ(store_.NamespaceOfAddress("10.0.0.1"), "other");
    store_.RemovePod(next.name, next.uid);
  }
}

}  // namespace
}  // namespace kgs::kube
