// SPDX-License-Identifier: Apache-2.0
//
// The arithmetic alone: from counted pods to the number that makes the HPA's own arithmetic come
// out right. Pure.
//
// With R = spec.replicas, n = measured replicas, A = mean or largest of their values and T =
// target, the HPA of an AverageValue metric wants ceil(number / T) replicas and that of a Value
// metric ceil(number / T * Ready pods), neither near a ratio of 1. So:
//
//                      AverageValue             Value
//   n >= R             A*n                      A
//   n < R, A > T       max(A*n, T*R)            A where A*n > T*R, else T
//   n < R, A <= T      A*n + T*(R-n)            T
//   nothing to go by   T*R                      T
//
// A lost pod beside R measured ones (during a rollout) is missing as well: where A <= T the number
// is held up to T*R. Where the HPA sees more Ready pods than are measured (draining, lost), it
// would multiply A by them too: then Value is A*n/ready where A*n > T*R, and never under T.
//
// Under Value an A of all replicas, and a sum by the Ready pods, are cut to a thousandth, as the
// HPA cuts the mean of the pods' own metrics.
//
// A pod that loads carries no load yet: it counts as 0 on the way up and as T on the way down, so
// it is neither paid for twice nor removed for being idle.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "decision/branch.h"
#include "model/scaled_object.h"
#include "trigger/words.h"

namespace kgs::decision {

/// What the pods of a workload show, counted. A replica is a pod or a unit of several.
struct Tally {
  model::HpaMetricType type = model::HpaMetricType::kAverageValue;
  trigger::PodAggregation aggregation = trigger::PodAggregation::kMean;
  /// T; rounded to three decimals, as KEDA sends it.
  double target = 0;
  /// T is not written into the formula.
  bool target_hidden = false;
  /// R; of a ScaledJob the replicas that have been Ready.
  int replicas = 0;
  /// Of each measured replica; of a level under Value only of those that are Ready now.
  std::vector<double> values;
  /// Replicas that have been Ready and have lost their data.
  int lost = 0;
  /// Replicas that have just become Ready and are not read yet.
  int unread = 0;
  /// Of the values of a demand some are held memory: what they stand in for is not known, so that
  /// replicas which are missing must not count as 0 beside them.
  bool held = false;
  /// Pods that the HPA counts as Ready.
  int ready = 0;
};

struct Number {
  Branch branch;
  double value;
  /// With its numbers: "A*n + T*(R-n) = 92*3 + 80*1 = 356".
  std::string formula;
};

/// Of what does not add up. \p tally has a value.
Number LevelNumber(const Tally& tally);

/// Of what adds up: the sum, in which a replica that has lost its data counts as T. One that is not
/// read yet does as well, but not beyond T*R: its share is no longer in the others. Under Value it
/// is divided by the Ready pods, since the HPA multiplies by them; T where there is none.
Number DemandNumber(const Tally& tally);

/// What leaves the replicas as they are.
Number HoldNumber(const Tally& tally, Branch branch);

/// One number for all pods, known from elsewhere than them.
struct Whole {
  model::HpaMetricType type = model::HpaMetricType::kAverageValue;
  double target = 0;
  bool target_hidden = false;
  double value = 0;
  /// A total (requests waiting, the sum over GPUs) rather than a level.
  bool adds_up = false;
  /// R, where it is known; ready is then known too.
  std::optional<int> replicas;
  int ready = 0;
};

/// AverageValue: a total as it is, a level times R where R is known. Value: a total by the Ready
/// pods, cut to a thousandth, a level as it is; T where the HPA would multiply by 0 Ready pods.
Number WholeNumber(const Whole& whole);

}  // namespace kgs::decision
