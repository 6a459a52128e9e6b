// SPDX-License-Identifier: Apache-2.0
#include "decision/records.h"

#include <utility>

namespace kgs::decision {
namespace {

bool SameCase(const Decision& a, const Decision& b) {
  return a.branch == b.branch && a.value.status() == b.value.status() && a.active == b.active;
}

}  // namespace

bool SameAnswer(const Decision& a, const Decision& b) {
  return a.branch == b.branch && a.value == b.value && a.active == b.active;
}

bool Records::AddIfOther(const Decision& decision, base::SteadyTime now) {
  if (!records_.empty() && SameCase(records_.back().decision, decision)) return false;
  return Add(decision, now);
}

bool Records::Add(Decision decision, base::SteadyTime now) {
  if (!records_.empty()) {
    Record& last = records_.back();
    const bool same_moment = now - last.first < kOneMoment && SameCase(last.decision, decision);
    if (same_moment || SameAnswer(last.decision, decision)) {
      last.decision = std::move(decision);
      last.last = now;
      ++last.times;
      return false;
    }
    std::vector<Input>& inputs = last.decision.inputs;
    if (inputs.size() > kMostOldInputs) {
      inputs.resize(kMostOldInputs);
      inputs.shrink_to_fit();
    }
  }
  records_.push_back({std::move(decision), now, now});
  if (records_.size() <= most_) return false;
  records_.pop_front();
  return true;
}

}  // namespace kgs::decision
