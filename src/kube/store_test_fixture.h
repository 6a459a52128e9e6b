// SPDX-License-Identifier: Apache-2.0
//
// A store with a clock that stands still, which notes what it announces. For tests.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kube/store.h"
#include "kube/store_test_values.h"
#include "tests/support/fake_clock.h"

namespace kgs::kube {

class StoreTest : public ::testing::Test {
 protected:
  /// The deployment "web", selected by app=web, and the object that scales it.
  void PutWeb() {
    store_.PutObject(testing::Share(testing::ObjectOf("web", testing::Deployment("web"))));
    store_.PutTarget(testing::TargetOf(testing::Deployment("web"), "app=web", 3));
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

}  // namespace kgs::kube
