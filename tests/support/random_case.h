// SPDX-License-Identifier: Apache-2.0
//
// Random workloads for tests of the arithmetic: near the target, where the HPA's tolerance decides,
// and far from it.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <random>
#include <vector>

#include "decision/number.h"
#include "tests/support/hpa_model.h"

namespace kgs::testing {

/// One workload: values in whole thousandths, of which the first ones are measured.
struct Case {
  std::vector<Milli> values;
  Milli target = 0;
  int replicas = 0;
  /// Pods that the HPA counts as Ready; at least the measured ones.
  int ready = 0;
  trigger::PodAggregation aggregation = trigger::PodAggregation::kMean;

  decision::Tally tally(model::HpaMetricType type) const {
    decision::Tally made;
    made.type = type;
    made.aggregation = aggregation;
    made.target = static_cast<double>(target) / 1000;
    made.replicas = replicas;
    made.ready = ready;
    for (const Milli value : values) made.values.push_back(static_cast<double>(value) / 1000);
    return made;
  }
  /// Exactly: A > T.
  bool above_target() const {
    if (aggregation == trigger::PodAggregation::kMax) {
      return *std::max_element(values.begin(), values.end()) > target;
    }
    return std::accumulate(values.begin(), values.end(), Milli{0}) >
           target * static_cast<Milli>(values.size());
  }
};

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  Milli Between(Milli least, Milli most) {
    return std::uniform_int_distribution<Milli>(least, most)(random_);
  }

  /// \p all: every replica is measured; else at least one is missing.
  Case Make(bool all, trigger::PodAggregation aggregation) {
    Case made;
    made.aggregation = aggregation;
    made.replicas = static_cast<int>(Between(0, 9) == 0 ? Between(2, 300) : Between(2, 20));
    const int measured = all ? made.replicas : static_cast<int>(Between(1, made.replicas - 1));
    made.target = Between(0, 2) == 0 ? Between(1, 1000) * 1000 : Between(100, 100000);
    // Near the target, where the tolerance decides, and far from it.
    const Milli most = made.target * Between(1, 40) / 10 + 1;
    const bool even = Between(0, 1) == 0;
    const Milli centre = Between(0, most);
    for (int i = 0; i < measured; ++i) {
      const Milli spread = Between(0, most / 20);
      made.values.push_back(even ? centre + spread : Between(0, most));
    }
    made.ready = measured + static_cast<int>(Between(0, made.replicas - measured));
    return made;
  }

 private:
  std::mt19937_64 random_;
};

/// Whether a thousandth more or less in the mean makes the HPA want another number of replicas: at
/// a multiple of the target, and at the edges of the tolerance.
inline bool NearATurn(Milli total, Milli target, Milli n) {
  const Milli over = total % target;
  return over <= n || target - over <= n || std::abs(10 * total - 9 * target * n) <= 10 * n ||
         std::abs(10 * total - 11 * target * n) <= 10 * n;
}

}  // namespace kgs::testing
