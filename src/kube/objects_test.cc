// SPDX-License-Identifier: Apache-2.0
#include "kube/objects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace kgs::kube {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

json Pod() {
  return json::parse(R"({
    "metadata": {"namespace": "team", "name": "web-0", "uid": "u1",
                 "labels": {"tier": "front", "app": "web"},
                 "annotations": {"leaderworkerset.sigs.k8s.io/size": "4"}},
    "spec": {"nodeName": "node-a"},
    "status": {"phase": "Running", "startTime": "2026-01-01T00:00:00Z", "conditions": [
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2025-01-01T00:00:00Z"},
        {"type": "Ready", "status": "True", "lastProbeTime": null,
         "lastTransitionTime": "2026-01-01T00:00:07Z"}],
      "podIP": "10.244.1.7", "podIPs": [{"ip": "10.244.1.7"}], "containerStatuses": [
        {"name": "sidecar", "state": {"running": {"startedAt": "2026-01-01T00:00:09Z"}}},
        {"name": "server", "state": {"running": {"startedAt": "2026-01-01T00:00:03Z"}}},
        {"name": "loader", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}})");
}

template <typename T>
std::string ErrorOf(const absl::StatusOr<T>& result) {
  if (result.ok()) return "accepted";
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(result.status().message());
}

/// What reading says after \p pointer was set to \p value.
std::string PodErrorWith(const char* pointer, const json& value) {
  json object = Pod();
  object[json::json_pointer(pointer)] = value;
  return ErrorOf(ReadPod(object));
}

TEST(ReadMeta, NeedsNameAndUid) {
  const absl::StatusOr<ObjectMeta> meta =
      ReadMeta(json::parse(R"({"metadata": {"name": "slice-1", "uid": "u"}})"));
  ASSERT_TRUE(meta.ok()) << meta.status();
  EXPECT_EQ(meta->object_namespace, "");
  EXPECT_EQ(meta->name, "slice-1");
  EXPECT_EQ(meta->uid, "u");
  EXPECT_THAT(ErrorOf(ReadMeta(json::parse(R"({"metadata": {"name": "a"}})"))),
              HasSubstr("object a: metadata.uid: missing"));
  EXPECT_THAT(ErrorOf(ReadMeta(json::parse("{}"))), HasSubstr("metadata.name: missing"));
  EXPECT_THAT(ErrorOf(ReadMeta(json::parse("[]"))), HasSubstr("no JSON object"));
  EXPECT_THAT(ErrorOf(ReadMeta(json())), HasSubstr("no JSON object"));
}

TEST(ReadPod, KeepsWhatAnAnswerNeeds) {
  const absl::StatusOr<model::Pod> pod = ReadPod(Pod());
  ASSERT_TRUE(pod.ok()) << pod.status();
  EXPECT_EQ(pod->name.Text(), "team/web-0");
  EXPECT_EQ(pod->uid, "u1");
  EXPECT_EQ(pod->node, "node-a");
  EXPECT_THAT(pod->labels, ElementsAre(Pair("app", "web"), Pair("tier", "front")));
  EXPECT_EQ(pod->phase, model::PodPhase::kRunning);
  EXPECT_FALSE(pod->terminating);
  EXPECT_EQ(pod->started_unix_seconds, 1767225600);
  EXPECT_TRUE(pod->ready);
  EXPECT_EQ(pod->ready_changed_unix_seconds, 1767225607);
  EXPECT_EQ(pod->ip, "10.244.1.7");
  EXPECT_EQ(pod->containers_started_unix_seconds, 1767225609);
  EXPECT_EQ(pod->group_size, 4);
  EXPECT_EQ(pod->seen_started, std::nullopt);
  EXPECT_EQ(pod->seen_replacing, std::nullopt);
}

TEST(ReadPod, TakesNullAndAbsentAlike) {
  for (const bool null : {false, true}) {
    json object = Pod();
    for (const char* path : {"/metadata/labels", "/metadata/annotations", "/spec/nodeName",
                             "/status/phase", "/status/startTime", "/status/conditions",
                             "/status/podIP", "/status/containerStatuses"}) {
      const json::json_pointer pointer(path);
      object[pointer] = nullptr;
      if (!null) object[pointer.parent_pointer()].erase(pointer.back());
    }
    const absl::StatusOr<model::Pod> pod = ReadPod(object);
    ASSERT_TRUE(pod.ok()) << pod.status();
    EXPECT_THAT(pod->labels, IsEmpty());
    EXPECT_EQ(pod->node, "");
    EXPECT_EQ(pod->phase, model::PodPhase::kUnknown);
    EXPECT_EQ(pod->started_unix_seconds, std::nullopt);
    EXPECT_FALSE(pod->ready);
    EXPECT_EQ(pod->ip, "");
    EXPECT_EQ(pod->containers_started_unix_seconds, std::nullopt);
    EXPECT_EQ(pod->group_size, 0);
  }
}

TEST(ReadPod, KnowsPhasesDeletionAndReadiness) {
  json object = Pod();
  object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  object["status"]["conditions"][1]["status"] = "Unknown";
  const std::pair<const char*, model::PodPhase> phases[] = {
      {"Pending", model::PodPhase::kPending}, {"Succeeded", model::PodPhase::kSucceeded},
      {"Failed", model::PodPhase::kFailed},   {"Unknown", model::PodPhase::kUnknown},
      {"Paused", model::PodPhase::kUnknown},
  };
  for (const auto& [text, phase] : phases) {
    object["status"]["phase"] = text;
    const absl::StatusOr<model::Pod> pod = ReadPod(object);
    ASSERT_TRUE(pod.ok()) << pod.status();
    EXPECT_EQ(pod->phase, phase) << text;
    EXPECT_TRUE(pod->terminating);
    EXPECT_FALSE(pod->ready);
  }
}

TEST(ReadPod, NamesWhatIsWrong) {
  EXPECT_EQ(PodErrorWith("/spec/nodeName", 7), "pod team/web-0: spec.nodeName: not a string");
  EXPECT_THAT(PodErrorWith("/spec", "x"), HasSubstr("spec: not an object"));
  EXPECT_THAT(PodErrorWith("/metadata/namespace", nullptr),
              HasSubstr("metadata.namespace: missing"));
  EXPECT_THAT(PodErrorWith("/metadata/uid", ""), HasSubstr("metadata.uid: missing"));
  EXPECT_THAT(PodErrorWith("/metadata/labels/app", json::array()),
              HasSubstr("metadata.labels.app: not a string"));
  EXPECT_THAT(PodErrorWith("/status/startTime", "yesterday"),
              HasSubstr("status.startTime: not a time of RFC 3339"));
  EXPECT_THAT(PodErrorWith("/status/startTime", 1767225600), HasSubstr("status.startTime"));
  EXPECT_THAT(PodErrorWith("/status/conditions", json::object()),
              HasSubstr("status.conditions: not an array"));
  EXPECT_THAT(PodErrorWith("/status/conditions/0", 1),
              HasSubstr("status.conditions[0]: not an object"));
  EXPECT_THAT(PodErrorWith("/status/conditions/1/lastTransitionTime", ""),
              HasSubstr("status.conditions[1].lastTransitionTime"));
  EXPECT_THAT(PodErrorWith("/status/podIP", 10), HasSubstr("status.podIP: not a string"));
  EXPECT_THAT(PodErrorWith("/status/containerStatuses/1/state/running/startedAt", "now"),
              HasSubstr("status.containerStatuses[1].state.running.startedAt"));
  for (const char* size : {"0", "-1", "2.5", "many", "2147483648"}) {
    json object = Pod();
    object["metadata"]["annotations"]["leaderworkerset.sigs.k8s.io/size"] = size;
    EXPECT_THAT(ErrorOf(ReadPod(object)), HasSubstr("size: not a whole number from 1")) << size;
  }
}

const model::TargetRef kDeployment = {"apps", "v1", "Deployment", "deployments", ""};

json Deployment() {
  return json::parse(R"({
    "metadata": {"namespace": "team", "name": "web", "uid": "d1"},
    "spec": {"replicas": 3, "selector": {
      "matchLabels": {"tier": "front", "app": "web"},
      "matchExpressions": [{"key": "track", "operator": "NotIn", "values": ["b", "a"]},
                           {"key": "zone", "operator": "Exists"},
                           {"key": "old", "operator": "DoesNotExist", "values": null},
                           {"key": "kind", "operator": "In", "values": ["x"]}]}}})");
}

TEST(ReadAppsTarget, ReadsReplicasAndSelector) {
  const absl::StatusOr<model::ScaleTarget> target = ReadAppsTarget(kDeployment, Deployment());
  ASSERT_TRUE(target.ok()) << target.status();
  EXPECT_EQ(target->ref.Text(), "apps/v1 Deployment web");
  EXPECT_EQ(target->ref.resource, "deployments");
  EXPECT_EQ(target->target_namespace, "team");
  EXPECT_EQ(target->uid, "d1");
  EXPECT_EQ(target->replicas, 3);
  EXPECT_EQ(target->selector.Text(), "app=web,tier=front,track notin (a,b),zone,!old,kind=x");
}

TEST(ReadAppsTarget, WithoutReplicasIsOneAndZeroIsZero) {
  json object = Deployment();
  object["spec"]["replicas"] = 0;
  EXPECT_EQ(ReadAppsTarget(kDeployment, object)->replicas, 0);
  object["spec"].erase("replicas");
  EXPECT_EQ(ReadAppsTarget(kDeployment, object)->replicas, 1);
}

TEST(ReadAppsTarget, NamesWhatIsWrong) {
  const auto error_with = [](const char* pointer, const json& value) {
    json object = Deployment();
    object[json::json_pointer(pointer)] = value;
    return ErrorOf(ReadAppsTarget(kDeployment, object));
  };
  EXPECT_EQ(error_with("/spec/replicas", "3"),
            "Deployment team/web: spec.replicas: not a whole number");
  EXPECT_THAT(error_with("/spec/replicas", 2.5), HasSubstr("not a whole number"));
  EXPECT_THAT(error_with("/spec/replicas", -1), HasSubstr("not between 0 and 2147483647"));
  EXPECT_THAT(error_with("/spec/replicas", 18446744073709551615ULL),
              HasSubstr("not a whole number"));
  EXPECT_THAT(error_with("/spec/selector", json::object()), HasSubstr("spec.selector: empty"));
  EXPECT_THAT(error_with("/spec/selector/matchLabels/app", 1), HasSubstr("matchLabels.app"));
  EXPECT_THAT(error_with("/spec/selector/matchExpressions/1/operator", "Near"),
              HasSubstr("spec.selector.matchExpressions[1].operator: none of In"));
  EXPECT_THAT(error_with("/spec/selector/matchExpressions/0/values", json::array()),
              HasSubstr("matchExpressions[0].values: missing"));
  EXPECT_THAT(error_with("/spec/selector/matchExpressions/1/values", {"a"}),
              HasSubstr("matchExpressions[1].values: not empty"));
  EXPECT_THAT(error_with("/spec/selector/matchExpressions/0/values", {1}),
              HasSubstr("matchExpressions[0].values[0]: not a string"));
  EXPECT_THAT(error_with("/spec/selector/matchExpressions/0/key", "a b"),
              HasSubstr("matchExpressions[0].key: \"a b\" is no label key"));
  EXPECT_THAT(error_with("/spec/selector/matchExpressions/0/values/1", "a,b"),
              HasSubstr("matchExpressions[0].value: \"a,b\" is no label value"));
  EXPECT_THAT(error_with("/spec/selector/matchLabels/app", "web,!old"),
              HasSubstr("matchLabels.value: \"web,!old\" is no label value"));
}

TEST(ReadScale, ReadsWhatAScaleSays) {
  const model::TargetRef ref = {"argoproj.io", "v1alpha1", "Rollout", "rollouts", "canary"};
  json object = json::parse(R"({"metadata": {"namespace": "team", "name": "canary", "uid": "r1"},
      "spec": {"replicas": 2}, "status": {"replicas": 1, "selector": "app=canary,!old"}})");
  const absl::StatusOr<model::ScaleTarget> target = ReadScale(ref, object);
  ASSERT_TRUE(target.ok()) << target.status();
  EXPECT_EQ(target->ref, ref);
  EXPECT_EQ(target->uid, "r1");
  EXPECT_EQ(target->replicas, 2);
  EXPECT_EQ(target->selector.Text(), "app=canary,!old");

  object["spec"].erase("replicas");
  EXPECT_EQ(ReadScale(ref, object)->replicas, 0);

  object["status"]["selector"] = "app in";
  EXPECT_THAT(ErrorOf(ReadScale(ref, object)), HasSubstr("'(' expected at the end"));
  object["status"].erase("selector");
  EXPECT_THAT(ErrorOf(ReadScale(ref, object)),
              HasSubstr("scale of Rollout team/canary: status.selector: empty"));
}

json Slice() {
  return json::parse(R"({"metadata": {"name": "s", "uid": "u"}, "spec": {
      "driver": "gpu.nvidia.com", "pool": {"name": "node-a", "generation": 1},
      "devices": [{"name": "gpu-0", "attributes": {"uuid": {"string": "GPU-0"}}},
                  {"name": "gpu-1", "basic": {"attributes": {"uuid": {"string": "GPU-1"}}}},
                  {"name": "gpu-2", "attributes": {"gpu.nvidia.com/uuid": {"string": "GPU-2"}}},
                  {"name": "nic-0", "attributes": {"type": {"string": "nic"}}},
                  {"name": "nic-1"}]}})");
}

TEST(ReadResourceSlice, ReadsAllVersionsAndLeavesOutWhatHasNoUuid) {
  const auto devices = ReadResourceSlice(Slice());
  ASSERT_TRUE(devices.ok()) << devices.status();
  using Device = model::DraDevice;
  EXPECT_THAT(*devices, ElementsAre(Pair(Device{"gpu.nvidia.com", "node-a", "gpu-0"}, "GPU-0"),
                                    Pair(Device{"gpu.nvidia.com", "node-a", "gpu-1"}, "GPU-1"),
                                    Pair(Device{"gpu.nvidia.com", "node-a", "gpu-2"}, "GPU-2")));
}

TEST(ReadResourceSlice, NamesWhatIsWrong) {
  json object = Slice();
  object["spec"]["devices"][0]["attributes"]["uuid"]["string"] = 5;
  EXPECT_EQ(ErrorOf(ReadResourceSlice(object)),
            "ResourceSlice s: spec.devices[0].attributes.uuid.string: not a string");
  object = Slice();
  object["spec"].erase("driver");
  EXPECT_THAT(ErrorOf(ReadResourceSlice(object)), HasSubstr("spec.driver: missing"));
  object = Slice();
  object["spec"]["pool"] = nullptr;
  EXPECT_THAT(ErrorOf(ReadResourceSlice(object)), HasSubstr("spec.pool.name: missing"));
}

TEST(AppsResource, KnowsTheKindsThatAreWatched) {
  EXPECT_EQ(AppsResource({"apps", "v1", "Deployment", "", "a"}), "deployments");
  EXPECT_EQ(AppsResource({"apps", "v1", "StatefulSet", "", "a"}), "statefulsets");
  EXPECT_EQ(AppsResource({"apps", "v1", "ReplicaSet", "", "a"}), "replicasets");
  EXPECT_EQ(AppsResource({"apps", "v1beta1", "Deployment", "", "a"}), std::nullopt);
  EXPECT_EQ(AppsResource({"apps", "v1", "DaemonSet", "", "a"}), std::nullopt);
  EXPECT_EQ(AppsResource({"apps.kruise.io", "v1", "Deployment", "", "a"}), std::nullopt);
}

TEST(IsDroppedKey, DropsBulkAndNothingThatIsRead) {
  for (const char* key : {"affinity", "managedFields", "containers", "template", "volumes"}) {
    EXPECT_TRUE(IsDroppedKey(key)) << key;
  }
  for (const char* key :
       {"", "metadata", "labels", "annotations", "spec", "nodeName", "status", "conditions",
        "podIP", "containerStatuses", "selector", "matchLabels", "triggers", "devices",
        "attributes", "basic", "pool", "advanced", "zzz"}) {
    EXPECT_FALSE(IsDroppedKey(key)) << key;
  }
}

}  // namespace
}  // namespace kgs::kube
