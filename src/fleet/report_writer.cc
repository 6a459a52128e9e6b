// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <string_view>

#include "base/strings.h"
#include "catalogue/metrics.h"
#include "fleet/wire.h"

namespace kgs::fleet {
namespace {

using model::Missing;
using model::NodeReport;
using model::Reading;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

int64_t Nanoseconds(base::SteadyTime time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

uint32_t Milliseconds(base::Duration duration) {
  const auto count = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  return static_cast<uint32_t>(std::clamp<int64_t>(count, 0, std::numeric_limits<uint32_t>::max()));
}

std::string Text(const std::string& text) {
  const bool ascii = std::all_of(text.begin(), text.end(),
                                 [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (ascii && text.size() <= kLongestText) return text;
  return base::Truncate(base::ReplaceInvalidUtf8(text), kLongestText);
}

pb::Note::Reason ReasonOf(Missing missing) {
  switch (missing) {
    case Missing::kNotSampledYet:
      return pb::Note::NOT_SAMPLED_YET;
    case Missing::kNotRequested:
      return pb::Note::NOT_REQUESTED;
    case Missing::kUnsupported:
    case Missing::kOfMigDevices:
      return pb::Note::UNSUPPORTED;
    case Missing::kNotPermitted:
      return pb::Note::NOT_PERMITTED;
    case Missing::kNotFound:
      return pb::Note::NOT_FOUND;
    case Missing::kNotReady:
      return pb::Note::NOT_READY;
    case Missing::kDriverError:
      return pb::Note::DRIVER_ERROR;
    case Missing::kStale:
      return pb::Note::STALE;
  }
  return pb::Note::DRIVER_ERROR;
}

pb::Gpu::State StateOf(model::DeviceState state) {
  switch (state) {
    case model::DeviceState::kPresent:
      return pb::Gpu::PRESENT;
    case model::DeviceState::kLost:
      return pb::Gpu::LOST;
    case model::DeviceState::kNotPermitted:
      return pb::Gpu::NOT_PERMITTED;
  }
  return pb::Gpu::PRESENT;
}

bool CanBeSent(const Reading& reading) {
  return reading.has_value() && std::isfinite(reading.value());
}

void AddNote(size_t metric, const Reading& reading, pb::Gpu* message) {
  if (CanBeSent(reading) && reading.detail().empty()) return;
  pb::Note* note = message->add_notes();
  note->set_metric(static_cast<uint32_t>(metric));
  if (!reading.has_value()) {
    note->set_reason(ReasonOf(reading.reason()));
    note->set_detail(Text(reading.detail()));
  } else if (CanBeSent(reading)) {
    note->set_reason(pb::Note::NOT_READY);
    note->set_detail(Text(reading.detail()));
  } else {
    note->set_reason(pb::Note::DRIVER_ERROR);
    note->set_detail("the driver gave a number that is not finite");
  }
}

void AddGpu(const model::GpuSnapshot& gpu, pb::Layout* layout) {
  pb::Gpu* message = layout->add_gpus();
  const model::GpuIdentity& identity = gpu.identity;
  message->set_index(identity.index);
  message->set_uuid(Text(identity.uuid));
  message->set_name(Text(identity.name));
  if (identity.minor_number) message->set_minor_number(*identity.minor_number);
  message->set_pci_bus_id(Text(identity.pci_bus_id));
  if (identity.drm_card) message->set_drm_card(*identity.drm_card);
  if (identity.mig) {
    message->mutable_mig()->set_parent_uuid(Text(identity.mig->parent_uuid));
    message->mutable_mig()->set_gpu_instance(identity.mig->gpu_instance);
    message->mutable_mig()->set_compute_instance(identity.mig->compute_instance);
    message->mutable_mig()->set_profile(Text(identity.mig->profile));
  }
  message->set_state(StateOf(gpu.state));
  message->set_state_reason(Text(gpu.state_reason));
  message->set_hung_call(Text(gpu.hung_call));
  message->set_recovery_action(Text(gpu.health.recovery_action));
  for (const model::XidCount& xid : gpu.health.xids) {
    pb::Xid* sent = message->add_xids();
    sent->set_code(xid.code);
    sent->set_count(xid.count);
    sent->set_last_ns(Nanoseconds(xid.last));
  }
  size_t metric = 0;
  for (const Reading& reading : gpu.readings) AddNote(metric++, reading, message);
}

void AddDevice(const model::HeldDevice& device, pb::Pod* pod) {
  pb::HeldDevice* message = pod->add_devices();
  if (device.gpu) message->set_gpu(static_cast<uint32_t>(*device.gpu));
  message->set_problem(Text(device.problem));
  if (device.dra) {
    message->mutable_dra()->set_driver(Text(device.dra->driver));
    message->mutable_dra()->set_pool(Text(device.dra->pool));
    message->mutable_dra()->set_device(Text(device.dra->device));
  }
  if (device.shares != 1) message->set_shares(static_cast<uint32_t>(device.shares));
  if (device.all_shares != 1) message->set_all_shares(static_cast<uint32_t>(device.all_shares));
}

void AddPod(const model::PodDevices& pod, const NodeReport& report, pb::Layout* layout) {
  pb::Pod* message = layout->add_pods();
  message->set_namespace_(Text(pod.pod.pod_namespace));
  message->set_name(Text(pod.pod.name));
  for (const model::HeldDevice& device : pod.devices) AddDevice(device, message);
  // The time of the last answer changes with every answer: it stands outside the layout.
  if (pod.listed.steady != report.listed.steady || pod.listed.unix_ms != report.listed.unix_ms) {
    message->set_listed_ns(Nanoseconds(pod.listed.steady));
    message->set_listed_unix_ms(pod.listed.unix_ms);
  }
}

void FillLayout(const NodeReport& report, pb::Layout* layout) {
  for (const catalogue::Metric& metric : catalogue::Metrics()) {
    layout->add_metrics(std::string(metric.name));
  }
  layout->set_max_reading_age_ms(Milliseconds(report.max_reading_age));
  for (const model::SourceHealth& source : report.snapshot->sources) {
    pb::Source* message = layout->add_sources();
    message->set_backend(Text(source.backend));
    message->set_open(source.open);
    message->set_problem(Text(source.problem));
    message->set_driver_version(Text(source.driver_version));
  }
  for (const model::GpuSnapshot& gpu : report.snapshot->gpus) AddGpu(gpu, layout);
  layout->set_pods_listed(report.pods_listed);
  layout->set_listing_problem(Text(report.listing_problem));
  for (const model::PodDevices& pod : report.pods) AddPod(pod, report, layout);
}

/// \p room: for how many pods there is room in the report.
void AddPodUses(const model::PodUses& uses, base::SteadyTime taken, size_t* room,
                pb::GpuValues* values) {
  pb::PodUses* message = values->mutable_pod_uses();
  message->set_before_taken_ns(Nanoseconds(taken) - Nanoseconds(uses.taken));
  if (uses.utilization_taken) {
    message->set_utilization_before_taken_ns(Nanoseconds(taken) -
                                             Nanoseconds(*uses.utilization_taken));
  }
  message->set_memory_problem(Text(uses.memory_problem));
  message->set_utilization_problem(Text(uses.utilization_problem));
  if (uses.pods.size() > *room) {
    // A part of them would make the others seem to use nothing.
    const std::string why = "its pods are more than a report holds";
    message->set_memory_problem(why);
    message->set_utilization_problem(why);
    return;
  }
  *room -= uses.pods.size();
  for (const model::PodUse& use : uses.pods) {
    pb::PodUse* pod = message->add_pods();
    pod->set_pod_uid(Text(use.pod_uid));
    pod->set_utilization(use.utilization);
    if (use.memory_mib) pod->set_memory_mib(*use.memory_mib);
  }
}

void AddValues(const model::GpuSnapshot& gpu, base::SteadyTime taken, size_t* room_for_pods,
               pb::Report* message) {
  pb::GpuValues* values = message->add_gpus();
  if (gpu.pod_uses) AddPodUses(*gpu.pod_uses, taken, room_for_pods, values);
  bool all_at_once = true;
  auto last = gpu.readings.end();
  while (last != gpu.readings.begin() && !CanBeSent(*std::prev(last))) --last;
  for (auto reading = gpu.readings.begin(); reading != last; ++reading) {
    values->add_values(CanBeSent(*reading) ? reading->value() : kNone);
    all_at_once &= !CanBeSent(*reading) || reading->taken() == taken;
  }
  if (all_at_once) return;
  for (auto reading = gpu.readings.begin(); reading != last; ++reading) {
    values->add_before_taken_ns(
        CanBeSent(*reading) ? Nanoseconds(taken) - Nanoseconds(reading->taken()) : 0);
  }
}

pb::EngineValue::Gap GapOf(model::EngineGap gap) {
  switch (gap) {
    case model::EngineGap::kNoValueYet:
      return pb::EngineValue::NO_VALUE_YET;
    case model::EngineGap::kNothingHappened:
      return pb::EngineValue::NOTHING_HAPPENED;
    case model::EngineGap::kAbsent:
      return pb::EngineValue::ABSENT;
    case model::EngineGap::kUnknown:
      return pb::EngineValue::UNKNOWN;
    case model::EngineGap::kFault:
      return pb::EngineValue::FAULT;
    case model::EngineGap::kSleeping:
      return pb::EngineValue::SLEEPING;
  }
  return pb::EngineValue::FAULT;
}

void AddEngine(const model::PodEngineReading& engine, base::SteadyTime taken, pb::Report* message) {
  pb::EngineValue* value = message->add_engines();
  const model::EngineReading& reading = engine.reading;
  value->set_pod_uid(Text(engine.pod_uid));
  value->set_key(Text(engine.key));
  if (reading.has_value()) {
    value->set_value(reading.value());
  } else {
    value->set_gap(GapOf(reading.gap()));
    value->set_detail(base::Truncate(Text(reading.detail()), kLongestEngineDetail));
  }
  value->set_before_taken_ns(Nanoseconds(taken) - Nanoseconds(reading.taken()));
  value->set_max_age_ms(Milliseconds(engine.max_age));
}

}  // namespace

void ReportWriter::Write(const NodeReport& report, base::SteadyTime sent, pb::Report* message) {
  message->Clear();
  message->set_sequence(++sequence_);
  message->set_sent_ns(Nanoseconds(sent));
  message->set_taken_ns(Nanoseconds(report.snapshot->taken));
  message->set_snapshot_sequence(report.snapshot->sequence);
  if (report.pods_listed) {
    message->set_listed_ns(Nanoseconds(report.listed.steady));
    message->set_listed_unix_ms(report.listed.unix_ms);
  }
  size_t room_for_pods = kMostPodUses;
  for (const model::GpuSnapshot& gpu : report.snapshot->gpus) {
    AddValues(gpu, report.snapshot->taken, &room_for_pods, message);
  }
  const size_t engines = std::min(report.engines.size(), kMostEngineValues);
  for (size_t i = 0; i < engines; ++i) {
    AddEngine(report.engines[i], report.snapshot->taken, message);
  }
  FillLayout(report, message->mutable_layout());
  std::string layout = message->layout().SerializeAsString();
  if (layout == layout_) {
    message->clear_layout();
  } else {
    layout_ = std::move(layout);
  }
}

}  // namespace kgs::fleet
