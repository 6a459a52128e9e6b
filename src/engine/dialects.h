// SPDX-License-Identifier: Apache-2.0
//
// The one list of engines.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "engine/dialect.h"

namespace kgs::engine {

/// Every engine, in the order of the documents. They live for ever.
std::span<const Dialect* const> Dialects();

/// Nullptr where there is none of that name.
const Dialect* FindDialect(std::string_view name);

struct DialectSignal {
  const Dialect* dialect = nullptr;
  const Signal* signal = nullptr;
};
/// The signal of that metricType, or nullptrs.
DialectSignal FindSignal(std::string_view metric_type);

/// Whether a metric of that name is one of \p dialect's engine.
bool HasPrefix(const Dialect& dialect, std::string_view name);

/// \p name with '_' for ':', as a server that was asked for OpenMetrics writes it.
std::string WithUnderscores(std::string_view name);

}  // namespace kgs::engine
