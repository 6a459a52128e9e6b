// SPDX-License-Identifier: Apache-2.0
//
// Reads what a real kube-apiserver said (tests/fixtures/kube).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "kube/client/slim_json.h"
#include "kube/cluster.h"
#include "kube/objects.h"

namespace kgs::kube {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

/// As the reflector reads.
json Recorded(const std::string& file) {
  std::ifstream stream(std::filesystem::path(KGS_FIXTURES) / "kube" / file);
  const std::string text((std::istreambuf_iterator<char>(stream)), {});
  const absl::StatusOr<json> read = ReadSlimJson(text, IsDroppedKey);
  EXPECT_TRUE(read.ok()) << file << ": " << read.status();
  return read.value_or(json::object());
}

std::map<std::string, model::Pod> Pods() {
  std::map<std::string, model::Pod> pods;
  const json list = Recorded("list_pods.json");
  for (const json& item : list.at("items")) {
    const absl::StatusOr<model::Pod> pod = ReadPod(item);
    EXPECT_TRUE(pod.ok()) << pod.status();
    if (pod.ok()) pods.emplace(pod->name.name, *pod);
  }
  return pods;
}

std::map<std::string, model::ScaledObject> Objects(model::ObjectKind kind, const char* file) {
  const auto names_us = [](const std::string& address) {
    return NamesService({"keda-gpu-scaler"}, address);
  };
  std::map<std::string, model::ScaledObject> objects;
  const json list = Recorded(file);
  for (const json& item : list.at("items")) {
    const auto object = ReadScaledObject(kind, item, names_us);
    EXPECT_TRUE(object.ok()) << object.status();
    if (object.ok()) objects.emplace(object->key.name, *object);
  }
  return objects;
}

TEST(Recorded, Pods) {
  const std::map<std::string, model::Pod> pods = Pods();
  ASSERT_TRUE(pods.count("deepseek-0-1") == 1 && pods.count("llama-6f9c8d7b54-zz7lp") == 1);
  const model::Pod& worker = pods.at("deepseek-0-1");
  EXPECT_EQ(worker.name.pod_namespace, "inference");
  EXPECT_EQ(worker.uid.size(), 36u);
  EXPECT_EQ(worker.node, "gpu-node-b");
  EXPECT_EQ(worker.phase, model::PodPhase::kRunning);
  EXPECT_EQ(worker.started_unix_seconds, 1767225600);
  EXPECT_TRUE(worker.ready);
  EXPECT_EQ(worker.ready_changed_unix_seconds, 1767225600);
  EXPECT_EQ(worker.ip, "10.244.1.7");
  EXPECT_EQ(worker.containers_started_unix_seconds, 1767225600);
  EXPECT_EQ(*model::FindLabel(worker.labels, "leaderworkerset.sigs.k8s.io/name"), "deepseek");
  const model::Pod& pending = pods.at("llama-6f9c8d7b54-zz7lp");
  EXPECT_EQ(pending.node, "");
  EXPECT_EQ(pending.phase, model::PodPhase::kPending);
  EXPECT_EQ(pending.started_unix_seconds, std::nullopt);
  EXPECT_FALSE(pending.ready);
  EXPECT_EQ(pending.ip, "");
  EXPECT_EQ(pending.containers_started_unix_seconds, std::nullopt);
}

TEST(Recorded, ScaledObjects) {
  const auto objects = Objects(model::ObjectKind::kScaledObject, "list_scaledobjects.json");
  ASSERT_THAT(objects, SizeIs(4));
  EXPECT_THAT(objects.at("elsewhere").triggers, IsEmpty());
  EXPECT_TRUE(objects.at("elsewhere").paused);
  EXPECT_EQ(objects.at("llama").target.Text(), "apps/v1 Deployment llama");
  EXPECT_EQ(objects.at("deepseek").target.resource, "leaderworkersets");
  const model::ScaledObject& mixtral = objects.at("mixtral");
  EXPECT_EQ(mixtral.target.Text(), "apps/v1 StatefulSet mixtral");
  EXPECT_EQ(mixtral.polling_interval, std::chrono::seconds(15));
  EXPECT_EQ(mixtral.min_replicas, 1);
  EXPECT_EQ(mixtral.max_replicas, 10);
  EXPECT_EQ(mixtral.idle_replicas, 0);
  EXPECT_FALSE(mixtral.paused);
  ASSERT_TRUE(mixtral.modifiers.has_value());
  EXPECT_EQ(mixtral.modifiers->formula, "queue * 2");
  ASSERT_THAT(mixtral.triggers, SizeIs(2));
  EXPECT_TRUE(mixtral.triggers[0].push);
  EXPECT_EQ(mixtral.triggers[0].metric_type, model::HpaMetricType::kValue);
  EXPECT_EQ(mixtral.triggers[1].name, "queue");
  EXPECT_EQ(mixtral.triggers[1].metadata.at("modelFromEnv"), "MODEL");
}

TEST(Recorded, ScaledJobs) {
  const auto jobs = Objects(model::ObjectKind::kScaledJob, "list_scaledjobs.json");
  ASSERT_THAT(jobs, SizeIs(1));
  ASSERT_THAT(jobs.at("batch").triggers, SizeIs(1));
  EXPECT_EQ(jobs.at("batch").triggers[0].metric_type, model::HpaMetricType::kNone);
}

TEST(Recorded, AppsTargets) {
  const struct {
    const char* kind;
    const char* file;
    const char* name;
    int replicas;
    const char* selector;
  } rows[] = {
      {"Deployment", "list_deployments.json", "llama", 3, "app=llama"},
      {"StatefulSet", "list_statefulsets.json", "mixtral", 2, "app=mixtral"},
      {"ReplicaSet", "list_replicasets.json", "llama-6f9c8d7b54", 3,
       "app=llama,pod-template-hash=6f9c8d7b54"},
  };
  for (const auto& row : rows) {
    const json list = Recorded(row.file);
    const auto target = ReadAppsTarget({"apps", "v1", row.kind, "", ""}, list.at("items").at(0));
    ASSERT_TRUE(target.ok()) << target.status();
    EXPECT_EQ(target->ref.name, row.name);
    EXPECT_EQ(target->target_namespace, "inference");
    EXPECT_EQ(target->replicas, row.replicas);
    EXPECT_EQ(target->selector.Text(), row.selector);
  }
}

TEST(Recorded, Scales) {
  const std::pair<const char*, const char*> rows[] = {
      {"scale_deployment.json", "app=llama"},
      {"scale_rollout.json", "app=canary"},
      {"scale_leaderworkerset.json",
       "leaderworkerset.sigs.k8s.io/name=deepseek,leaderworkerset.sigs.k8s.io/worker-index=0"},
  };
  for (const auto& [file, selector] : rows) {
    const auto target = ReadScale({"g", "v1", "Kind", "kinds", "x"}, Recorded(file));
    ASSERT_TRUE(target.ok()) << target.status();
    EXPECT_EQ(target->target_namespace, "inference");
    EXPECT_GE(target->replicas, 1);
    EXPECT_EQ(target->selector.Text(), selector);
  }
}

TEST(Recorded, ResourceSlices) {
  const json list = Recorded("list_resourceslices.json");
  const auto devices = ReadResourceSlice(list.at("items").at(0));
  ASSERT_TRUE(devices.ok()) << devices.status();
  using Device = model::DraDevice;
  const std::string driver = "gpu.nvidia.com";
  EXPECT_THAT(*devices, ElementsAre(Pair(Device{driver, "gpu-node-a", "gpu-0"},
                                         "GPU-0f8ad3a1-9a1b-4c1e-8d5f-6e7f8091a2b3"),
                                    Pair(Device{driver, "gpu-node-a", "gpu-1-mig-1g10gb-19-0"},
                                         "MIG-2b7c9a10-3d4e-5f60-8172-93a4b5c6d7e8")));
}

}  // namespace
}  // namespace kgs::kube
