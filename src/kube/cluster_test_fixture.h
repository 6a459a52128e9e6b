// SPDX-License-Identifier: Apache-2.0
//
// A cluster over a transport in the test's hands, and short ways to say what its server answers.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kube/cluster.h"
#include "kube/store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_transport.h"

namespace kgs::kube::testing {

using nlohmann::json;

inline constexpr char kObjects[] = "/apis/keda.sh/v1alpha1/scaledobjects";
inline constexpr char kJobs[] = "/apis/keda.sh/v1alpha1/scaledjobs";
inline constexpr char kPods[] = "/api/v1/namespaces/team/pods";
inline constexpr char kDeployments[] = "/apis/apps/v1/namespaces/team/deployments";
inline constexpr char kSlices[] = "/apis/resource.k8s.io";
inline constexpr char kServices[] = "/api/v1/services";

/// Names us; \p target as in spec.scaleTargetRef.
inline json ObjectJson(const std::string& name, const json& target) {
  return {
      {"metadata", {{"namespace", "team"}, {"name", name}, {"uid", "o"}, {"resourceVersion", "5"}}},
      {"spec",
       {{"scaleTargetRef", target},
        {"triggers",
         {{{"type", "external"},
           {"metadata", {{"scalerAddress", "keda-gpu-scaler.keda:6000"}}}}}}}}};
}
inline json ObjectJson(const std::string& name) { return ObjectJson(name, {{"name", name}}); }

inline json PodJson(const std::string& name, const json& labels) {
  return {{"metadata",
           {{"namespace", "team"},
            {"name", name},
            {"uid", "p"},
            {"resourceVersion", "5"},
            {"labels", labels}}}};
}

inline json DeploymentJson(const std::string& name, int replicas = 1) {
  return {
      {"metadata", {{"namespace", "team"}, {"name", name}, {"uid", "d"}, {"resourceVersion", "5"}}},
      {"spec", {{"replicas", replicas}, {"selector", {{"matchLabels", {{"app", name}}}}}}}};
}

inline json ServiceJson(const std::string& service_namespace, const std::string& name,
                        const std::string& address) {
  return {
      {"metadata",
       {{"namespace", service_namespace}, {"name", name}, {"uid", "s"}, {"resourceVersion", "5"}}},
      {"spec", {{"clusterIP", address}, {"clusterIPs", json::array({address})}}}};
}

class ClusterTest : public ::testing::Test {
 protected:
  void Start(ClusterOptions options = {}) {
    cluster_ = std::make_unique<Cluster>(std::move(options), transport_, store_, limits_,
                                         [this] { ++objects_calls_; });
    cluster_->Start();
    transport_.RunPosted();
  }
  /// The objects are listed; then whatever they need is being asked for.
  void StartWith(const std::vector<json>& objects, const std::vector<json>& jobs = {}) {
    Start();
    AnswerList(kObjects, objects);
    AnswerList(kJobs, jobs);
    Settle();
  }
  /// "web" with its deployment and one pod, all listed.
  void StartWithWeb() {
    StartWith({ObjectJson("web")});
    AnswerList(kDeployments, {DeploymentJson("web", 3)});
    AnswerList(kPods, {PodJson("web-a", {{"app", "web"}})});
    Answer(kSlices, 404, "404 page not found");
    AnswerList(kServices, {ServiceJson("team", "web", "10.96.0.1")});
    Settle();
  }
  void Settle() { transport_.Advance(std::chrono::milliseconds(10)); }
  /// Second by second, with a server that answers every probe.
  void AdvanceInContact(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      transport_.Advance(std::chrono::seconds(1));
      const size_t probe = transport_.Find("/version");
      if (probe != transport_.kNone) transport_.Answer(probe, 200, "{}");
    }
  }

  bool Asked(const std::string& path) const { return transport_.Find(path) != transport_.kNone; }
  bool Listing(const std::string& path) const { return Asked(path + "?limit="); }
  bool Watching(const std::string& path) const { return Asked(path + "?watch="); }
  void Answer(const std::string& path, int status, const std::string& body) {
    const size_t request = transport_.Find(path);
    ASSERT_NE(request, transport_.kNone) << path;
    transport_.Answer(request, status, body);
  }
  void Break(const std::string& path) {
    const size_t request = transport_.Find(path);
    ASSERT_NE(request, transport_.kNone) << path;
    transport_.Done(request, absl::UnavailableError("connection refused"));
  }
  /// Answers the list under way, and opens the watch that follows.
  void AnswerList(const std::string& path, const std::vector<json>& items) {
    Answer(path + "?limit=", 200,
           json({{"metadata", {{"resourceVersion", "5"}}}, {"items", items}}).dump());
    const size_t watch = transport_.Find(path + "?watch=");
    ASSERT_NE(watch, transport_.kNone) << path;
    transport_.Head(watch, 200);
  }
  void Event(const std::string& path, const char* type, const json& object) {
    const size_t watch = transport_.Find(path + "?watch=");
    ASSERT_NE(watch, transport_.kNone) << path;
    transport_.Data(watch, json({{"type", type}, {"object", object}}).dump() + "\n");
    Settle();
  }

  std::string ProblemOf(const std::string& name) const {
    const auto workload = Find(name);
    return workload ? workload->problem : "no such object";
  }
  std::optional<Workload> Find(const std::string& name) const {
    return store_.Find({model::ObjectKind::kScaledObject, "team", name});
  }
  std::vector<std::string> PodsOf(const std::string& name) const {
    std::vector<std::string> names;
    const auto workload = Find(name);
    if (!workload) return names;
    for (const PodPtr& pod : workload->pods) names.push_back(pod->name.name);
    return names;
  }
  /// Whose the address is: "nobody's", or why that is not known.
  std::string OwnerOf(const std::string& address) const {
    const auto owner = cluster_->NamespaceOfAddress(address);
    return owner.ok() ? owner->value_or("nobody's") : std::string(owner.status().message());
  }
  /// The state of one watch; nameless where there is none.
  ReflectorState StateOf(const std::string& name) const {
    for (const ReflectorState& state : cluster_->Watches()) {
      if (state.name == name) return state;
    }
    return {};
  }

  kgs::testing::FakeClock clock_;
  kgs::testing::FakeTransport transport_{clock_};
  telemetry::LimitCounters limits_;
  Store store_{clock_, [](const PodPtr&) {}};
  int objects_calls_ = 0;
  std::unique_ptr<Cluster> cluster_;
};

}  // namespace kgs::kube::testing
