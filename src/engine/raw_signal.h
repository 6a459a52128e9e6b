// SPDX-License-Identifier: Apache-2.0
//
// What one page says of a signal: numbers as they stand there, before counters are compared with
// those of another reading.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/kept_page.h"
#include "engine/page_query.h"
#include "model/engine_reading.h"

namespace kgs::engine {

/// Why there is no number.
struct Gap {
  model::EngineGap reason;
  std::string detail;

  bool operator==(const Gap&) const = default;
};

/// Of a histogram: how many observations were at most \p bound.
struct Bucket {
  double bound;
  double count;

  bool operator==(const Bucket&) const = default;
};

/// One series, or those that repeat it.
struct RawSeries {
  /// What tells it from the others, in this reading and the next.
  std::string key;
  /// Of a gauge and a counter the value, of a mean the sum; finite.
  double value = 0;
  /// Of a mean; finite.
  double count = 0;
  /// Of a histogram, by bound; the last is infinite, and counts do not fall.
  std::vector<Bucket> buckets;

  bool operator==(const RawSeries&) const = default;
};

struct RawTerm {
  /// Set where there are no series, and the rest is empty.
  std::optional<Gap> gap;
  /// Absent, and that means that nothing has happened yet.
  bool zero = false;
  /// Which of Term::first_of the page has, as the preset writes it.
  std::string source;
  /// Sorted by key.
  std::vector<RawSeries> series;

  bool operator==(const RawTerm&) const = default;
};

/// A term each, in the order of the signal's.
struct RawSignal {
  std::vector<RawTerm> terms;

  bool operator==(const RawSignal&) const = default;
};

/// The one of that key, or null.
const RawSeries* FindSeries(const RawTerm& term, const std::string& key);

/// \p wanted is one of \p query's, and \p page was read for it.
RawSignal ReadSignal(const PageQuery& query, const Wanted& wanted, const KeptPage& page);

}  // namespace kgs::engine
