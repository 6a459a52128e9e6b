// SPDX-License-Identifier: Apache-2.0
//
// What a simulated GPUs file says, and what its GPUs read at a moment. Pure: no files, no clock.
// The format: docs/simulated-gpus.md.
#pragma once

#include <absl/status/statusor.h>

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "gpu/backend.h"
#include "gpu/simulated/curve.h"
#include "model/gpu.h"

namespace kgs::gpu::simulated {

inline constexpr size_t kMostGpus = 1024;
inline constexpr double kMostMemoryMib = 1e9;

struct Unsupported {};
struct Failed {
  std::string reason;
};
/// One metric of one GPU.
using Quantity = std::variant<Unsupported, Failed, Curve>;

/// When a GPU is lost: at \p from and later, before \p until.
struct LostSpan {
  base::Duration from{};
  base::Duration until = base::Duration::max();
};

/// A metric that a file may give a course of time for.
struct QuantityRow {
  model::MetricId metric;
  /// The key, which is the name of the metric.
  const char* key;
  double highest;
  const char* unit;
};
std::span<const QuantityRow> Quantities();

struct SimulatedGpu {
  model::GpuIdentity identity;
  std::optional<double> memory_total_mib;
  /// By Index of the metric; of those that are not in Quantities() it says nothing.
  std::array<Quantity, model::kMetricCount> quantities;
  std::optional<LostSpan> lost;
};

struct Scenario {
  /// By index.
  std::vector<SimulatedGpu> gpus;
};

/// \p text is the content of \p file, which is only named in errors: INVALID_ARGUMENT lists what is
/// wrong as "FILE:LINE: gpus[0].temperature: ..., accepted: ...".
absl::StatusOr<Scenario> ParseScenario(const std::string& text, const std::string& file);

bool LostAt(const SimulatedGpu& gpu, base::Duration time);

/// Why a GPU that is LostAt is lost.
inline constexpr std::string_view kLostReason = "lost, as its simulated GPUs file says";

/// What a driver would say of \p gpu, \p time into the scenario. \p taken goes into the readings.
DeviceSample SampleAt(const SimulatedGpu& gpu, base::Duration time, base::SteadyTime taken);

/// Whether both have the same GPUs, whatever their load.
bool SameIdentities(const Scenario& a, const Scenario& b);

}  // namespace kgs::gpu::simulated
