// SPDX-License-Identifier: Apache-2.0
//
// The HPA's arithmetic for tests, copied in its integers and floats from Kubernetes 1.34
// (pkg/controller/podautoscaler/replica_calculator.go), and KEDA's way of sending numbers to it.
// Milli is a thousandth, the HPA's unit.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <vector>

namespace kgs::testing {

using Milli = int64_t;

/// KEDA formats with "%.3f" and parses that as a quantity.
inline Milli AsKedaSends(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.3f", value);
  return std::llround(std::strtod(text, nullptr) * 1000);
}

inline bool WithinTolerance(double ratio) { return 1.0 - 0.1 <= ratio && ratio <= 1.0 + 0.1; }

/// GetExternalPerPodMetricReplicas: a metric of type AverageValue.
inline int HpaOfAverageValue(Milli sent, Milli target, int status) {
  const double ratio =
      static_cast<double>(sent) / (static_cast<double>(target) * static_cast<double>(status));
  if (WithinTolerance(ratio)) return status;
  return static_cast<int>(std::ceil(static_cast<double>(sent) / static_cast<double>(target)));
}

/// GetExternalMetricReplicas: a metric of type Value.
inline int HpaOfValue(Milli sent, Milli target, int spec, int ready) {
  const double ratio = static_cast<double>(sent) / static_cast<double>(target);
  if (WithinTolerance(ratio)) return spec;
  return static_cast<int>(std::ceil(ratio * static_cast<double>(ready)));
}

/// calcPlainMetricReplicas with every pod measured: the rule for the pods' own metrics, which cuts
/// their mean to a whole thousandth.
inline int ResourceRule(const std::vector<Milli>& values, Milli target) {
  const Milli total = std::accumulate(values.begin(), values.end(), Milli{0});
  const Milli mean = total / static_cast<Milli>(values.size());
  const double ratio = static_cast<double>(mean) / static_cast<double>(target);
  if (WithinTolerance(ratio)) return static_cast<int>(values.size());
  return static_cast<int>(std::ceil(ratio * static_cast<double>(values.size())));
}

}  // namespace kgs::testing
