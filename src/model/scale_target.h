// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "model/label_selector.h"
#include "model/scaled_object.h"

namespace kgs::model {

/// The workload that a ScaledObject scales.
struct ScaleTarget {
  TargetRef ref;
  std::string target_namespace;
  std::string uid;
  /// spec.replicas: what is wanted, R in the arithmetic.
  int replicas = 0;
  LabelSelector selector;
};

}  // namespace kgs::model
