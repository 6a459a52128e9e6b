// SPDX-License-Identifier: Apache-2.0
//
// What a decision says of itself. Words do not change from poll to poll while the case is the same.
#pragma once

#include <string>
#include <vector>

#include "decision/decision.h"
#include "decision/sight.h"

namespace kgs::decision {

/// "ScaledObject default/web: no gpu_utilization of enough pods (1 of 4)".
std::string BlindText(const Question& question, const Sight& sight);

/// Each replica that should have a fresh value and has none, with the reason.
std::vector<std::string> LostTexts(const Sight& sight);

/// Each replica that keeps a formula from being computed; empty where none does. One that sleeps
/// is no demand, which is a number.
std::vector<std::string> MissingTexts(const Question& question, const Sight& sight,
                                      const Decision& decision);

/// Preallocated memory, shared GPUs and how they are split, what MIG devices share, GPUs that are
/// not well.
std::vector<std::string> Warnings(const Question& question, const Sight& sight);

}  // namespace kgs::decision
