// SPDX-License-Identifier: Apache-2.0
#include "decision/activity.h"

#include "base/strings.h"

namespace kgs::decision {
namespace {

using base::Duration;
using base::SteadyTime;

std::string SecondsText(Duration duration) {
  return base::FormatDuration(std::chrono::floor<std::chrono::seconds>(duration));
}

std::string AboveText(const trigger::TriggerSpec& spec, const Replica& replica) {
  if (replica.preallocated) {
    return replica.unit.name + " is busy: its gpu_utilization is " +
           base::FormatNumber(*replica.reading.gpu_utilization);
  }
  if (*replica.reading.value <= spec.activation_threshold) {
    return replica.unit.name +
           " has requests that wait or run: " + base::FormatNumber(*replica.reading.load);
  }
  return replica.unit.name + " at " + base::FormatNumber(*replica.reading.value) + " is above " +
         (spec.threshold_hidden ? "the threshold" : base::FormatNumber(spec.activation_threshold));
}

std::string UnknownText(const Replica& replica) {
  switch (replica.standing) {
    case Standing::kLoading:
      return replica.unit.name + " is loading";
    case Standing::kLost:
      return replica.unit.name + " has lost its data";
    case Standing::kMeasured:
      if (!replica.ready) return replica.unit.name + " is not Ready, and may be starting again";
      return replica.unit.name + " is not known to be idle";
    default:
      return replica.unit.name + " is not known to be idle";
  }
}

/// Why the workload is active at this moment, or empty.
std::string ActiveNow(const trigger::TriggerSpec& spec, const Sight& sight) {
  for (const Replica& replica : sight.replicas) {
    if (replica.above) return AboveText(spec, replica);
  }
  for (const Replica& replica : sight.replicas) {
    if (replica.unknown) return UnknownText(replica);
  }
  return "";
}

}  // namespace

Activity ActivityOf(const trigger::TriggerSpec& spec, const model::WorkloadView& view,
                    const Sight& sight, const History& history, SteadyTime now) {
  if (view.target != nullptr && view.target->replicas == 0) {
    return {false, "it has no replicas, and nothing outside them is asked"};
  }
  if (view.target == nullptr && sight.replicas.empty()) {
    return {false, "it has no pods, and nothing outside them is asked"};
  }
  if (std::string why = ActiveNow(spec, sight); !why.empty()) return {true, why};
  if (history.short_since && now - *history.short_since <= spec.startup) {
    return {true, "replicas that are wanted are not there yet"};
  }
  const Duration window = ActivityWindow(*view.object);
  for (const Replica& replica : sight.replicas) {
    if (now - *replica.idle_since >= window) continue;
    return {true, replica.unit.name + " is known to be idle for less than " + SecondsText(window)};
  }
  if (now - *history.watching_since < window) {
    return {true, "it is watched for less than " + SecondsText(window)};
  }
  return {false, "every pod was idle for " + SecondsText(window)};
}

}  // namespace kgs::decision
