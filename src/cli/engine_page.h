// SPDX-License-Identifier: Apache-2.0
//
// What the metrics page of an engine is read as. Pure.
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "engine/dialect.h"
#include "engine/page_query.h"
#include "engine/page_reading.h"
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
  /// Of what grows: from the page before to this one. Nothing without one before.
  std::optional<base::Duration> compared_over = std::nullopt;
};

/// What is looked for on a page: all of \p chosen, or, where that is null, of every engine.
engine::PageQuery EngineQuery(const engine::Dialect* chosen);

/// What \p now means, a page that was read for \p query = EngineQuery(\p chosen): as one of
/// \p chosen, or, where that is null, of the engine whose names it has. What grows is compared with
/// \p before, a page of the same server, if there is one. NOT_FOUND where the page has the names of
/// no engine, FAILED_PRECONDITION where of several. Nothing of the page is in them.
absl::StatusOr<EnginePage> ExplainPage(const engine::PageQuery& query,
                                       const engine::Dialect* chosen,
                                       const engine::PageReading* before,
                                       const engine::PageReading& now);

/// The same of a whole \p page as it was saved. Also errors of engine::ExpositionReader.
absl::StatusOr<EnginePage> ReadEnginePage(std::string_view page, const engine::Dialect* chosen);

}  // namespace kgs::cli
