// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "fleet/interest.h"
#include "model/scaled_object.h"
#include "trigger/trigger.h"

namespace kgs::app {

/// What agents are to report at once, for the triggers of \p objects: that of type external-push
/// whose activity changes must reach KEDA without waiting for the report of the next second. Of a
/// trigger that cannot be read, or whose threshold comes from an environment that only KEDA sees,
/// nothing is asked.
fleet::Interest InterestOf(const std::vector<std::shared_ptr<const model::ScaledObject>>& objects,
                           trigger::ParseOptions parse = {});

}  // namespace kgs::app
