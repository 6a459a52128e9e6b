// SPDX-License-Identifier: Apache-2.0
#include "kube/discovery.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace kgs::kube {
namespace {

using nlohmann::json;

TEST(Discovery, MakesPaths) {
  EXPECT_EQ(*GroupVersionPath({"", "v1", "ReplicationController", "", "a"}), "/api/v1");
  const model::TargetRef rollout = {"argoproj.io", "v1alpha1", "Rollout", "rollouts", "a.b"};
  EXPECT_EQ(*GroupVersionPath(rollout), "/apis/argoproj.io/v1alpha1");
  EXPECT_EQ(*ScalePath("team", rollout),
            "/apis/argoproj.io/v1alpha1/namespaces/team/rollouts/a.b/scale");
}

TEST(Discovery, RefusesWhatIsNoPartOfAPath) {
  for (const char* bad : {"..", ".", "a/b", "a?b", "a%2f", "a b", "a#b", "a\nb"}) {
    EXPECT_FALSE(GroupVersionPath({bad, "v1", "K", "ks", "a"}).ok()) << bad;
    EXPECT_FALSE(GroupVersionPath({"g", bad, "K", "ks", "a"}).ok()) << bad;
    EXPECT_FALSE(ScalePath("team", {"g", "v1", "K", bad, "a"}).ok()) << bad;
    EXPECT_FALSE(ScalePath("team", {"g", "v1", "K", "ks", bad}).ok()) << bad;
  }
  EXPECT_FALSE(GroupVersionPath({"g", "", "K", "ks", "a"}).ok());
  EXPECT_FALSE(ScalePath("team", {"g", "v1", "K", "", "a"}).ok());
}

TEST(Discovery, FindsTheResourceOfAKind) {
  const json list = json::parse(R"({"resources": [
      {"name": "as/status", "kind": "A"}, {"name": "as", "kind": "A"}, {"name": 5, "kind": "B"},
      {"name": "../b", "kind": "B"}]})");
  EXPECT_EQ(FindResource(list, "A"), "as");
  EXPECT_EQ(FindResource(list, "B"), std::nullopt);
  EXPECT_EQ(FindResource(list, "C"), std::nullopt);
  EXPECT_EQ(FindResource(json::array(), "A"), std::nullopt);
}

TEST(Discovery, ChoosesTheVersionThatTheServerPrefersAmongThoseKnown) {
  const json group = json::parse(R"({"versions": [{"version": "v2"}, {"version": "v1"},
                                     {"version": "v1beta1"}],
                                     "preferredVersion": {"version": "v1beta1"}})");
  EXPECT_EQ(ChooseVersion(group, {"v1", "v1beta1"}), "v1beta1");
  EXPECT_EQ(ChooseVersion(group, {"v1", "v1beta2"}), "v1");
  EXPECT_EQ(ChooseVersion(group, {"v3"}), std::nullopt);
  EXPECT_EQ(ChooseVersion(json::object(), {"v1"}), std::nullopt);
}

}  // namespace
}  // namespace kgs::kube
