// SPDX-License-Identifier: Apache-2.0
#include "http/debug_page.h"

#include <nlohmann/json.hpp>
#include <string_view>

#include "catalogue/metrics.h"

namespace kgs::http {
namespace {

using nlohmann::ordered_json;

Page JsonPage(const ordered_json& json) {
  // Text from drivers need not be UTF-8; a page must not fail over it.
  return {200, "application/json",
          json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n"};
}

const char* StateName(model::DeviceState state) {
  switch (state) {
    case model::DeviceState::kPresent:
      return "present";
    case model::DeviceState::kLost:
      return "lost";
    case model::DeviceState::kNotPermitted:
      return "not permitted";
  }
  return "";
}

const char* PhaseName(model::PodPhase phase) {
  switch (phase) {
    case model::PodPhase::kPending:
      return "Pending";
    case model::PodPhase::kRunning:
      return "Running";
    case model::PodPhase::kSucceeded:
      return "Succeeded";
    case model::PodPhase::kFailed:
      return "Failed";
    case model::PodPhase::kUnknown:
      return "Unknown";
  }
  return "";
}

ordered_json ReadingsJson(const model::GpuSnapshot& gpu, base::SteadyTime now) {
  ordered_json json = ordered_json::object();
  for (const catalogue::Metric& metric : catalogue::Metrics()) {
    const model::Reading& reading = gpu.readings[metric.id];
    ordered_json& entry = json[std::string(metric.name)];
    if (reading.has_value()) {
      entry["value"] = reading.value();
      entry["age_seconds"] = base::Seconds(now - reading.taken());
    }
    if (!reading.detail().empty()) entry["detail"] = reading.detail();
    // That of its GPU, and so of its other MIG devices too.
    if (gpu.identity.mig && !metric.of_instance) entry["shared"] = true;
  }
  return json;
}

void AddHealth(const model::GpuHealth& health, base::SteadyTime now, ordered_json& json) {
  for (const model::XidCount& xid : health.xids) {
    json["xids"].push_back(
        {{"code", xid.code}, {"count", xid.count}, {"age_seconds", base::Seconds(now - xid.last)}});
  }
  if (!health.recovery_action.empty()) json["recovery_action"] = health.recovery_action;
}

/// What is not known has its problem instead.
ordered_json PodUsesJson(const model::PodUses& uses, base::SteadyTime now) {
  const bool has_utilization = uses.utilization_problem.empty();
  const bool has_memory = uses.memory_problem.empty();
  ordered_json json = ordered_json::object();
  if (has_utilization) {
    json["utilization_age_seconds"] = base::Seconds(now - uses.UtilizationTaken());
  } else {
    json["utilization_problem"] = uses.utilization_problem;
  }
  if (has_memory) {
    json["memory_age_seconds"] = base::Seconds(now - uses.taken);
  } else {
    json["memory_problem"] = uses.memory_problem;
  }
  json["pods"] = ordered_json::array();
  for (const model::PodUse& use : uses.pods) {
    ordered_json pod = {{"uid", use.pod_uid}};
    if (has_utilization) pod["utilization"] = use.utilization;
    if (has_memory && use.memory_mib) pod["memory_mib"] = *use.memory_mib;
    json["pods"].push_back(std::move(pod));
  }
  return json;
}

ordered_json GpuJson(const model::GpuSnapshot& gpu, base::SteadyTime now) {
  ordered_json json = {{"index", gpu.identity.index},
                       {"uuid", gpu.identity.uuid},
                       {"name", gpu.identity.name},
                       {"pci_bus_id", gpu.identity.pci_bus_id},
                       {"state", StateName(gpu.state)}};
  if (!gpu.state_reason.empty()) json["state_reason"] = gpu.state_reason;
  if (gpu.identity.mig) {
    json["mig"] = {{"parent_uuid", gpu.identity.mig->parent_uuid},
                   {"profile", gpu.identity.mig->profile},
                   {"gpu_instance", gpu.identity.mig->gpu_instance},
                   {"compute_instance", gpu.identity.mig->compute_instance}};
  }
  AddHealth(gpu.health, now, json);
  json["readings"] = ReadingsJson(gpu, now);
  if (gpu.pod_uses) json["pod_uses"] = PodUsesJson(*gpu.pod_uses, now);
  return json;
}

ordered_json HeldJson(const model::PodDevices& pod, const model::NodeSnapshot& snapshot) {
  ordered_json devices = ordered_json::array();
  for (const model::HeldDevice& device : pod.devices) {
    ordered_json json = {{"shares", device.shares}, {"all_shares", device.all_shares}};
    if (device.gpu) json["uuid"] = snapshot.gpus[*device.gpu].identity.uuid;
    if (device.dra) json["dra"] = device.dra->Text();
    if (!device.problem.empty()) json["problem"] = device.problem;
    devices.push_back(std::move(json));
  }
  return {{"namespace", pod.pod.pod_namespace}, {"name", pod.pod.name}, {"devices", devices}};
}

ordered_json NodeJson(const std::string& name, const fleet::NodeState& node, base::SteadyTime now) {
  ordered_json json = {
      {"name", name}, {"connected", node.connected}, {"agent_version", node.agent_version}};
  if (node.report == nullptr) return json;
  const model::NodeReport& report = *node.report;
  json["report_age_seconds"] = base::Seconds(now - node.received);
  json["snapshot_age_seconds"] = base::Seconds(now - report.snapshot->taken);
  json["pods_listed"] = report.pods_listed;
  if (report.pods_listed) {
    json["pod_listing_age_seconds"] = base::Seconds(now - report.listed.steady);
  }
  if (!report.listing_problem.empty()) json["listing_problem"] = report.listing_problem;
  json["gpus"] = ordered_json::array();
  for (const model::GpuSnapshot& gpu : report.snapshot->gpus) {
    json["gpus"].push_back(GpuJson(gpu, now));
  }
  json["pods"] = ordered_json::array();
  for (const model::PodDevices& pod : report.pods) {
    json["pods"].push_back(HeldJson(pod, *report.snapshot));
  }
  return json;
}

ordered_json EnginesJson(const std::vector<model::PodEngineReading>& engines,
                         base::SteadyTime now) {
  ordered_json json = ordered_json::array();
  for (const model::PodEngineReading& engine : engines) {
    ordered_json entry = {{"query", engine.key}};
    if (engine.reading.has_value()) {
      entry["value"] = engine.reading.value();
    } else {
      entry["gap"] = model::EngineGapName(engine.reading.gap());
      entry["detail"] = engine.reading.detail();
    }
    const base::Duration age = now - engine.reading.taken();
    entry["age_seconds"] = base::Seconds(age);
    entry["fresh"] = age <= engine.max_age;
    json.push_back(std::move(entry));
  }
  return json;
}

ordered_json PodJson(const model::PodView& view, base::SteadyTime now) {
  const model::Pod& pod = *view.pod;
  ordered_json json = {{"name", pod.name.name},
                       {"uid", pod.uid},
                       {"node", pod.node},
                       {"phase", PhaseName(pod.phase)},
                       {"ready", pod.ready},
                       {"terminating", pod.terminating},
                       {"devices", model::UnattributedName(view.unattributed)}};
  if (!view.why.empty()) json["why"] = view.why;
  json["gpus"] = ordered_json::array();
  for (const model::PodGpu& gpu : view.gpus) {
    ordered_json entry = {{"uuid", gpu.snapshot().identity.uuid},
                          {"state", StateName(gpu.snapshot().state)},
                          {"shared", gpu.shared()},
                          {"shares", gpu.shares},
                          {"all_shares", gpu.all_shares}};
    entry["readings"] = ReadingsJson(gpu.snapshot(), now);
    json["gpus"].push_back(std::move(entry));
  }
  if (!view.engines.empty()) json["engines"] = EnginesJson(view.engines, now);
  return json;
}

ordered_json WorkloadJson(const model::WorkloadView& view, base::SteadyTime now) {
  ordered_json json = {{"kind", model::KindName(view.object->key.kind)},
                       {"namespace", view.object->key.object_namespace},
                       {"name", view.object->key.name},
                       {"triggers", view.object->triggers.size()}};
  if (view.target != nullptr) {
    json["target"] = view.target->ref.Text();
    json["replicas"] = view.target->replicas;
    json["selector"] = view.target->selector.Text();
  }
  if (!view.problem.empty()) json["problem"] = view.problem;
  json["pods"] = ordered_json::array();
  for (const model::PodView& pod : view.pods) json["pods"].push_back(PodJson(pod, now));
  return json;
}

}  // namespace

Page DebugNodesPage(const DebugInput& input) {
  ordered_json json = {{"nodes", ordered_json::array()}};
  for (const auto& [name, node] : input.nodes) {
    json["nodes"].push_back(NodeJson(name, node, input.now));
  }
  return JsonPage(json);
}

Page DebugWorkloadsPage(const DebugInput& input) {
  ordered_json json = {{"problem", input.kubernetes_problem}, {"workloads", ordered_json::array()}};
  for (const model::WorkloadView& workload : input.workloads) {
    json["workloads"].push_back(WorkloadJson(workload, input.now));
  }
  return JsonPage(json);
}

}  // namespace kgs::http
