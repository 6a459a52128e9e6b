// SPDX-License-Identifier: Apache-2.0
//
// The pods that the HPA multiplies a number of metric type Value by.
#pragma once

#include "decision/sight.h"

namespace kgs::decision {

/// As the HPA counts them: of the scale's selector, Running and Ready, terminating ones included.
int ReadyPodsOfHpa(const model::WorkloadView& view);

/// Whether a replica of \p sight is more than one of the pods that the HPA counts.
bool HpaCountsSeveralOfAUnit(const model::WorkloadView& view, const Sight& sight);

}  // namespace kgs::decision
