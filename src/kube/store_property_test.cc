// SPDX-License-Identifier: Apache-2.0
//
// The store against one that keeps everything in a list and looks at all of it each time.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "kube/store.h"
#include "kube/store_test_values.h"
#include "tests/support/fake_clock.h"

namespace kgs::kube {
namespace {

using testing::ObjectOf;
using testing::PodOf;
using testing::Share;
using testing::TargetOf;

using Names = std::vector<std::string>;

/// What the store should say, found the plain way.
struct NaiveStore {
  std::map<std::string, std::string> target_of_object;
  /// By target: its selector, or what is wrong with it.
  std::map<std::string, model::LabelSelector> targets;
  std::map<std::string, model::Pod> pods;

  Names PodsOf(const std::string& object) const {
    Names names;
    const auto target = targets.find(target_of_object.at(object));
    if (target == targets.end()) return names;
    for (const auto& [name, pod] : pods) {
      if (target->second.Matches(pod.labels)) names.push_back(name);
    }
    return names;
  }
  bool Scaled(const std::string& target) const {
    for (const auto& [object, scaled] : target_of_object) {
      if (scaled == target) return true;
    }
    return false;
  }
};

class Walk {
 public:
  explicit Walk(uint32_t seed) : random_(seed) {}

  void Step() {
    const int step = Pick(100);
    if (step < 12) {
      PutObject();
    } else if (step < 16) {
      RemoveObject();
    } else if (step < 32) {
      PutTarget();
    } else if (step < 36) {
      RemoveTarget();
    } else if (step < 50) {
      RemovePod();
    } else if (step < 51) {
      RetainPods();
    } else {
      PutPod();
    }
    ForgetUnscaledTargets();
  }

  void Check() {
    size_t selected = 0;
    std::map<std::string, bool> in_workload;
    for (const auto& [object, target] : naive_.target_of_object) {
      const auto workload = store_.Find({model::ObjectKind::kScaledObject, "team", object});
      ASSERT_TRUE(workload.has_value());
      const bool known = naive_.targets.count(target) == 1;
      ASSERT_EQ(workload->problem.empty(), known) << workload->problem;
      ASSERT_EQ(workload->target != nullptr, known);
      Names names;
      for (const PodPtr& pod : workload->pods) {
        names.push_back(pod->name.name);
        ASSERT_EQ(pod->labels, naive_.pods.at(pod->name.name).labels);
        ASSERT_EQ(pod->uid, naive_.pods.at(pod->name.name).uid);
        selected += in_workload.emplace(pod->name.name, true).second ? 1 : 0;
      }
      ASSERT_EQ(names, naive_.PodsOf(object)) << object << " of " << target;
    }
    const StoreCounts counts = store_.Counts();
    ASSERT_EQ(counts.scaled_objects, naive_.target_of_object.size());
    ASSERT_EQ(counts.pods, naive_.pods.size());
    ASSERT_EQ(counts.workload_pods, selected);
    most_selected_ = std::max(most_selected_, selected);
  }

  size_t most_selected() const { return most_selected_; }

 private:
  int Pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }
  std::string Any(const char* kind, int of) { return kind + std::to_string(Pick(of)); }
  static model::TargetRef Ref(const std::string& name) { return testing::Deployment(name); }

  void PutObject() {
    const std::string name = Any("object", 8);
    const std::string target = Any("target", 6);
    store_.PutObject(Share(ObjectOf(name, Ref(target))));
    naive_.target_of_object[name] = target;
  }
  void RemoveObject() {
    const std::string name = Any("object", 8);
    store_.RemoveObject({model::ObjectKind::kScaledObject, "team", name});
    naive_.target_of_object.erase(name);
  }
  void PutTarget() {
    static const char* const kSelectors[] = {
        "app=a", "app=b", "app=a,tier=x", "tier=x,app=b",     "app in (a,b)", "app!=a",
        "tier",  "!tier", "app=a,!tier",  "tier notin (x,y)", "zone=",        "app=a,app=b"};
    const std::string name = Any("target", 6);
    const auto target = TargetOf(Ref(name), kSelectors[Pick(std::size(kSelectors))]);
    store_.PutTarget(target);
    if (naive_.Scaled(name)) naive_.targets[name] = target->selector;
  }
  void RemoveTarget() {
    const std::string name = Any("target", 6);
    store_.RemoveTarget("team", Ref(name));
    naive_.targets.erase(name);
  }
  void PutPod() {
    static const char* const kValues[] = {"a", "b", "x", "y", ""};
    model::Labels labels;
    for (const char* key : {"app", "tier", "zone"}) {
      if (Pick(3) > 0) labels.emplace_back(key, kValues[Pick(std::size(kValues))]);
    }
    const std::string name = Any("pod", 30);
    const model::Pod pod = PodOf(name, std::move(labels), Any("", 2));
    store_.PutPod(pod);
    naive_.pods[pod.name.name] = pod;
  }
  void RemovePod() {
    const std::string name = Any("pod", 30);
    const std::string uid = Any("", 2);
    store_.RemovePod({"team", name}, uid);
    const auto found = naive_.pods.find(name);
    if (found != naive_.pods.end() && found->second.uid == uid) naive_.pods.erase(found);
  }
  void RetainPods() {
    std::unordered_set<std::string> names;
    for (int i = Pick(20); i > 0; --i) names.insert(Any("pod", 30));
    store_.RetainPods("team", names);
    for (auto pod = naive_.pods.begin(); pod != naive_.pods.end();) {
      pod = names.count(pod->first) == 0 ? naive_.pods.erase(pod) : std::next(pod);
    }
  }
  void ForgetUnscaledTargets() {
    for (auto target = naive_.targets.begin(); target != naive_.targets.end();) {
      target = naive_.Scaled(target->first) ? std::next(target) : naive_.targets.erase(target);
    }
  }

  std::mt19937 random_;
  kgs::testing::FakeClock clock_;
  Store store_{clock_, [](const PodPtr&) {}};
  NaiveStore naive_;
  size_t most_selected_ = 0;
};

TEST(StoreProperty, AgreesWithTheNaiveStore) {
  for (uint32_t seed = 1; seed <= 8; ++seed) {
    Walk walk(seed);
    for (int step = 0; step < 500; ++step) {
      walk.Step();
      ASSERT_NO_FATAL_FAILURE(walk.Check()) << "seed " << seed << ", step " << step;
    }
    // The walk has been where it matters.
    EXPECT_GT(walk.most_selected(), 10u);
  }
}

}  // namespace
}  // namespace kgs::kube
