// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "model/scaled_object.h"
#include "model/workload_view.h"

namespace kgs::model {
namespace {

TEST(Names, OfObjectsArePartOfTheirText) {
  EXPECT_EQ((ObjectKey{ObjectKind::kScaledObject, "team", "web"}).Text(), "ScaledObject team/web");
  EXPECT_EQ((ObjectKey{ObjectKind::kScaledJob, "team", "web"}).Text(), "ScaledJob team/web");
}

TEST(Names, OfTargetsAreAsKubectlWritesThem) {
  EXPECT_EQ((TargetRef{"apps", "v1", "Deployment", "deployments", "web"}).Text(),
            "apps/v1 Deployment web");
  EXPECT_EQ((TargetRef{"", "v1", "ReplicationController", "", "web"}).Text(),
            "v1 ReplicationController web");
}

TEST(Names, OfReasonsAreAllThereAndDiffer) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kUnattributedCount; ++i) {
    const std::string_view name = UnattributedName(static_cast<Unattributed>(i));
    EXPECT_FALSE(name.empty()) << i;
    names.insert(name);
  }
  EXPECT_EQ(names.size(), kUnattributedCount);
  EXPECT_EQ(UnattributedName(Unattributed::kUnknownDevice), "unknown_device");
  EXPECT_EQ(UnattributedName(static_cast<Unattributed>(kUnattributedCount)), "");
}

}  // namespace
}  // namespace kgs::model
