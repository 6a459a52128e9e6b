// SPDX-License-Identifier: Apache-2.0
//
// What a metrics page is read as, and how that is shown. Pure.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <vector>

#include "engine/dialect.h"
#include "model/engine_reading.h"

namespace kgs::cli {

struct EngineMetric {
  std::string name;
  std::string unit;
  model::EngineReading reading;
  /// The series that it was read from: a{b="c"} for one, "sum of 2: a" for several.
  std::vector<std::string> sources;
};

struct EnginePage {
  /// Lives for ever.
  const engine::Dialect* dialect = nullptr;
  std::vector<EngineMetric> metrics;
  size_t samples = 0;
  size_t malformed = 0;
  size_t duplicates = 0;
};

/// Reads a whole \p page as one of \p chosen, or, where that is null, of the engine whose names it
/// has. Errors: of the page (engine::ExpositionReader), or that it has the names of no engine, or
/// of several: they name what was looked for. Nothing of the page is in them.
absl::StatusOr<EnginePage> ReadEnginePage(std::string_view page, const engine::Dialect* chosen);

/// A line a metric.
std::string EnginePageText(const EnginePage& page);

/// One object, with value null and a reason where there is none.
std::string EnginePageJson(const EnginePage& page);

}  // namespace kgs::cli
