// SPDX-License-Identifier: Apache-2.0
#include "kube/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/store_test_values.h"
#include "tests/support/fake_clock.h"

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

constexpr base::Duration kMinute = std::chrono::minutes(1);

class StoreTest : public ::testing::Test {
 protected:
  /// The deployment "web", selected by app=web, and the object that scales it.
  void PutWeb() {
    store_.PutObject(Share(ObjectOf("web", Deployment("web"))));
    store_.PutTarget(TargetOf(Deployment("web"), "app=web", 3));
  }

  Workload Find(const std::string& name) {
    std::optional<Workload> workload =
        store_.Find({model::ObjectKind::kScaledObject, "team", name});
    EXPECT_TRUE(workload.has_value()) << name;
    return workload.value_or(Workload());
  }
  static std::vector<std::string> NamesOf(const Workload& workload) {
    std::vector<std::string> names;
    for (const PodPtr& pod : workload.pods) names.push_back(pod->name.name);
    return names;
  }
  std::vector<std::string> PodsOf(const std::string& name) { return NamesOf(Find(name)); }
  /// What was announced since the last call.
  std::vector<std::string> Announced() { return std::exchange(announced_, {}); }

  kgs::testing::FakeClock clock_;
  std::vector<std::string> announced_;
  Store store_{clock_, [this](const PodPtr& pod) {
                 announced_.push_back(pod->name.name);
                 // The lock is not held: this would hang.
                 EXPECT_GT(store_.Counts().workload_pods, 0u);
               }};
};

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

TEST_F(StoreTest, FollowsPodsAsTheyChangeAndGo) {
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

TEST_F(StoreTest, AnnouncesWhatIsNewOrChangedInAWorkload) {
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

TEST_F(StoreTest, KeepsAPodThatAnotherUidIsRemovedOf) {
  PutWeb();
  store_.PutPod(PodOf("web-a", {{"app", "web"}}, "new"));
  store_.RemovePod({"team", "web-a"}, "old");
  store_.RemovePod({"team", "web-b"}, "new");
  store_.RemovePod({"other", "web-a"}, "new");
  EXPECT_THAT(PodsOf("web"), ElementsAre("web-a"));
  store_.RemovePod({"team", "web-a"}, "new");
  EXPECT_THAT(PodsOf("web"), IsEmpty());
}

TEST_F(StoreTest, RetainsTheNamedPodsOfANamespaceOnly) {
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

TEST_F(StoreTest, RemembersWhenAPodWasFirstSeenStarted) {
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

TEST_F(StoreTest, KnowsAPodThatTakesTheNameOfAnother) {
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

TEST_F(StoreTest, RemembersPodsThatAreGoneForTenMinutes) {
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

TEST_F(StoreTest, KnowsWhichPodsHaveEnded) {
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

TEST_F(StoreTest, KnowsWhoseAnAddressIs) {
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

TEST_F(StoreTest, AnAddressIsNoLongerThatOfAPodThatHasEnded) {
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
