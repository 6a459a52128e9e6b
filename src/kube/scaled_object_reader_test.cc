// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "kube/objects.h"

namespace kgs::kube {
namespace {

using model::HpaMetricType;
using model::ObjectKind;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

bool NamesUs(const std::string& address) { return address == "us:6000"; }

json Object() {
  return json::parse(R"({
    "metadata": {"namespace": "team", "name": "web", "uid": "o1", "generation": 3},
    "spec": {"scaleTargetRef": {"name": "web"},
             "triggers": [{"type": "external", "metadata": {"scalerAddress": "us:6000"}}]}})");
}

absl::StatusOr<model::ScaledObject> Read(const json& object,
                                         ObjectKind kind = ObjectKind::kScaledObject) {
  return ReadScaledObject(kind, object, NamesUs);
}

absl::StatusOr<model::ScaledObject> ReadWith(const char* pointer, const json& value) {
  json object = Object();
  object[json::json_pointer(pointer)] = value;
  return Read(object);
}

std::string ErrorWith(const char* pointer, const json& value) {
  const absl::StatusOr<model::ScaledObject> result = ReadWith(pointer, value);
  if (result.ok()) return "accepted";
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(result.status().message());
}

TEST(ReadScaledObject, HasKedasDefaults) {
  const absl::StatusOr<model::ScaledObject> object = Read(Object());
  ASSERT_TRUE(object.ok()) << object.status();
  EXPECT_EQ(object->key.Text(), "ScaledObject team/web");
  EXPECT_EQ(object->uid, "o1");
  EXPECT_EQ(object->generation, 3);
  EXPECT_EQ(object->target, (model::TargetRef{"apps", "v1", "Deployment", "deployments", "web"}));
  EXPECT_EQ(object->polling_interval, std::chrono::seconds(30));
  EXPECT_EQ(object->min_replicas, 0);
  EXPECT_EQ(object->max_replicas, 100);
  EXPECT_EQ(object->idle_replicas, std::nullopt);
  EXPECT_FALSE(object->modifiers.has_value());
  EXPECT_FALSE(object->paused);
  ASSERT_THAT(object->triggers, SizeIs(1));
  EXPECT_EQ(object->triggers[0].index, 0);
  EXPECT_EQ(object->triggers[0].name, "");
  EXPECT_FALSE(object->triggers[0].push);
  EXPECT_EQ(object->triggers[0].metric_type, HpaMetricType::kAverageValue);
  EXPECT_THAT(object->triggers[0].metadata, ElementsAre(Pair("scalerAddress", "us:6000")));
}

TEST(ReadScaledObject, ReadsCounts) {
  json object = Object();
  object["spec"].update(json::parse(R"({"pollingInterval": 5, "minReplicaCount": 2,
                                        "maxReplicaCount": 7, "idleReplicaCount": 0})"));
  const absl::StatusOr<model::ScaledObject> read = Read(object);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->polling_interval, std::chrono::seconds(5));
  EXPECT_EQ(read->min_replicas, 2);
  EXPECT_EQ(read->max_replicas, 7);
  EXPECT_EQ(read->idle_replicas, 0);
}

TEST(ReadScaledObject, KeepsTheTriggersThatNameUsWithTheirPlace) {
  const absl::StatusOr<model::ScaledObject> object = ReadWith("/spec/triggers", json::parse(R"([
      {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "80"}},
      {"type": "external", "metadata": {"scalerAddress": "them:6000"}},
      {"type": "external", "name": "q", "metricType": "Value",
       "metadata": {"scalerAddress": "us:6000", "modelFromEnv": "MODEL", "empty": ""}},
      {"type": "external", "metricType": "Utilization", "metadata": {"scalerAddress": "us:6000"}},
      {"type": "prometheus", "metadata": {"scalerAddress": "us:6000"}},
      {"type": "external"},
      {"type": "external-push", "metricType": "AverageValue",
       "metadata": {"scalerAddress": "us:6000"}}])"));
  ASSERT_TRUE(object.ok()) << object.status();
  // Without the one of type Utilization, which KEDA refuses and never asks for.
  ASSERT_THAT(object->triggers, SizeIs(2));
  EXPECT_EQ(object->triggers[0].index, 2);
  EXPECT_EQ(object->triggers[0].name, "q");
  EXPECT_EQ(object->triggers[0].metric_type, HpaMetricType::kValue);
  EXPECT_THAT(object->triggers[0].metadata,
              ElementsAre(Pair("empty", ""), Pair("modelFromEnv", "MODEL"),
                          Pair("scalerAddress", "us:6000")));
  EXPECT_EQ(object->triggers[1].index, 6);
  EXPECT_TRUE(object->triggers[1].push);
}

TEST(ReadScaledObject, MayHaveNoTriggerThatNamesUs) {
  const absl::StatusOr<model::ScaledObject> object = ReadWith("/spec/triggers", nullptr);
  ASSERT_TRUE(object.ok()) << object.status();
  EXPECT_THAT(object->triggers, IsEmpty());
}

TEST(ReadScaledObject, TakesTheResourceFromStatusOnlyForTheSameKind) {
  json object = Object();
  object["spec"]["scaleTargetRef"] = {
      {"apiVersion", "argoproj.io/v1alpha1"}, {"kind", "Rollout"}, {"name", "web"}};
  EXPECT_EQ(Read(object)->target,
            (model::TargetRef{"argoproj.io", "v1alpha1", "Rollout", "", "web"}));
  object["status"]["scaleTargetGVKR"] = {{"group", "argoproj.io"},
                                         {"version", "v1alpha1"},
                                         {"kind", "Rollout"},
                                         {"resource", "rollouts"}};
  EXPECT_EQ(Read(object)->target.resource, "rollouts");
  // An edit of spec that KEDA has not seen yet.
  for (const char* part : {"group", "version", "kind"}) {
    json stale = object;
    stale["status"]["scaleTargetGVKR"][part] = "other";
    EXPECT_EQ(Read(stale)->target.resource, "") << part;
  }
  object["spec"]["scaleTargetRef"] = {{"name", "web"}};
  EXPECT_EQ(Read(object)->target.resource, "deployments");
}

TEST(ReadScaledObject, ReadsTheCoreGroup) {
  json object = Object();
  object["spec"]["scaleTargetRef"] = {
      {"apiVersion", "v1"}, {"kind", "ReplicationController"}, {"name", "web"}};
  EXPECT_EQ(Read(object)->target, (model::TargetRef{"", "v1", "ReplicationController", "", "web"}));
}

TEST(ReadScaledObject, ReadsScalingModifiers) {
  const absl::StatusOr<model::ScaledObject> object =
      ReadWith("/spec/advanced", json::parse(R"({"scalingModifiers": {
                   "formula": "a + b", "target": "10", "metricType": "Value"}})"));
  ASSERT_TRUE(object.ok() && object->modifiers.has_value()) << object.status();
  EXPECT_EQ(object->modifiers->formula, "a + b");
  EXPECT_EQ(object->modifiers->target, "10");
  EXPECT_EQ(object->modifiers->metric_type, HpaMetricType::kValue);
  EXPECT_FALSE(ReadWith("/spec/advanced", {{"scalingModifiers", json::object()}})->modifiers);
  EXPECT_THAT(ErrorWith("/spec/advanced", {{"scalingModifiers", {{"metricType", "Utilization"}}}}),
              HasSubstr("spec.advanced.scalingModifiers.metricType: neither"));
}

TEST(ReadScaledObject, KnowsWhenKedaIsPaused) {
  const auto paused = [](const char* annotation, const char* value,
                         ObjectKind kind = ObjectKind::kScaledObject) {
    json object = Object();
    object["metadata"]["annotations"] = {{annotation, value}};
    return Read(object, kind)->paused;
  };
  constexpr char kPaused[] = "autoscaling.keda.sh/paused";
  for (const char* value : {"true", "1", "T", "yes", "", "0.0", "FaLsE"}) {
    EXPECT_TRUE(paused(kPaused, value)) << value;
  }
  for (const char* value : {"false", "0", "f", "F", "FALSE", "False"}) {
    EXPECT_FALSE(paused(kPaused, value)) << value;
  }
  EXPECT_TRUE(paused("autoscaling.keda.sh/paused-replicas", "0"));
  EXPECT_FALSE(paused("autoscaling.keda.sh/paused-scale-in", "true"));
  EXPECT_TRUE(paused(kPaused, "true", ObjectKind::kScaledJob));
  EXPECT_FALSE(paused("autoscaling.keda.sh/paused-replicas", "0", ObjectKind::kScaledJob));
}

TEST(ReadScaledObject, OfAScaledJobHasNeitherTargetNorHpa) {
  json object = Object();
  object["spec"].erase("scaleTargetRef");
  object["spec"]["triggers"][0]["metricType"] = "Utilization";
  const absl::StatusOr<model::ScaledObject> job = Read(object, ObjectKind::kScaledJob);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->key.Text(), "ScaledJob team/web");
  EXPECT_EQ(job->target, model::TargetRef());
  ASSERT_THAT(job->triggers, SizeIs(1));
  EXPECT_EQ(job->triggers[0].metric_type, HpaMetricType::kNone);
}

TEST(ReadScaledObject, NamesWhatIsWrong) {
  EXPECT_EQ(ErrorWith("/spec/pollingInterval", "30"),
            "ScaledObject team/web: spec.pollingInterval: not a whole number");
  EXPECT_THAT(ErrorWith("/spec/pollingInterval", 0), HasSubstr("not between 1 and"));
  EXPECT_THAT(ErrorWith("/spec/minReplicaCount", -1), HasSubstr("spec.minReplicaCount"));
  EXPECT_THAT(ErrorWith("/spec/maxReplicaCount", 4294967296), HasSubstr("spec.maxReplicaCount"));
  EXPECT_THAT(ErrorWith("/spec/idleReplicaCount", true), HasSubstr("spec.idleReplicaCount"));
  EXPECT_THAT(ErrorWith("/spec/scaleTargetRef", nullptr),
              HasSubstr("spec.scaleTargetRef.name: missing"));
  EXPECT_THAT(ErrorWith("/spec/scaleTargetRef/kind", 1), HasSubstr("spec.scaleTargetRef.kind"));
  EXPECT_THAT(ErrorWith("/spec/triggers", json::object()),
              HasSubstr("spec.triggers: not an array"));
  EXPECT_THAT(ErrorWith("/spec/triggers/0/metadata/x", 80),
              HasSubstr("spec.triggers[0].metadata.x: not a string"));
  EXPECT_THAT(ErrorWith("/metadata/annotations", {{"autoscaling.keda.sh/paused", true}}),
              HasSubstr("metadata.annotations.autoscaling.keda.sh/paused: not a string"));
  EXPECT_THAT(ErrorWith("/status", 1), HasSubstr("status: not an object"));
}

}  // namespace
}  // namespace kgs::kube
