// SPDX-License-Identifier: Apache-2.0
#include "kube/slice_index.h"

#include <gtest/gtest.h>

namespace kgs::kube {
namespace {

TEST(SliceIndex, KnowsWhatSlicesAgreeOn) {
  SliceIndex index;
  const model::DraDevice gpu0 = {"d", "pool", "gpu-0"};
  const model::DraDevice gpu1 = {"d", "pool", "gpu-1"};
  EXPECT_EQ(*index.UuidOf(gpu0), std::nullopt);
  index.Put("s1", {{gpu0, "GPU-0"}, {gpu1, "GPU-1"}});
  EXPECT_EQ(*index.UuidOf(gpu0), "GPU-0");
  EXPECT_EQ(*index.UuidOf(gpu1), "GPU-1");
  index.Put("s2", {{gpu0, "GPU-0"}, {gpu1, "GPU-9"}});
  EXPECT_EQ(*index.UuidOf(gpu0), "GPU-0");
  EXPECT_TRUE(absl::IsUnavailable(index.UuidOf(gpu1).status())) << "they differ";
  index.Put("s1", {{gpu0, "GPU-0"}});
  EXPECT_EQ(*index.UuidOf(gpu1), "GPU-9");
  index.Put("s2", {});
  index.Put("unknown", {});
  EXPECT_EQ(*index.UuidOf(gpu0), "GPU-0");
  EXPECT_EQ(*index.UuidOf(gpu1), std::nullopt);
  index.Put("s1", {});
  EXPECT_EQ(*index.UuidOf(gpu0), std::nullopt);
}

}  // namespace
}  // namespace kgs::kube
