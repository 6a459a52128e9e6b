// SPDX-License-Identifier: Apache-2.0
#include "kube/cluster.h"

#include <gmock/gmock.h>

#include "kube/cluster_test_fixture.h"

namespace kgs::kube::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr base::Duration kSecond = std::chrono::seconds(1);

TEST_F(ClusterTest, ListsObjectsAndNothingElse) {
  Start();
  EXPECT_THAT(transport_.OpenPaths(), ElementsAre(StartsWith(kObjects), StartsWith(kJobs)));
  EXPECT_EQ(cluster_->Problem(), "ScaledObjects: not listed yet");
  EXPECT_FALSE(cluster_->Synced());
  AnswerList(kObjects, {});
  Settle();
  EXPECT_EQ(cluster_->Problem(), "") << "there is something to answer from";
  EXPECT_EQ(cluster_->ProblemOf(model::ObjectKind::kScaledObject, "team"), "");
  EXPECT_EQ(cluster_->ProblemOf(model::ObjectKind::kScaledJob, "team"),
            "ScaledJobs: not listed yet");
  EXPECT_FALSE(cluster_->Synced());
  AnswerList(kJobs, {});
  Settle();
  EXPECT_EQ(cluster_->Problem(), "");
  EXPECT_TRUE(cluster_->Synced());
  EXPECT_TRUE(Watching(kObjects) && Watching(kJobs));
  EXPECT_EQ(transport_.OpenPaths().size(), 2u);
}

TEST_F(ClusterTest, KeepsToTheGivenNamespaces) {
  ClusterOptions options;
  options.namespaces = {"b", "a", "b"};
  Start(options);
  EXPECT_THAT(transport_.OpenPaths(),
              ElementsAre("/apis/keda.sh/v1alpha1/namespaces/a/scaledobjects?limit=500",
                          "/apis/keda.sh/v1alpha1/namespaces/a/scaledjobs?limit=500",
                          "/apis/keda.sh/v1alpha1/namespaces/b/scaledobjects?limit=500",
                          "/apis/keda.sh/v1alpha1/namespaces/b/scaledjobs?limit=500"));
}

TEST_F(ClusterTest, WatchesWhatAnObjectNeeds) {
  Start();
  AnswerList(kObjects, {ObjectJson("web")});
  // Before anything is asked for, nothing is answered.
  EXPECT_EQ(ProblemOf("web"), "pods in team: not listed yet");
  AnswerList(kJobs, {});
  Settle();
  EXPECT_TRUE(Listing(kPods) && Listing(kDeployments) && Asked(kSlices) && Listing(kServices));
  EXPECT_FALSE(cluster_->Synced());
  AnswerList(kPods, {PodJson("web-a", {{"app", "web"}}), PodJson("db-0", {{"app", "db"}})});
  Settle();
  EXPECT_EQ(ProblemOf("web"), "deployments in team: not listed yet");
  AnswerList(kDeployments, {DeploymentJson("web", 3), DeploymentJson("db")});
  Settle();
  EXPECT_EQ(ProblemOf("web"), "");
  EXPECT_EQ(Find("web")->target->replicas, 3);
  EXPECT_THAT(PodsOf("web"), ElementsAre("web-a"));
  EXPECT_FALSE(cluster_->Synced());
  Answer(kSlices, 404, "404 page not found");
  Settle();
  EXPECT_FALSE(cluster_->Synced());
  AnswerList(kServices, {});
  Settle();
  EXPECT_TRUE(cluster_->Synced());
  EXPECT_GT(objects_calls_, 0);
}

TEST_F(ClusterTest, StartsNothingForObjectsOfOthers) {
  json other = ObjectJson("web");
  other["spec"]["triggers"][0]["metadata"]["scalerAddress"] = "other:6000";
  StartWith({other});
  EXPECT_EQ(transport_.OpenPaths().size(), 2u);
  EXPECT_EQ(ProblemOf("web"), "no such object");
  EXPECT_TRUE(cluster_->Synced());
}

TEST_F(ClusterTest, SharesWatchesAmongObjects) {
  StartWithWeb();
  const size_t requests = transport_.requests();
  Event(kDeployments, "ADDED", DeploymentJson("db", 2));
  Event(kObjects, "ADDED", ObjectJson("db"));
  Event(kObjects, "ADDED", ObjectJson("lost"));
  EXPECT_EQ(transport_.requests(), requests);
  EXPECT_EQ(ProblemOf("db"), "");
  EXPECT_EQ(Find("db")->target->replicas, 2);
  EXPECT_EQ(ProblemOf("lost"), "apps/v1 Deployment lost: not found");
  Event(kDeployments, "ADDED", DeploymentJson("lost"));
  EXPECT_EQ(ProblemOf("lost"), "");
  Event(kDeployments, "DELETED", DeploymentJson("db"));
  EXPECT_EQ(ProblemOf("db"), "apps/v1 Deployment db: not found");
  EXPECT_EQ(ProblemOf("web"), "");
}

TEST_F(ClusterTest, FindsTheTargetOfAnObjectThatComesBackAtOnce) {
  StartWithWeb();
  const size_t watch = transport_.Find(std::string(kObjects) + "?watch=");
  for (const char* type : {"DELETED", "ADDED"}) {
    transport_.Data(watch, json({{"type", type}, {"object", ObjectJson("web")}}).dump() + "\n");
  }
  Settle();
  EXPECT_EQ(ProblemOf("web"), "");
  EXPECT_THAT(PodsOf("web"), ElementsAre("web-a"));
}

TEST_F(ClusterTest, FollowsPodsAndTargets) {
  StartWithWeb();
  Event(kPods, "ADDED", PodJson("web-b", {{"app", "web"}}));
  Event(kPods, "DELETED", PodJson("web-a", {{"app", "web"}}));
  Event(kDeployments, "MODIFIED", DeploymentJson("web", 8));
  EXPECT_THAT(PodsOf("web"), ElementsAre("web-b"));
  EXPECT_EQ(Find("web")->target->replicas, 8);
}

TEST_F(ClusterTest, EndsWatchesWithTheLastObject) {
  StartWithWeb();
  Event(kObjects, "ADDED", ObjectJson("db"));
  Event(kObjects, "DELETED", ObjectJson("web"));
  EXPECT_TRUE(Watching(kPods) && Watching(kDeployments));
  json other = ObjectJson("db");
  other["spec"]["triggers"][0]["type"] = "cpu";
  Event(kObjects, "MODIFIED", other);
  EXPECT_EQ(transport_.OpenPaths().size(), 2u);
  const StoreCounts counts = store_.Counts();
  EXPECT_EQ(counts.pods, 0u);
  EXPECT_EQ(counts.scaled_objects, 0u);
  // And begins them anew.
  Event(kObjects, "ADDED", ObjectJson("web"));
  EXPECT_TRUE(Listing(kPods) && Listing(kDeployments));
  EXPECT_EQ(ProblemOf("web"), "pods in team: not listed yet");
  EXPECT_TRUE(cluster_->Synced());
}

TEST_F(ClusterTest, KnowsWhoseAnAddressIs) {
  Start();
  EXPECT_EQ(OwnerOf("10.96.0.1"), "Services: not listed yet");
  AnswerList(kObjects, {ObjectJson("web")});
  AnswerList(kJobs, {});
  Settle();
  EXPECT_EQ(OwnerOf("10.96.0.1"), "Services: not listed yet");
  json broken = ServiceJson("other", "broken", "10.96.0.9");
  broken["spec"]["clusterIPs"] = "10.96.0.9";
  AnswerList(kServices, {ServiceJson("team", "web", "10.96.0.1"),
                         ServiceJson("other", "db", "10.96.0.2"), broken});
  json pod = PodJson("web-a", {{"app", "web"}});
  pod["status"]["podIP"] = "10.1.0.1";
  json on_node = PodJson("web-b", {{"app", "web"}});
  on_node["status"]["podIP"] = "192.0.2.1";
  AnswerList(kPods, {pod, on_node});
  Settle();
  EXPECT_EQ(OwnerOf("10.96.0.1"), "team");
  EXPECT_EQ(OwnerOf("10.96.0.2"), "other");
  EXPECT_EQ(OwnerOf("10.1.0.1"), "team");
  EXPECT_EQ(OwnerOf("10.96.0.3"), "nobody's");
  Event(kServices, "MODIFIED", ServiceJson("other", "db", "192.0.2.1"));
  EXPECT_EQ(OwnerOf("10.96.0.2"), "nobody's");
  EXPECT_EQ(OwnerOf("192.0.2.1"), "") << "a pod's and another namespace's Service's";
  Event(kServices, "DELETED", ServiceJson("other", "db", "192.0.2.1"));
  EXPECT_EQ(OwnerOf("192.0.2.1"), "team");
  Answer(std::string(kServices) + "?watch=", 410, "{}");
  AnswerList(kServices, {ServiceJson("other", "cache", "10.96.0.4")});
  Settle();
  EXPECT_EQ(OwnerOf("10.96.0.1"), "nobody's") << "the list no longer names it";
  EXPECT_EQ(OwnerOf("10.96.0.4"), "other");
  Event(kObjects, "DELETED", ObjectJson("web"));
  EXPECT_EQ(OwnerOf("10.96.0.4"), "Services: not listed yet");
  EXPECT_FALSE(Asked(kServices));
}

TEST_F(ClusterTest, EndsTheWatchOfAKindThatNobodyScales) {
  StartWithWeb();
  Event(kObjects, "MODIFIED", ObjectJson("web", {{"name", "web"}, {"kind", "StatefulSet"}}));
  EXPECT_FALSE(Watching(kDeployments));
  EXPECT_EQ(ProblemOf("web"), "statefulsets in team: not listed yet");
  AnswerList("/apis/apps/v1/namespaces/team/statefulsets", {});
  EXPECT_EQ(ProblemOf("web"), "apps/v1 StatefulSet web: not found");
}

TEST_F(ClusterTest, ForgetsWhatAListNoLongerNames) {
  StartWithWeb();
  Event(kObjects, "ADDED", ObjectJson("db"));
  for (const char* path : {kPods, kDeployments, kObjects}) {
    Answer(std::string(path) + "?watch=", 410, "{}");
  }
  AnswerList(kPods, {PodJson("web-c", {{"app", "web"}})});
  AnswerList(kDeployments, {DeploymentJson("web", 1)});
  AnswerList(kObjects, {ObjectJson("web")});
  Settle();
  EXPECT_THAT(PodsOf("web"), ElementsAre("web-c"));
  EXPECT_EQ(ProblemOf("db"), "no such object");
  EXPECT_EQ(store_.Counts().pods, 1u);
}

TEST_F(ClusterTest, LeavesOutAnObjectThatCannotBeRead) {
  json broken = ObjectJson("broken");
  broken["spec"]["pollingInterval"] = "often";
  StartWith({broken, ObjectJson("web")});
  EXPECT_EQ(ProblemOf("broken"), "no such object");
  EXPECT_EQ(ProblemOf("web"), "pods in team: not listed yet");
  Event(kObjects, "MODIFIED", ObjectJson("broken"));
  EXPECT_EQ(ProblemOf("broken"), "pods in team: not listed yet");
  Event(kObjects, "MODIFIED", broken);
  EXPECT_EQ(ProblemOf("broken"), "no such object");
}

TEST_F(ClusterTest, AnswersNothingFromPodsItCannotRead) {
  StartWithWeb();
  json broken = PodJson("web-b", {{"app", "web"}});
  broken["status"]["startTime"] = "soon";
  Event(kPods, "ADDED", broken);
  EXPECT_THAT(ProblemOf("web"), HasSubstr("pod team/web-b: status.startTime"));
  Event(kPods, "MODIFIED", PodJson("web-b", {{"app", "web"}}));
  EXPECT_EQ(ProblemOf("web"), "");
  Event(kPods, "MODIFIED", broken);
  EXPECT_NE(ProblemOf("web"), "");
  Event(kPods, "DELETED", broken);
  EXPECT_EQ(ProblemOf("web"), "");
}

TEST_F(ClusterTest, SaysWhichTargetItCannotRead) {
  StartWithWeb();
  json broken = DeploymentJson("web");
  broken["spec"]["replicas"] = "three";
  Event(kDeployments, "MODIFIED", broken);
  EXPECT_EQ(ProblemOf("web"), "Deployment team/web: spec.replicas: not a whole number");
  Event(kDeployments, "MODIFIED", DeploymentJson("web"));
  EXPECT_EQ(ProblemOf("web"), "");
}

TEST_F(ClusterTest, FollowsTheJobsOfAScaledJob) {
  json job = ObjectJson("batch");
  job["spec"].erase("scaleTargetRef");
  StartWith({}, {job});
  const model::ObjectKey key{model::ObjectKind::kScaledJob, "team", "batch"};
  EXPECT_EQ(store_.Find(key)->problem, "pods in team: not listed yet");
  EXPECT_FALSE(Listing(kDeployments));
  AnswerList(kPods, {PodJson("batch-1", {{"scaledjob.keda.sh/name", "batch"}})});
  Settle();
  EXPECT_EQ(store_.Find(key)->problem, "");
  EXPECT_EQ(store_.Find(key)->pods.size(), 1u);
}

TEST_F(ClusterTest, ListsAgainOnRequestAndTellsWhenDone) {
  StartWithWeb();
  int done = 0;
  cluster_->RefreshObjects([&] { ++done; });
  cluster_->RefreshObjects([&] { ++done; });
  transport_.RunPosted();
  EXPECT_EQ(done, 0);
  AnswerList(kObjects, {ObjectJson("web"), ObjectJson("new")});
  EXPECT_EQ(done, 0);
  AnswerList(kJobs, {});
  EXPECT_EQ(done, 2);
  EXPECT_NE(ProblemOf("new"), "no such object");
  // Not due again so soon.
  cluster_->RefreshObjects([&] { ++done; });
  transport_.RunPosted();
  EXPECT_EQ(done, 3);
  EXPECT_FALSE(Listing(kObjects));
}

TEST_F(ClusterTest, TheFirstObjectsAreTrackedAndOthersOnceThereIsRoom) {
  ClusterOptions options;
  options.most_objects = 2;
  Start(options);
  AnswerList(kObjects, {ObjectJson("a"), ObjectJson("b"), ObjectJson("c")});
  AnswerList(kJobs, {});
  Settle();
  const auto refused = [&](const std::string& name) {
    return absl::IsResourceExhausted(
        cluster_->CheckTracked({model::ObjectKind::kScaledObject, "team", name}));
  };
  EXPECT_TRUE(Find("a") && Find("b"));
  EXPECT_FALSE(Find("c"));
  EXPECT_TRUE(refused("c"));
  EXPECT_FALSE(refused("a"));
  EXPECT_FALSE(refused("unheard-of"));
  EXPECT_EQ(limits_.value(telemetry::Limit::kObjects), 1u);
  Event(kObjects, "MODIFIED", ObjectJson("c"));
  EXPECT_EQ(limits_.value(telemetry::Limit::kObjects), 1u) << "it is the same one";

  AdvanceInContact(2);
  EXPECT_FALSE(Listing(kObjects)) << "there is no room";
  Event(kObjects, "DELETED", ObjectJson("a"));
  AdvanceInContact(1);
  ASSERT_TRUE(Listing(kObjects));
  AnswerList(kObjects, {ObjectJson("b"), ObjectJson("c")});
  EXPECT_TRUE(Find("c"));
  EXPECT_FALSE(refused("c"));
  AnswerList(kJobs, {});
  AdvanceInContact(2);
  EXPECT_FALSE(Listing(kObjects));
}

TEST_F(ClusterTest, ListsEverLessOftenOnRequestWhileThatIsUseless) {
  StartWithWeb();
  const auto listed_after = [&](base::Duration wait) {
    transport_.Advance(wait);
    cluster_->RefreshObjects([] {});
    transport_.RunPosted();
    return Listing(kObjects);
  };
  const auto bring = [&](const std::vector<json>& objects) {
    AnswerList(kObjects, objects);
    AnswerList(kJobs, {});
  };
  ASSERT_TRUE(listed_after(base::Duration(0)));
  bring({ObjectJson("web")});
  base::Duration wait = kSecond;
  for (int i = 0; i < 8; ++i) {
    EXPECT_FALSE(listed_after(wait - kSecond / 2)) << i;
    ASSERT_TRUE(listed_after(kSecond / 2)) << i;
    bring({ObjectJson("web")});
    wait = std::min<base::Duration>(wait * 2, kSecond * 60);
  }
  EXPECT_FALSE(listed_after(kSecond * 59));
  ASSERT_TRUE(listed_after(kSecond));
  bring({ObjectJson("web"), ObjectJson("new")});
  ASSERT_TRUE(listed_after(kSecond));
  Break(std::string(kObjects) + "?limit=");
}

TEST_F(ClusterTest, TellsWhenAListOnRequestFails) {
  Start();
  int done = 0;
  cluster_->RefreshObjects([&] { ++done; });
  transport_.RunPosted();
  Break(kObjects);
  Break(kJobs);
  EXPECT_EQ(done, 1);
}

TEST_F(ClusterTest, CountsItsWatches) {
  StartWithWeb();
  Event(kPods, "ADDED", PodJson("web-b", {}));
  transport_.Advance(kSecond);
  std::vector<std::string> names;
  for (const ReflectorState& state : cluster_->Watches()) names.push_back(state.name);
  EXPECT_THAT(names, ElementsAre("ScaledObjects", "ScaledJobs", "pods in team",
                                 "deployments in team", "Services"));
  EXPECT_EQ(StateOf("pods in team").events, 1u);
  EXPECT_TRUE(StateOf("pods in team").live);
}

}  // namespace
}  // namespace kgs::kube::testing
