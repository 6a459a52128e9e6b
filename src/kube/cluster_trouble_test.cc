// SPDX-License-Identifier: Apache-2.0
//
// What a cluster does while the API server refuses or is away.
#include <gmock/gmock.h>

#include "kube/cluster_test_fixture.h"

namespace kgs::kube::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr base::Duration kSecond = std::chrono::seconds(1);

class ClusterTroubleTest : public ClusterTest {
 protected:
  void BreakAllOpen() {
    for (const std::string& path : transport_.OpenPaths()) Break(path);
  }
};

TEST_F(ClusterTroubleTest, NoticesAServerThatIsSilent) {
  StartWithWeb();
  transport_.Advance(9 * kSecond);
  EXPECT_FALSE(Asked("/version"));
  transport_.Advance(2 * kSecond);
  ASSERT_TRUE(Asked("/version"));
  EXPECT_EQ(transport_.options(transport_.Find("/version")).deadline, 5 * kSecond);
  Answer("/version", 200, "{}");
  // Nothing comes any more, and no connection breaks.
  transport_.Advance(11 * kSecond);
  ASSERT_TRUE(Asked("/version"));
  transport_.Done(transport_.Find("/version"), absl::DeadlineExceededError("no answer within 5s"));
  transport_.Advance(19 * kSecond);
  EXPECT_EQ(cluster_->Problem(), "");
  EXPECT_EQ(ProblemOf("web"), "");
  transport_.Advance(kSecond);
  EXPECT_EQ(cluster_->Problem(),
            "nothing has been heard of the API server for more than 30s: no answer within 5s");
  EXPECT_EQ(ProblemOf("web"), cluster_->Problem());
  const int calls = objects_calls_;
  Answer("/version", 200, "{}");
  transport_.Advance(kSecond);
  EXPECT_EQ(cluster_->Problem(), "");
  EXPECT_EQ(ProblemOf("web"), "");
  EXPECT_GT(objects_calls_, calls);
}

TEST_F(ClusterTroubleTest, IsNotFooledByAServerThatOnlyFails) {
  StartWithWeb();
  for (int i = 0; i < 45; ++i) {
    transport_.Advance(kSecond);
    if (Asked("/version")) Answer("/version", 500, "etcd is away");
  }
  EXPECT_THAT(cluster_->Problem(), HasSubstr("HTTP 500"));
}

TEST_F(ClusterTroubleTest, HearsTheServerInItsWatches) {
  StartWithWeb();
  for (int i = 0; i < 12; ++i) {
    transport_.Advance(5 * kSecond);
    Event(kPods, "MODIFIED", PodJson("web-a", {{"app", "web"}, {"i", std::to_string(i)}}));
  }
  EXPECT_FALSE(Asked("/version"));
  EXPECT_EQ(cluster_->Problem(), "");
}

TEST_F(ClusterTroubleTest, BridgesAShortAbsenceOfTheServer) {
  StartWithWeb();
  BreakAllOpen();
  transport_.Advance(kSecond / 100);
  EXPECT_EQ(cluster_->Problem(), "");
  EXPECT_EQ(ProblemOf("web"), "");
  for (int i = 0; i < 45; ++i) {
    BreakAllOpen();
    transport_.Advance(kSecond);
  }
  EXPECT_THAT(cluster_->Problem(), HasSubstr("connection refused"));
  EXPECT_EQ(ProblemOf("web"), cluster_->Problem());
}

TEST_F(ClusterTroubleTest, SaysWhyObjectsCannotBeListed) {
  Start();
  Answer(kObjects, 403, R"({"kind": "Status", "message": "scaledobjects is forbidden"})");
  Settle();
  EXPECT_THAT(cluster_->Problem(), StartsWith("ScaledObjects: not listed yet: GET "));
  EXPECT_THAT(cluster_->Problem(), HasSubstr("HTTP 403: scaledobjects is forbidden"));
  AdvanceInContact(120);
  EXPECT_FALSE(cluster_->Synced());
}

TEST_F(ClusterTroubleTest, ARefusalStopsTheWorkloadsThatNeedIt) {
  StartWith({ObjectJson("web"), ObjectJson("db", {{"name", "db"}, {"kind", "StatefulSet"}})});
  AnswerList(kPods, {});
  AnswerList(kDeployments, {DeploymentJson("web")});
  Answer("/apis/apps/v1/namespaces/team/statefulsets", 403, "forbidden");
  Answer(kSlices, 403, "forbidden");
  Answer(kServices, 403, R"({"kind": "Status", "message": "services is forbidden"})");
  Settle();
  EXPECT_THAT(OwnerOf("10.96.0.1"),
              StartsWith("Services: not listed yet: GET /api/v1/services: HTTP 403: services"));
  EXPECT_EQ(ProblemOf("web"), "");
  EXPECT_THAT(ProblemOf("db"), HasSubstr("statefulsets in team: not listed yet: GET"));
  EXPECT_EQ(cluster_->Problem(), "");
  // It is up, and answers what it can.
  EXPECT_TRUE(cluster_->Synced());
}

TEST_F(ClusterTroubleTest, AWatchThatStaysDownIsAProblemOfItsNamespace) {
  StartWithWeb();
  Break(std::string(kPods) + "?watch=");
  for (int i = 0; i < 31; ++i) {
    AdvanceInContact(1);
    if (Asked(kPods)) Answer(kPods, 403, "forbidden");
    if (i < 29) {
      ASSERT_EQ(ProblemOf("web"), "") << i;
    }
  }
  AdvanceInContact(1);
  EXPECT_THAT(ProblemOf("web"), StartsWith("pods in team: out of touch: GET"));
  EXPECT_EQ(cluster_->Problem(), "");
  AdvanceInContact(20);
  ASSERT_TRUE(Watching(kPods));
  transport_.Head(transport_.Find(kPods), 200);
  Settle();
  EXPECT_EQ(ProblemOf("web"), "");
}

TEST_F(ClusterTroubleTest, WithoutWordOfServicesForLongNoAddressIsAnyonesForSure) {
  StartWithWeb();
  EXPECT_EQ(OwnerOf("10.96.0.1"), "team");
  Break(std::string(kServices) + "?watch=");
  for (int i = 0; i < 32; ++i) {
    AdvanceInContact(1);
    if (Asked(kServices)) Answer(kServices, 403, "forbidden");
    if (i < 29) {
      ASSERT_EQ(OwnerOf("10.96.0.1"), "team") << i;
    }
  }
  AdvanceInContact(1);
  EXPECT_THAT(OwnerOf("10.96.0.1"), StartsWith("Services: out of touch: GET"));
  EXPECT_EQ(ProblemOf("web"), "") << "nothing else needs them";
}

TEST_F(ClusterTroubleTest, AWatchOfTargetsThatStaysDownIsTheirProblem) {
  StartWithWeb();
  Break(std::string(kDeployments) + "?watch=");
  for (int i = 0; i < 45; ++i) {
    AdvanceInContact(1);
    if (Asked(kDeployments)) Break(kDeployments);
  }
  EXPECT_EQ(ProblemOf("web"), "deployments in team: out of touch: connection refused");
  AdvanceInContact(15);
  ASSERT_TRUE(Watching(kDeployments));
  transport_.Head(transport_.Find(kDeployments), 200);
  Settle();
  EXPECT_EQ(ProblemOf("web"), "");
}

}  // namespace
}  // namespace kgs::kube::testing
