// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "fleet/report_layout.h"
#include "fleet/wire.h"

namespace kgs::fleet {
namespace {

using base::SteadyTime;
using model::GpuSnapshot;
using model::Missing;
using model::NodeReport;
using model::Reading;

/// Far beyond any GPU: 2^53 bytes.
constexpr double kMostMemoryMib = 8589934592.0;
constexpr char kNotFinite[] = "the agent sent a number that is not finite";

absl::Status Invalid(const std::string& what) { return absl::InvalidArgumentError(what); }

absl::Status CheckTimes(const pb::Report& message) {
  for (const int64_t ns : {message.sent_ns(), message.taken_ns(), message.listed_ns()}) {
    if (!ClockOffset::Plausible(ns)) return Invalid("a time is out of range");
  }
  if (message.taken_ns() > message.sent_ns()) return Invalid("taken after it was sent");
  if (message.listed_ns() > message.sent_ns()) return Invalid("pods listed after it was sent");
  return absl::OkStatus();
}

/// Translates times of one message.
class Times {
 public:
  Times(const pb::Report& message, SteadyTime sent)
      : sent_(sent), sent_ns_(message.sent_ns()), taken_ns_(message.taken_ns()) {}

  SteadyTime At(int64_t ns) const { return sent_ - std::chrono::nanoseconds(sent_ns_ - ns); }
  /// Nothing where it is after the message was sent, or out of range.
  std::optional<SteadyTime> Before(int64_t before_taken_ns) const {
    if (!ClockOffset::Plausible(before_taken_ns) || taken_ns_ - before_taken_ns > sent_ns_)
      return std::nullopt;
    return At(taken_ns_ - before_taken_ns);
  }

 private:
  const SteadyTime sent_;
  const int64_t sent_ns_;
  const int64_t taken_ns_;
};

/// All of \p form but its readings.
GpuSnapshot WithoutReadings(const GpuSnapshot& form) {
  GpuSnapshot gpu;
  gpu.identity = form.identity;
  gpu.state = form.state;
  gpu.state_reason = form.state_reason;
  gpu.hung_call = form.hung_call;
  gpu.health.recovery_action = form.health.recovery_action;
  return gpu;
}

absl::Status FillValues(const pb::GpuValues& message, const ReportLayout& layout,
                        const Times& times, GpuSnapshot* gpu) {
  const int count = message.values_size();
  if (static_cast<size_t>(count) > layout.metrics.size()) {
    return Invalid("more values than metrics");
  }
  const bool own_times = message.before_taken_ns_size() > 0;
  if (own_times && message.before_taken_ns_size() != count) {
    return Invalid("not as many times as values");
  }
  for (int i = 0; i < count; ++i) {
    const std::optional<model::MetricId> metric = layout.metrics[static_cast<size_t>(i)];
    const double value = message.values(i);
    if (!metric || std::isnan(value)) continue;
    if (!std::isfinite(value)) {
      gpu->readings[*metric] = Reading::Absent(Missing::kDriverError, kNotFinite);
      continue;
    }
    const auto taken = times.Before(own_times ? message.before_taken_ns(i) : 0);
    if (!taken) return Invalid("a value that was read after it was sent");
    gpu->readings[*metric] = Reading::Value(value, *taken);
  }
  return absl::OkStatus();
}

/// Why \p number cannot be what a pod uses; empty where it can.
std::string WhyNoUse(double number, double most) {
  if (!std::isfinite(number)) return kNotFinite;
  if (number < 0 || number > most) return "the agent sent a number that is out of range";
  return "";
}

absl::StatusOr<model::PodUses> PodUsesOf(const pb::PodUses& message, const Times& times) {
  const auto taken = times.Before(message.before_taken_ns());
  if (!taken) return Invalid("processes that were read after it was sent");
  const size_t longest =
      std::max(message.memory_problem().size(), message.utilization_problem().size());
  if (longest > kLongestText) return Invalid("a text of the uses of pods is too long");
  model::PodUses uses{*taken, {}, message.memory_problem(), message.utilization_problem()};
  if (message.has_utilization_before_taken_ns()) {
    uses.utilization_taken = times.Before(message.utilization_before_taken_ns());
    if (!uses.utilization_taken) return Invalid("processes that were read after it was sent");
  }
  for (const pb::PodUse& use : message.pods()) {
    if (use.pod_uid().size() > kLongestText) return Invalid("a pod's uid is too long");
    const std::string no_utilization = WhyNoUse(use.utilization(), 100);
    if (!no_utilization.empty()) uses.utilization_problem = no_utilization;
    uses.pods.push_back({use.pod_uid(), use.utilization(), std::nullopt});
    if (!use.has_memory_mib()) continue;
    const std::string no_memory = WhyNoUse(use.memory_mib(), kMostMemoryMib);
    if (!no_memory.empty()) {
      uses.memory_problem = no_memory;
    } else {
      uses.pods.back().memory_mib = use.memory_mib();
    }
  }
  std::sort(uses.pods.begin(), uses.pods.end(),
            [](const auto& a, const auto& b) { return a.pod_uid < b.pod_uid; });
  const auto twice =
      std::adjacent_find(uses.pods.begin(), uses.pods.end(),
                         [](const auto& a, const auto& b) { return a.pod_uid == b.pod_uid; });
  if (twice != uses.pods.end()) return Invalid("what a pod uses twice");
  return uses;
}

absl::Status FillPodUses(const pb::Report& message, const Times& times,
                         std::vector<GpuSnapshot>* gpus) {
  size_t pods = 0;
  for (size_t gpu = 0; gpu < gpus->size(); ++gpu) {
    const pb::GpuValues& values = message.gpus(static_cast<int>(gpu));
    if (!values.has_pod_uses()) continue;
    pods += static_cast<size_t>(values.pod_uses().pods_size());
    if (pods > kMostPodUses) return Invalid("too many uses of pods: " + std::to_string(pods));
    auto uses = PodUsesOf(values.pod_uses(), times);
    if (!uses.ok()) return uses.status();
    (*gpus)[gpu].pod_uses = *std::move(uses);
  }
  return absl::OkStatus();
}

void AddNotes(const ReportLayout& layout, std::vector<GpuSnapshot>* gpus) {
  for (const ReportLayout::Note& note : layout.notes) {
    Reading& reading = (*gpus)[note.gpu].readings[note.metric];
    if (reading.has_value()) {
      reading = reading.WithDetail(note.detail);
    } else if (reading.detail().empty()) {
      reading = Reading::Absent(note.reason, note.detail);
    }
  }
  for (const model::MetricId metric : layout.unreported) {
    for (GpuSnapshot& gpu : *gpus) {
      gpu.readings[metric] =
          Reading::Absent(Missing::kNotSampledYet, "the agent does not report it");
    }
  }
}

/// A reason that this version does not know is a fault: nothing may be held or left out for it.
model::EngineGap GapOf(pb::EngineValue::Gap gap) {
  switch (gap) {
    case pb::EngineValue::NO_VALUE_YET:
      return model::EngineGap::kNoValueYet;
    case pb::EngineValue::NOTHING_HAPPENED:
      return model::EngineGap::kNothingHappened;
    case pb::EngineValue::ABSENT:
      return model::EngineGap::kAbsent;
    case pb::EngineValue::UNKNOWN:
      return model::EngineGap::kUnknown;
    case pb::EngineValue::SLEEPING:
      return model::EngineGap::kSleeping;
    default:
      return model::EngineGap::kFault;
  }
}

model::EngineReading EngineReadingOf(const pb::EngineValue& message, SteadyTime taken) {
  if (!message.has_value()) {
    return model::EngineReading::Missing(GapOf(message.gap()), message.detail(), taken);
  }
  if (!std::isfinite(message.value())) {
    return model::EngineReading::Missing(model::EngineGap::kFault, kNotFinite, taken);
  }
  return model::EngineReading::Value(message.value(), taken);
}

absl::Status FillEngines(const pb::Report& message, const Times& times, NodeReport* report) {
  std::vector<model::PodEngineReading>& engines = report->engines;
  engines.clear();
  if (static_cast<size_t>(message.engines_size()) > kMostEngineValues) {
    return Invalid("too many engine values: " + std::to_string(message.engines_size()));
  }
  for (const pb::EngineValue& value : message.engines()) {
    const size_t longest =
        std::max({value.pod_uid().size(), value.key().size(), value.detail().size()});
    if (longest > kLongestText) return Invalid("a text of an engine value is too long");
    const auto taken = times.Before(value.before_taken_ns());
    if (!taken) return Invalid("an engine that was asked after it was sent");
    engines.push_back({value.pod_uid(), value.key(), EngineReadingOf(value, *taken),
                       std::chrono::milliseconds(value.max_age_ms())});
  }
  const auto name = [](const model::PodEngineReading& engine) {
    return std::tie(engine.pod_uid, engine.key);
  };
  std::sort(engines.begin(), engines.end(),
            [&](const auto& a, const auto& b) { return name(a) < name(b); });
  const auto twice =
      std::adjacent_find(engines.begin(), engines.end(),
                         [&](const auto& a, const auto& b) { return name(a) == name(b); });
  if (twice != engines.end()) return Invalid("an engine value twice");
  return absl::OkStatus();
}

void SetListingTimes(const pb::Report& message, const ReportLayout& layout, const Times& times,
                     NodeReport* report) {
  report->listed = {};
  if (report->pods_listed) {
    report->listed = {times.At(message.listed_ns()), message.listed_unix_ms()};
  }
  for (model::PodDevices& pod : report->pods) pod.listed = report->listed;
  for (const ReportLayout::OwnListing& own : layout.own_listings) {
    report->pods[own.pod].listed = {times.At(own.ns), own.unix_ms};
  }
}

}  // namespace

absl::StatusOr<std::shared_ptr<const NodeReport>> ReportReader::Read(const pb::Report& message,
                                                                     const ClockOffset& offset) {
  if (message.sequence() <= last_sequence_) return Invalid("the sequence does not rise");
  if (const absl::Status status = CheckTimes(message); !status.ok()) return status;
  if (message.has_layout()) {
    auto layout = ParseLayout(message.layout(), node_);
    if (!layout.ok()) return layout.status();
    layout_ = *std::move(layout);
  }
  if (layout_ == nullptr) return Invalid("a report before any layout");
  const NodeReport& form = *layout_->form;
  if (static_cast<size_t>(message.gpus_size()) != form.snapshot->gpus.size()) {
    return Invalid("values of " + std::to_string(message.gpus_size()) +
                   " GPUs where the layout has " + std::to_string(form.snapshot->gpus.size()));
  }
  const std::optional<SteadyTime> sent = offset.ToOurs(message.sent_ns());
  if (!sent) return Invalid("a time is out of range");
  const Times times(message, *sent);

  auto snapshot = std::make_shared<model::NodeSnapshot>();
  snapshot->sequence = message.snapshot_sequence();
  snapshot->taken = times.At(message.taken_ns());
  snapshot->sources = form.snapshot->sources;
  snapshot->gpus.reserve(form.snapshot->gpus.size());
  for (const GpuSnapshot& gpu : form.snapshot->gpus) {
    snapshot->gpus.push_back(WithoutReadings(gpu));
    const pb::GpuValues& values = message.gpus(static_cast<int>(snapshot->gpus.size()) - 1);
    const absl::Status status = FillValues(values, *layout_, times, &snapshot->gpus.back());
    if (!status.ok()) return status;
  }
  if (absl::Status status = FillPodUses(message, times, &snapshot->gpus); !status.ok()) {
    return status;
  }
  AddNotes(*layout_, &snapshot->gpus);
  for (const ReportLayout::Xid& xid : layout_->xids) {
    if (xid.ns > message.sent_ns()) return Invalid("an XID error after it was sent");
    snapshot->gpus[xid.gpu].health.xids.push_back({xid.code, xid.count, times.At(xid.ns)});
  }

  auto report = std::make_shared<NodeReport>(form);
  report->snapshot = std::move(snapshot);
  for (const ReportLayout::OwnListing& own : layout_->own_listings) {
    if (own.ns > message.sent_ns()) return Invalid("a pod listed after it was sent");
  }
  SetListingTimes(message, *layout_, times, report.get());
  if (absl::Status status = FillEngines(message, times, report.get()); !status.ok()) return status;
  layout_->form = report;
  last_sequence_ = message.sequence();
  return report;
}

}  // namespace kgs::fleet
