// SPDX-License-Identifier: Apache-2.0
//
// Targets of other kinds, and ResourceSlices, through a cluster.
#include <gmock/gmock.h>

#include "kube/cluster_test_fixture.h"

namespace kgs::kube::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr base::Duration kSecond = std::chrono::seconds(1);
constexpr char kScale[] = "/apis/argoproj.io/v1alpha1/namespaces/team/rollouts/canary/scale";
constexpr char kRollouts[] = "/apis/argoproj.io/v1alpha1";
constexpr char kText[] = "argoproj.io/v1alpha1 Rollout canary";

json Scale(int replicas, const std::string& selector = "app=canary") {
  return {{"metadata", {{"namespace", "team"}, {"name", "canary"}, {"uid", "r"}}},
          {"spec", {{"replicas", replicas}}},
          {"status", {{"selector", selector}}}};
}

json Rollout(const std::string& name = "canary") {
  return ObjectJson(name,
                    {{"apiVersion", "argoproj.io/v1alpha1"}, {"kind", "Rollout"}, {"name", name}});
}

json KnownRollout() {
  json object = Rollout();
  object["status"]["scaleTargetGVKR"] = {{"group", "argoproj.io"},
                                         {"version", "v1alpha1"},
                                         {"kind", "Rollout"},
                                         {"resource", "rollouts"}};
  return object;
}

class ScalePollTest : public ClusterTest {
 protected:
  void StartWithRollout(const json& object) {
    StartWith({object});
    AnswerList(kPods, {PodJson("canary-a", {{"app", "canary"}})});
    Answer(kSlices, 404, "404 page not found");
    AnswerList(kServices, {});
    Settle();
  }
};

TEST_F(ScalePollTest, AsksForTheScaleOnceASecond) {
  StartWithRollout(KnownRollout());
  EXPECT_EQ(ProblemOf("canary"), std::string(kText) + ": not read yet");
  EXPECT_FALSE(cluster_->Synced());
  for (int replicas = 1; replicas < 5; ++replicas) {
    ASSERT_TRUE(Asked(kScale));
    Answer(kScale, 200, Scale(replicas).dump());
    EXPECT_EQ(ProblemOf("canary"), "");
    EXPECT_EQ(Find("canary")->target->replicas, replicas);
    EXPECT_THAT(PodsOf("canary"), ElementsAre("canary-a"));
    transport_.Advance(kSecond - kSecond / 1000);
    EXPECT_FALSE(Asked(kScale));
    transport_.Advance(kSecond / 1000);
  }
  EXPECT_TRUE(cluster_->Synced());
  const ReflectorState polls = StateOf("scale polls");
  EXPECT_TRUE(polls.synced && polls.live);
  EXPECT_GE(polls.lists, 4u);
  EXPECT_EQ(polls.events, 4u);
}

TEST_F(ScalePollTest, LooksUpTheResourceOfItsKind) {
  StartWithRollout(Rollout());
  Answer(kRollouts, 200, R"({"resources": [{"name": "rollouts/status", "kind": "Rollout"},
                                           {"name": "rollouts", "kind": "Rollout"},
                                           {"name": "rollouts/scale", "kind": "Scale"}]})");
  ASSERT_TRUE(Asked(kScale));
  Answer(kScale, 200, Scale(2).dump());
  EXPECT_EQ(Find("canary")->target->replicas, 2);
  // From then on it knows.
  transport_.Advance(kSecond);
  ASSERT_TRUE(Asked(kScale));
  // Until it is wrong.
  Answer(kScale, 404, R"({"message": "rollouts.argoproj.io \"canary\" not found"})");
  EXPECT_EQ(ProblemOf("canary"),
            std::string(kText) + ": not found: rollouts.argoproj.io \"canary\" not found");
  transport_.Advance(kSecond);
  EXPECT_FALSE(Asked(kScale));
  EXPECT_TRUE(Asked(kRollouts));
}

TEST_F(ScalePollTest, SaysThatThereIsNoSuchKind) {
  StartWithRollout(Rollout());
  Answer(kRollouts, 200, R"({"resources": [{"name": "experiments", "kind": "Experiment"}]})");
  EXPECT_EQ(ProblemOf("canary"), std::string(kText) + ": the API server knows no such kind");
  transport_.Advance(kSecond);
  Answer(kRollouts, 404, "404 page not found");
  EXPECT_THAT(ProblemOf("canary"), HasSubstr("GET /apis/argoproj.io/v1alpha1: HTTP 404"));
}

TEST_F(ScalePollTest, SaysAtOnceWhatWillNotPass) {
  StartWithRollout(KnownRollout());
  Answer(kScale, 200, Scale(2).dump());
  transport_.Advance(kSecond);
  Answer(kScale, 403, R"({"message": "cannot get resource rollouts/scale"})");
  EXPECT_THAT(ProblemOf("canary"), HasSubstr("HTTP 403: cannot get resource rollouts/scale"));
  EXPECT_EQ(Find("canary")->target, nullptr);
  transport_.Advance(kSecond);
  EXPECT_FALSE(StateOf("scale polls").live);
  EXPECT_THAT(StateOf("scale polls").problem, HasSubstr("HTTP 403"));
  Answer(kScale, 200, Scale(2, "").dump());
  EXPECT_EQ(ProblemOf("canary"), "scale of Rollout team/canary: status.selector: empty");
  transport_.Advance(kSecond);
  Answer(kScale, 200, Scale(2).dump());
  EXPECT_EQ(ProblemOf("canary"), "");
}

TEST_F(ScalePollTest, BridgesWhatMayPass) {
  StartWithRollout(KnownRollout());
  Answer(kScale, 200, Scale(2).dump());
  for (int i = 0; i < 29; ++i) {
    AdvanceInContact(1);
    if (Asked(kScale)) Answer(kScale, 503, "busy");
    ASSERT_EQ(ProblemOf("canary"), "") << i;
  }
  AdvanceInContact(2);
  EXPECT_THAT(ProblemOf("canary"), HasSubstr("HTTP 503: busy"));
  for (int i = 0; i < 10 && !Asked(kScale); ++i) AdvanceInContact(1);
  Answer(kScale, 200, Scale(2).dump());
  EXPECT_EQ(ProblemOf("canary"), "");
}

TEST_F(ScalePollTest, DoesNotBridgeWhatItNeverKnew) {
  StartWithRollout(KnownRollout());
  Break(kScale);
  EXPECT_EQ(ProblemOf("canary"), std::string(kText) + ": connection refused");
}

TEST_F(ScalePollTest, BacksOffAndHeedsRetryAfter) {
  StartWithRollout(KnownRollout());
  for (const int wait : {1, 2, 4, 8, 10, 10}) {
    Break(kScale);
    transport_.Advance(wait * kSecond - kSecond / 1000);
    EXPECT_FALSE(Asked(kScale)) << wait;
    transport_.Advance(kSecond / 1000);
    ASSERT_TRUE(Asked(kScale)) << wait;
  }
  transport_.Answer(transport_.Find(kScale), 429, "{}", 20 * kSecond);
  transport_.Advance(19 * kSecond);
  EXPECT_FALSE(Asked(kScale));
  transport_.Advance(kSecond);
  EXPECT_TRUE(Asked(kScale));
}

TEST_F(ScalePollTest, AsksForNoPathThatAnObjectMakesUp) {
  StartWith({Rollout("../../../secrets"), Rollout("..")});
  EXPECT_FALSE(Asked("/apis/argoproj.io/v1alpha1/namespaces"));
  Answer(kRollouts, 200, R"({"resources": [{"name": "rollouts", "kind": "Rollout"}]})");
  Answer(kRollouts, 200, R"({"resources": [{"name": "rollouts", "kind": "Rollout"}]})");
  AnswerList(kPods, {});
  Settle();
  EXPECT_FALSE(Asked("/apis/argoproj.io/v1alpha1/namespaces"));
  EXPECT_THAT(ProblemOf("../../../secrets"), HasSubstr("is no name of an object"));
  EXPECT_THAT(ProblemOf(".."), HasSubstr("is no name of an object"));
}

TEST_F(ScalePollTest, EndsWithItsObject) {
  StartWithRollout(KnownRollout());
  Event(kObjects, "DELETED", KnownRollout());
  EXPECT_FALSE(Asked(kScale));
  AdvanceInContact(15);
  EXPECT_FALSE(Asked(kScale));
  EXPECT_EQ(StateOf("scale polls").name, "");
}

TEST_F(ScalePollTest, TellsTheStoreOfAnObjectThatComesBack) {
  StartWithRollout(KnownRollout());
  Answer(kScale, 200, Scale(2).dump());
  const size_t watch = transport_.Find(std::string(kObjects) + "?watch=");
  for (const char* type : {"DELETED", "ADDED"}) {
    transport_.Data(watch, json({{"type", type}, {"object", KnownRollout()}}).dump() + "\n");
  }
  Settle();
  transport_.Advance(kSecond);
  Answer(kScale, 200, Scale(2).dump());
  EXPECT_EQ(ProblemOf("canary"), "");
}

class SliceWatchTest : public ClusterTest {
 protected:
  static constexpr char kV1[] = "/apis/resource.k8s.io/v1/resourceslices";
  static constexpr char kBeta[] = "/apis/resource.k8s.io/v1beta2/resourceslices";

  static json Slice(const std::string& name, const std::string& uuid) {
    return {{"metadata", {{"name", name}, {"uid", "s"}, {"resourceVersion", "5"}}},
            {"spec",
             {{"driver", "d"},
              {"pool", {{"name", "node-a"}}},
              {"devices", {{{"name", name}, {"attributes", {{"uuid", {{"string", uuid}}}}}}}}}}};
  }
  std::optional<std::string> UuidOf(const std::string& name) const {
    return store_.UuidOf({"d", "node-a", name}).value_or(std::nullopt);
  }
  void AnswerGroup(const std::vector<std::string>& versions) {
    json group = {{"preferredVersion", {{"version", versions.front()}}}};
    for (const std::string& version : versions) group["versions"].push_back({{"version", version}});
    Answer(kSlices, 200, group.dump());
  }
};

TEST_F(SliceWatchTest, FollowsTheSlices) {
  StartWith({ObjectJson("web")});
  AnswerGroup({"v1", "v1beta2"});
  AnswerList(kV1, {Slice("gpu-0", "GPU-0"), Slice("gpu-1", "GPU-1")});
  Settle();
  EXPECT_EQ(UuidOf("gpu-0"), "GPU-0");
  Event(kV1, "ADDED", Slice("gpu-2", "GPU-2"));
  Event(kV1, "MODIFIED", Slice("gpu-1", "GPU-9"));
  Event(kV1, "DELETED", Slice("gpu-0", "GPU-0"));
  EXPECT_EQ(UuidOf("gpu-0"), std::nullopt);
  EXPECT_EQ(UuidOf("gpu-1"), "GPU-9");
  EXPECT_EQ(UuidOf("gpu-2"), "GPU-2");
  Answer(std::string(kV1) + "?watch=", 410, "{}");
  AnswerList(kV1, {Slice("gpu-1", "GPU-1")});
  EXPECT_EQ(UuidOf("gpu-1"), "GPU-1");
  EXPECT_EQ(UuidOf("gpu-2"), std::nullopt);
  json broken = Slice("gpu-1", "GPU-1");
  broken["spec"]["driver"] = 1;
  Event(kV1, "MODIFIED", broken);
  EXPECT_EQ(UuidOf("gpu-1"), std::nullopt);
  EXPECT_TRUE(StateOf("ResourceSlices").live);
}

TEST_F(SliceWatchTest, GoWithTheLastObject) {
  StartWith({ObjectJson("web")});
  AnswerGroup({"v1"});
  AnswerList(kV1, {Slice("gpu-0", "GPU-0")});
  Event(kObjects, "DELETED", ObjectJson("web"));
  EXPECT_FALSE(Watching(kV1));
  EXPECT_EQ(UuidOf("gpu-0"), std::nullopt);
}

TEST_F(SliceWatchTest, LooksAgainEveryTenMinutes) {
  StartWithWeb();
  EXPECT_FALSE(Asked(kSlices));
  AdvanceInContact(600);
  ASSERT_TRUE(Asked(kSlices));
  AnswerGroup({"v1beta2", "v1beta1"});
  AnswerList(kBeta, {Slice("gpu-0", "GPU-0")});
  EXPECT_EQ(UuidOf("gpu-0"), "GPU-0");
  AdvanceInContact(600);
  AnswerGroup({"v1beta2", "v1beta1"});
  EXPECT_TRUE(Watching(kBeta));
  AdvanceInContact(600);
  AnswerGroup({"v1"});
  EXPECT_FALSE(Watching(kBeta));
  EXPECT_TRUE(Listing(kV1));
  AdvanceInContact(600);
  AnswerGroup({"v9"});
  EXPECT_FALSE(Asked(kV1));
  EXPECT_EQ(UuidOf("gpu-0"), std::nullopt);
}

TEST_F(SliceWatchTest, TriesAgainSoonAfterAFailure) {
  StartWith({ObjectJson("web")});
  Break(kSlices);
  transport_.Advance(kSecond);
  EXPECT_TRUE(Asked(kSlices));
}

}  // namespace
}  // namespace kgs::kube::testing
