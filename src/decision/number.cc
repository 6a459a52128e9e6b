// SPDX-License-Identifier: Apache-2.0
#include "decision/number.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/strings.h"

namespace kgs::decision {
namespace {

using model::HpaMetricType;

/// To three decimals, as KEDA sends it.
std::string Text(double number) {
  const double rounded = std::round(number * 1000) / 1000;
  return base::FormatNumber(std::isfinite(rounded) ? rounded : number);
}

std::string Text(int number) { return std::to_string(number); }

template <typename T>
std::string TargetText(const T& inputs) {
  return inputs.target_hidden ? "T" : Text(inputs.target);
}

double Sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

/// To whole thousandths, downwards, as the HPA cuts the mean of the pods' own metrics. Upwards, a
/// mean whose product with the pods is a multiple of the target would ask for one replica more: of
/// 640 over 7 pods at 80, 91.429*7 is above 8*80.
double CutToThousandth(double quotient) {
  // What floating point took from a whole one.
  constexpr double kSlack = 1e-6;
  const double cut = std::floor(quotient * 1000 + kSlack) / 1000;
  return std::isfinite(cut) ? cut : quotient;
}

/// A, n and what follows from them.
struct Level {
  explicit Level(const Tally& tally)
      : n(static_cast<int>(tally.values.size())),
        replicas(tally.replicas),
        missing(std::max(tally.replicas, n + tally.lost) - n),
        ready(tally.ready),
        target(tally.target) {
    if (tally.aggregation == trigger::PodAggregation::kMax) {
      a = *std::max_element(tally.values.begin(), tally.values.end());
      times_n = a * n;
    } else {
      // The sum itself rather than the mean times n, which may differ in the last digit.
      times_n = Sum(tally.values);
      a = times_n / n;
    }
  }
  double wanted() const { return target * replicas; }
  Branch branch() const {
    if (missing == 0) return Branch::kAllMeasured;
    return a > target ? Branch::kMissingAboveTarget : Branch::kMissingUnderTarget;
  }

  const int n;
  const int replicas;
  /// Replicas that are wanted, or are there, without a value.
  const int missing;
  const int ready;
  const double target;
  double a;
  double times_n;
};

Number AverageValueOf(const Level& level, const std::string& t) {
  const std::string a_times_n = Text(level.a) + "*" + Text(level.n);
  switch (level.branch()) {
    case Branch::kMissingAboveTarget: {
      const double value = std::max(level.times_n, level.wanted());
      return {level.branch(), value,
              "max(A*n, T*R) = max(" + a_times_n + ", " + t + "*" + Text(level.replicas) +
                  ") = " + Text(value)};
    }
    case Branch::kMissingUnderTarget: {
      const int wanted = level.replicas - level.n;
      if (wanted > 0) {
        const double value = level.times_n + level.target * wanted;
        return {
            level.branch(), value,
            "A*n + T*(R-n) = " + a_times_n + " + " + t + "*" + Text(wanted) + " = " + Text(value)};
      }
      // All that are wanted are measured, and others are lost: those are not to be paid for.
      const double held = level.times_n + level.target * level.missing;
      const double value = std::max(level.times_n, std::min(held, level.wanted()));
      return {level.branch(), value,
              "max(A*n, min(A*n + T*lost, T*R)) = max(" + a_times_n + ", min(" + a_times_n + " + " +
                  t + "*" + Text(level.missing) + ", " + t + "*" + Text(level.replicas) +
                  ")) = " + Text(value)};
    }
    default:
      return {level.branch(), level.times_n, "A*n = " + a_times_n + " = " + Text(level.times_n)};
  }
}

Number ValueOf(const Level& level, const std::string& t) {
  const bool by_ready = level.ready > level.n;
  if (level.missing == 0 && !by_ready) {
    const double value = CutToThousandth(level.a);
    return {level.branch(), value, "A = " + Text(value)};
  }
  const bool grows = level.times_n > level.wanted();
  const std::string why = std::string(grows ? ", since A*n > T*R: " : ", since A*n <= T*R: ") +
                          Text(level.a) + "*" + Text(level.n) + (grows ? " > " : " <= ") + t + "*" +
                          Text(level.replicas);
  if (grows && by_ready) {
    const double value = std::max(level.target, CutToThousandth(level.times_n / level.ready));
    return {level.branch(), value,
            "max(T, A*n/ready) = max(" + t + ", " + Text(level.a) + "*" + Text(level.n) + "/" +
                Text(level.ready) + ") = " + Text(value) + why};
  }
  if (grows) return {level.branch(), level.a, "A = " + Text(level.a) + why};
  return {level.branch(), level.target, "T = " + t + why};
}

}  // namespace

Number LevelNumber(const Tally& tally) {
  const Level level(tally);
  const std::string t = TargetText(tally);
  return tally.type == HpaMetricType::kValue ? ValueOf(level, t) : AverageValueOf(level, t);
}

Number DemandNumber(const Tally& tally) {
  const bool by_ready = tally.type == HpaMetricType::kValue;
  if (by_ready && tally.ready == 0) return HoldNumber(tally, Branch::kNoneReady);
  const double sum = Sum(tally.values);
  const int there = static_cast<int>(tally.values.size());
  const int held = tally.held ? std::max(tally.lost, tally.replicas - there) : tally.lost;
  double value = sum + tally.target * held;
  std::string symbols = "U";
  std::string numbers = Text(sum);
  if (held > 0) {
    symbols += tally.held ? " + T*(R-n)" : " + T*lost";
    numbers += " + " + TargetText(tally) + "*" + Text(held);
  }
  const double with_unread =
      std::min(value + tally.target * tally.unread, tally.target * tally.replicas);
  const bool holds_unread = tally.unread > 0 && with_unread > value;
  if (holds_unread) {
    value = with_unread;
    symbols = "min(" + symbols + " + T*unread, T*R)";
    numbers = "min(" + numbers + " + " + TargetText(tally) + "*" + Text(tally.unread) + ", " +
              TargetText(tally) + "*" + Text(tally.replicas) + ")";
  }
  if (by_ready) {
    value = CutToThousandth(value / tally.ready);
    if (held > 0 && !holds_unread) {
      symbols = "(" + symbols + ")";
      numbers = "(" + numbers + ")";
    }
    symbols += "/ready";
    numbers += "/" + Text(tally.ready);
  }
  return {tally.lost > 0 ? Branch::kDemandPartlyLost : Branch::kDemand, value,
          symbols + " = " + numbers + " = " + Text(value)};
}

Number HoldNumber(const Tally& tally, Branch branch) {
  const std::string t = TargetText(tally);
  if (tally.type == HpaMetricType::kValue) return {branch, tally.target, "T = " + t};
  const double value = tally.target * tally.replicas;
  return {branch, value, "T*R = " + t + "*" + Text(tally.replicas) + " = " + Text(value)};
}

Number WholeNumber(const Whole& whole) {
  const std::string v = Text(whole.value);
  if (whole.replicas && whole.type == HpaMetricType::kValue) {
    if (whole.ready == 0) return {Branch::kNoneReady, whole.target, "T = " + TargetText(whole)};
    if (whole.adds_up) {
      const double value = CutToThousandth(whole.value / whole.ready);
      return {Branch::kWhole, value,
              "X/ready = " + v + "/" + Text(whole.ready) + " = " + Text(value)};
    }
  }
  const bool times_replicas =
      whole.replicas && !whole.adds_up && whole.type == HpaMetricType::kAverageValue;
  if (!times_replicas) return {Branch::kWhole, whole.value, "X = " + v};
  const double value = whole.value * *whole.replicas;
  return {Branch::kWholeTimesReplicas, value,
          "X*R = " + v + "*" + Text(*whole.replicas) + " = " + Text(value)};
}

}  // namespace kgs::decision
