// SPDX-License-Identifier: Apache-2.0
//
// Signals in words, for messages and documents.
#pragma once

#include <string>

#include "engine/signal.h"

namespace kgs::engine {

/// Names with labels of a user's are cut to it in messages, in bytes.
inline constexpr size_t kLongestNames = 300;

/// a{b="c"}, as a page would write it.
std::string SeriesText(const SeriesName& name);

/// "a or b".
std::string NamesText(const std::vector<SeriesName>& names);
/// Every name that a term may have.
inline std::string NamesText(const Term& term) { return NamesText(term.first_of); }

/// What a signal is computed from: "a or b, plus c", "p95 of a", "a over b", "a, largest".
std::string SignalText(const Signal& signal);

/// "error", "0", "hold".
std::string WhenAbsentText(WhenAbsent absent);

}  // namespace kgs::engine
