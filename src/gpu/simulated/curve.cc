// SPDX-License-Identifier: Apache-2.0
#include "gpu/simulated/curve.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace kgs::gpu::simulated {
namespace {

double At(const Constant& constant, base::Duration) { return constant.value; }

double At(const Points& curve, base::Duration time) {
  const std::vector<Points::Point>& points = curve.points;
  if (curve.loop) time %= points.back().at;
  const auto next = std::upper_bound(
      points.begin(), points.end(), time,
      [](base::Duration moment, const Points::Point& point) { return moment < point.at; });
  if (next == points.begin()) return next->value;
  const Points::Point& last = *(next - 1);
  if (next == points.end() || curve.shape == Points::Shape::kStep) return last.value;
  const double way = base::Seconds(time - last.at) / base::Seconds(next->at - last.at);
  return std::lerp(last.value, next->value, way);
}

double At(const Wave& wave, base::Duration time) {
  // Each shortened first, so that their sum cannot overflow.
  const base::Duration moment = (time % wave.period + wave.phase % wave.period) % wave.period;
  const double way = base::Seconds(moment) / base::Seconds(wave.period);
  return std::lerp(wave.low, wave.high, (1 - std::cos(2 * std::numbers::pi * way)) / 2);
}

}  // namespace

double ValueAt(const Curve& curve, base::Duration time) {
  return std::visit([&](const auto& kind) { return At(kind, time); }, curve);
}

}  // namespace kgs::gpu::simulated
