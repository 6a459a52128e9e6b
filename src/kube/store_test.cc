// SPDX-License-Identifier: Apache-2.0
#include "kube/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/store_test_fixture.h"

namespace kgs::kube {
namespace {

using testing::Deployment;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::JobOf;
using testing::ObjectOf;
using testing::PodOf;
using testing::Share;
using ::testing::SizeIs;
using testing::TargetOf;

TEST_F(StoreTest, FindsNothingThatIsNotThere) {
  EXPECT_FALSE(store_.Find({model::ObjectKind::kScaledObject, "team", "web"}).has_value());
  EXPECT_EQ(store_.FindObject({model::ObjectKind::kScaledObject, "team", "web"}), nullptr);
  PutWeb();
  EXPECT_FALSE(store_.Find({model::ObjectKind::kScaledJob, "team", "web"}).has_value());
  EXPECT_FALSE(store_.Find({model::ObjectKind::kScaledObject, "other", "web"}).has_value());
}

TEST_F(StoreTest, FindsTheWorkloadWholeWhateverComesFirst) {
  store_.PutPod(PodOf("web-b", {{"app", "web"}}));
  PutWeb();
  store_.PutPod(PodOf("web-a", {{"app", "web"}, {"tier", "front"}}));
  store_.PutPod(PodOf("db-0", {{"app", "db"}}));
  model::Pod elsewhere = PodOf("web-c", {{"app", "web"}});
  elsewhere.name.pod_namespace = "other";
  store_.PutPod(elsewhere);
  const Workload web = Find("web");
  EXPECT_EQ(web.object->key.name, "web");
  ASSERT_NE(web.target, nullptr);
  EXPECT_EQ(web.target->replicas, 3);
  EXPECT_EQ(web.problem, "");
  EXPECT_THAT(NamesOf(web), ElementsAre("web-a", "web-b"));
  EXPECT_EQ(web.pods[1]->labels, (model::Labels{{"app", "web"}}));
}

TEST_F(StoreTest, SaysWhyATargetIsNotKnown) {
  store_.PutPod(PodOf("web-a", {{"app", "web"}}));
  store_.PutObject(Share(ObjectOf("web", Deployment("web"))));
  EXPECT_EQ(Find("web").problem, "apps/v1 Deployment web: not read yet");
  store_.SetTargetProblem("team", Deployment("web"), "apps/v1 Deployment web: not found");
  EXPECT_EQ(Find("web").problem, "apps/v1 Deployment web: not found");
  store_.SetTargetProblem("team", Deployment("web"), "");
  EXPECT_EQ(Find("web").problem, "apps/v1 Deployment web: not read yet");
  EXPECT_THAT(Announced(), IsEmpty());

  store_.PutTarget(TargetOf(Deployment("web"), "app=web"));
  EXPECT_EQ(Find("web").problem, "");
  EXPECT_THAT(PodsOf("web"), ElementsAre("web-a"));

  store_.SetTargetProblem("team", Deployment("web"), "forbidden");
  EXPECT_EQ(Find("web").problem, "forbidden");
  EXPECT_EQ(Find("web").target, nullptr);
  EXPECT_THAT(PodsOf("web"), IsEmpty());
  store_.PutTarget(TargetOf(Deployment("web"), "app=web"));
  EXPECT_EQ(Find("web").problem, "");
  EXPECT_THAT(PodsOf("web"), ElementsAre("web-a"));
}

TEST_F(StoreTest, ForgetsATargetThatIsGone) {
  PutWeb();
  store_.PutPod(PodOf("web-a", {{"app", "web"}}));
  model::TargetRef ref = Deployment("web");
  ref.version = "v2";
  ref.resource = "";
  store_.RemoveTarget("team", ref);
  EXPECT_EQ(Find("web").problem, "apps/v1 Deployment web: not found");
  EXPECT_EQ(Find("web").target, nullptr);
  EXPECT_EQ(store_.Counts().workload_pods, 0u);
  store_.PutTarget(TargetOf(Deployment("web"), "app=web"));
  EXPECT_THAT(PodsOf("web"), ElementsAre("web-a"));
}

TEST_F(StoreTest, KeepsNoTargetThatNoObjectScales) {
  store_.PutTarget(TargetOf(Deployment("web"), "app=web"));
  store_.RemoveTarget("team", Deployment("web"));
  store_.SetTargetProblem("team", Deployment("web"), "x");
  store_.PutObject(Share(ObjectOf("web", Deployment("web"))));
  EXPECT_EQ(Find("web").problem, "apps/v1 Deployment web: not read yet");
  store_.PutTarget(TargetOf(Deployment("web"), "app=web"));
  store_.RemoveObject({model::ObjectKind::kScaledObject, "team", "web"});
  store_.PutObject(Share(ObjectOf("web", Deployment("web"))));
  EXPECT_EQ(Find("web").problem, "apps/v1 Deployment web: not read yet");
}

TEST_F(StoreTest, FollowsAnObjectToAnotherTarget) {
  PutWeb();
  store_.PutPod(PodOf("web-a", {{"app", "web"}}));
  store_.PutPod(PodOf("db-0", {{"app", "db"}}));
  store_.PutObject(Share(ObjectOf("web", Deployment("db"))));
  EXPECT_EQ(Find("web").problem, "apps/v1 Deployment db: not read yet");
  store_.PutTarget(TargetOf(Deployment("db"), "app=db"));
  EXPECT_THAT(PodsOf("web"), ElementsAre("db-0"));
  // The first target is no longer anybody's.
  store_.PutObject(Share(ObjectOf("late", Deployment("web"))));
  EXPECT_EQ(Find("late").problem, "apps/v1 Deployment web: not read yet");
}

TEST_F(StoreTest, FollowsAChangedSelector) {
  PutWeb();
  store_.PutPod(PodOf("web-a", {{"app", "web"}}));
  store_.PutPod(PodOf("web-b", {{"app", "web"}, {"track", "new"}}));
  Announced();
  store_.PutTarget(TargetOf(Deployment("web"), "track=new"));
  EXPECT_THAT(PodsOf("web"), ElementsAre("web-b"));
  EXPECT_EQ(store_.Counts().workload_pods, 1u);
  store_.PutTarget(TargetOf(Deployment("web"), "track!=new"));
  EXPECT_THAT(PodsOf("web"), ElementsAre("web-a"));
}

TEST_F(StoreTest, LetsTwoObjectsShareATarget) {
  PutWeb();
  store_.PutObject(Share(ObjectOf("web2", Deployment("web"))));
  store_.PutPod(PodOf("web-a", {{"app", "web"}}));
  EXPECT_THAT(PodsOf("web"), ElementsAre("web-a"));
  EXPECT_THAT(PodsOf("web2"), ElementsAre("web-a"));
  EXPECT_EQ(store_.Counts().workload_pods, 1u);
  EXPECT_THAT(Announced(), ElementsAre("web-a"));
  store_.RemoveObject({model::ObjectKind::kScaledObject, "team", "web"});
  EXPECT_THAT(PodsOf("web2"), ElementsAre("web-a"));
}

TEST_F(StoreTest, FindsTheJobsOfAScaledJobByLabel) {
  store_.PutPod(PodOf("batch-1", {{"scaledjob.keda.sh/name", "batch"}}));
  store_.PutPod(PodOf("batch-2", {{"scaledjob.keda.sh/name", "other"}}));
  store_.PutObject(Share(JobOf("batch")));
  const auto job = store_.Find({model::ObjectKind::kScaledJob, "team", "batch"});
  ASSERT_TRUE(job.has_value());
  EXPECT_EQ(job->target, nullptr);
  EXPECT_EQ(job->problem, "");
  EXPECT_THAT(NamesOf(*job), ElementsAre("batch-1"));
}

TEST_F(StoreTest, FindsAllPodsOfALeaderWorkerSet) {
  const model::TargetRef ref = {"leaderworkerset.x-k8s.io", "v1", "LeaderWorkerSet", "", "llm"};
  const std::string label = "leaderworkerset.sigs.k8s.io/name";
  const std::string index = "leaderworkerset.sigs.k8s.io/worker-index";
  store_.PutObject(Share(ObjectOf("llm", ref)));
  store_.PutPod(PodOf("llm-0", {{label, "llm"}, {index, "0"}}));
  store_.PutPod(PodOf("llm-0-1", {{label, "llm"}, {index, "1"}}));
  EXPECT_EQ(Find("llm").problem, "leaderworkerset.x-k8s.io/v1 LeaderWorkerSet llm: not read yet");
  store_.PutTarget(TargetOf(ref, label + "=llm," + index + "=0"));
  EXPECT_THAT(PodsOf("llm"), ElementsAre("llm-0", "llm-0-1"));
}

TEST_F(StoreTest, NamespaceProblemIsThatOfAllItsWorkloads) {
  PutWeb();
  store_.PutObject(Share(JobOf("batch")));
  store_.PutPod(PodOf("web-a", {{"app", "web"}}));
  store_.SetNamespaceProblem("team", "pods in team: not listed yet");
  store_.SetNamespaceProblem("other", "x");
  EXPECT_EQ(Find("web").problem, "pods in team: not listed yet");
  EXPECT_EQ(Find("web").target, nullptr);
  EXPECT_THAT(PodsOf("web"), IsEmpty());
  EXPECT_EQ(store_.Find({model::ObjectKind::kScaledJob, "team", "batch"})->problem,
            "pods in team: not listed yet");
  store_.SetNamespaceProblem("team", "");
  EXPECT_EQ(Find("web").problem, "");
  EXPECT_THAT(PodsOf("web"), ElementsAre("web-a"));
}

TEST_F(StoreTest, NamespaceProblemMayComeBeforeTheObject) {
  store_.SetNamespaceProblem("team", "not listed yet");
  PutWeb();
  EXPECT_EQ(Find("web").problem, "not listed yet");
}

TEST_F(StoreTest, CountsAndListsObjects) {
  PutWeb();
  model::ScaledObject two = ObjectOf("a", Deployment("a"));
  two.triggers.resize(2);
  store_.PutObject(Share(two));
  store_.PutObject(Share(two));
  store_.PutObject(Share(JobOf("batch")));
  store_.PutPod(PodOf("web-a", {{"app", "web"}}));
  store_.PutPod(PodOf("x", {}));
  StoreCounts counts = store_.Counts();
  EXPECT_EQ(counts.scaled_objects, 2u);
  EXPECT_EQ(counts.scaled_jobs, 1u);
  EXPECT_EQ(counts.triggers, 4u);
  EXPECT_EQ(counts.pods, 2u);
  EXPECT_EQ(counts.workload_pods, 1u);
  const auto objects = store_.Objects();
  ASSERT_THAT(objects, SizeIs(3));
  EXPECT_EQ(objects[0]->key.name, "a");
  store_.RemoveObject({model::ObjectKind::kScaledObject, "team", "web"});
  store_.RemoveObject({model::ObjectKind::kScaledObject, "team", "web"});
  counts = store_.Counts();
  EXPECT_EQ(counts.scaled_objects, 1u);
  EXPECT_EQ(counts.workload_pods, 0u);
  EXPECT_EQ(counts.pods, 2u);
}

TEST_F(StoreTest, KnowsTheUuidsOfSlices) {
  const model::DraDevice device = {"d", "pool", "gpu-0"};
  store_.PutSlice("s", {{device, "GPU-0"}});
  EXPECT_EQ(*store_.UuidOf(device), "GPU-0");
  store_.RemoveSlice("s");
  EXPECT_EQ(*store_.UuidOf(device), std::nullopt);
  store_.SetSlicesProblem("not listed yet");
  EXPECT_TRUE(absl::IsUnavailable(store_.UuidOf(device).status()));
  store_.SetSlicesProblem("");
  EXPECT_TRUE(store_.UuidOf(device).ok());
}

}  // namespace
}  // namespace kgs::kube
