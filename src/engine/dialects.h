// SPDX-License-Identifier: Apache-2.0
//
// The lists of engines and of gateways.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "engine/dialect.h"

namespace kgs::engine {

/// Every engine, in the order of the documents. They live for ever.
std::span<const Dialect* const> Dialects();

/// Nullptr where there is no engine of that name.
const Dialect* FindDialect(std::string_view name);

/// Every gateway, in the order of the documents: what stands before engines and lives while there
/// are none. They live for ever. Dynamo's frontend is among the engines.
std::span<const Dialect* const> Gateways();

struct DialectSignal {
  const Dialect* dialect = nullptr;
  const Signal* signal = nullptr;
};
/// The signal of that metricType, of an engine or a gateway, or nullptrs.
DialectSignal FindSignal(std::string_view metric_type);

/// What can wake a workload, in the order of the documents.
std::vector<const Dialect*> WakeSources();
/// As metadata key wakeSource has it: "keda-http".
std::string WakeSourceWord(const Dialect& source);
/// The one of that word, or nullptr.
const Dialect* FindWakeSource(std::string_view word);
/// What wakes by that name of a signal ("epp_wake"), or nullptrs.
DialectSignal FindWakeSignal(std::string_view name);

/// Whether a metric of that name is one of \p dialect's engine.
bool HasPrefix(const Dialect& dialect, std::string_view name);

/// \p name with '_' for ':', as a server that was asked for OpenMetrics writes it.
std::string WithUnderscores(std::string_view name);

}  // namespace kgs::engine
