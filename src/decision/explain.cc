// SPDX-License-Identifier: Apache-2.0
#include "decision/explain.h"

#include <utility>

#include "decision/gpu_health.h"

namespace kgs::decision {
namespace {

std::string MetricName(const trigger::TriggerSpec& spec) {
  return std::string(trigger::MetricNameOf(spec));
}

std::string PodsText(int count) {
  return std::to_string(count) + (count == 1 ? " replica" : " replicas");
}

std::string WhyText(const Replica& replica) {
  switch (replica.standing) {
    case Standing::kLoading:
      return replica.unit.name + ": it has not been Ready yet";
    case Standing::kOverdue:
      return replica.unit.name + ": it has not been Ready for longer than startupSeconds";
    default:
      return replica.unit.name + ": " + replica.reading.why;
  }
}

std::string PreallocatedText(const Question& question, int count) {
  const std::string counts = question.view.object->modifiers
                                 ? "which a formula cannot tell from load"
                                 : "each counts as the target and never makes the workload grow";
  return "preallocated memory: that of " + PodsText(count) +
         " has not moved since they became Ready and says nothing of load; " + counts +
         ". Scale on gpu_utilization (profile triton-inference) instead";
}

std::string SharedText(const trigger::TriggerSpec& spec, int count) {
  const bool adds_up = trigger::IsDemand(spec);
  return "shared GPU: " + PodsText(count) + " share theirs with other pods; " + MetricName(spec) +
         (adds_up ? " is divided by the shares" : " is that of the whole GPU");
}

std::string MigSharedText(const trigger::TriggerSpec& spec, int count) {
  const bool adds_up = trigger::IsDemand(spec);
  return "MIG: the " + MetricName(spec) + " of " + PodsText(count) +
         " is that of several MIG devices" + (adds_up ? ", and divided by their number" : "");
}

std::string SplitText(const trigger::TriggerSpec& spec, int count) {
  return "shared GPU split by process: " + PodsText(count) + " share theirs with other pods; " +
         MetricName(spec) + " is that of their own processes";
}

}  // namespace

std::string BlindText(const Question& question, const Sight& sight) {
  return question.view.object->key.Text() + ": no fresh " + MetricName(question.spec) +
         " of enough pods (" + std::to_string(sight.measured) + " of " +
         std::to_string(sight.expected()) + ")";
}

std::vector<std::string> LostTexts(const Sight& sight) {
  std::vector<std::string> texts;
  for (const Replica& replica : sight.replicas) {
    if (replica.standing == Standing::kLost || replica.standing == Standing::kOverdue) {
      texts.push_back(WhyText(replica));
    }
  }
  return texts;
}

std::vector<std::string> MissingTexts(const Question& question, const Sight& sight,
                                      const Decision& decision) {
  std::vector<std::string> texts;
  const bool by_ready = decision.metric_type == model::HpaMetricType::kValue;
  for (const Replica& replica : sight.replicas) {
    if (replica.standing == Standing::kAsleep && trigger::IsDemand(question.spec)) continue;
    if (replica.standing != Standing::kMeasured) {
      texts.push_back(WhyText(replica));
    } else if (by_ready && !replica.ready) {
      texts.push_back(replica.unit.name + ": it is not Ready now");
    }
  }
  const int wanted = decision.replicas.value_or(0);
  if (decision.pods < wanted) {
    texts.push_back(std::to_string(decision.pods) + " of " + std::to_string(wanted) +
                    " replicas are there");
  }
  return texts;
}

std::vector<std::string> Warnings(const Question& question, const Sight& sight) {
  int preallocated = 0;
  int shared = 0;
  int mig_shared = 0;
  int split = 0;
  for (const Replica& replica : sight.replicas) {
    if (replica.standing != Standing::kMeasured) continue;
    preallocated += replica.preallocated ? 1 : 0;
    shared += replica.reading.shared ? 1 : 0;
    mig_shared += replica.reading.mig_shared ? 1 : 0;
    split += replica.reading.split ? 1 : 0;
  }
  std::vector<std::string> warnings;
  if (preallocated > 0) warnings.push_back(PreallocatedText(question, preallocated));
  if (shared > 0) warnings.push_back(SharedText(question.spec, shared));
  if (mig_shared > 0) warnings.push_back(MigSharedText(question.spec, mig_shared));
  if (split > 0) warnings.push_back(SplitText(question.spec, split));
  std::string trouble = GpuTrouble(sight, question.now);
  if (!trouble.empty()) warnings.push_back(std::move(trouble));
  return warnings;
}

}  // namespace kgs::decision
