// SPDX-License-Identifier: Apache-2.0
#include "kube/packed_pod.h"

#include <gtest/gtest.h>

#include "kube/store_test_values.h"

namespace kgs::kube {
namespace {

using testing::PodOf;

TEST(PackedPod, UnpacksTheSame) {
  model::Pod pod = PodOf("web-a", {{"app", "web"}, {"empty", ""}, {"zone", std::string(300, 'z')}});
  pod.node = "node-a";
  pod.ip = "10.0.0.1";
  pod.containers_started_unix_seconds = 1767225609;
  pod.terminating = pod.ready = true;
  pod.ready_changed_unix_seconds = -1;
  pod.group_size = 8;
  pod.seen_replacing = base::SteadyTime(std::chrono::seconds(7));
  const model::Pod again = PackedPod(pod).Unpack();
  EXPECT_EQ(again.name, pod.name);
  EXPECT_EQ(again.uid, pod.uid);
  EXPECT_EQ(again.node, pod.node);
  EXPECT_EQ(again.ip, pod.ip);
  EXPECT_EQ(again.containers_started_unix_seconds, pod.containers_started_unix_seconds);
  EXPECT_EQ(again.labels, pod.labels);
  EXPECT_EQ(again.phase, pod.phase);
  EXPECT_EQ(again.terminating, pod.terminating);
  EXPECT_EQ(again.ready, pod.ready);
  EXPECT_EQ(again.started_unix_seconds, pod.started_unix_seconds);
  EXPECT_EQ(again.ready_changed_unix_seconds, pod.ready_changed_unix_seconds);
  EXPECT_EQ(again.group_size, pod.group_size);
  EXPECT_EQ(again.seen_started, std::nullopt);
  EXPECT_EQ(again.seen_replacing, pod.seen_replacing);
  EXPECT_TRUE(PackedPod().empty());
}

}  // namespace
}  // namespace kgs::kube
