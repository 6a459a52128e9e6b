// SPDX-License-Identifier: Apache-2.0
//
// What was read for one query of one process, for as long as what grows is compared with it. Pure;
// not thread-safe.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>

#include "base/clock.h"
#include "engine/page_query.h"
#include "engine/page_reading.h"
#include "model/engine_reading.h"

namespace kgs::scraping {

/// Rates, means and quantiles are over up to this.
inline constexpr base::Duration kRateWindow = std::chrono::seconds(30);
/// Readings that are kept are no closer together.
inline constexpr base::Duration kLeastSpacing = std::chrono::seconds(5);

/// The signal at \p place of \p page alone.
engine::PageReading Alone(const engine::PageReading& page, size_t place);

/// About what it takes.
size_t BytesOf(const engine::RawSignal& signal);

class QueryHistory {
 public:
  /// After the first page, and after a counter began again, nothing is made of what grows for
  /// \p settling.
  explicit QueryHistory(const engine::Wanted& wanted, base::Duration settling = {});

  /// \p now is a reading of this signal alone, later than all before. It is compared with the
  /// oldest of the window, else with the last where that is no older than \p longest_gap. When a
  /// process is seen to have begun again, what was before is forgotten: a counter that has passed
  /// its old value since then would not show it.
  model::EngineReading Add(engine::PageReading now, base::Duration longest_gap);
  /// About what is kept.
  size_t bytes() const { return bytes_; }

 private:
  model::EngineReading Against(const engine::PageReading* before,
                               const engine::PageReading& now) const;
  /// The value of \p now, where there is something before it.
  model::EngineReading Compare(const engine::PageReading& now, base::Duration longest_gap);

  const engine::PageQuery query_;
  /// Whether anything is compared at all.
  const bool grows_;
  const base::Duration settling_;
  /// When a counter was last seen to have begun again.
  std::optional<base::SteadyTime> began_again_;
  size_t bytes_ = 0;
  std::optional<engine::PageReading> last_;
  /// The oldest first.
  std::deque<engine::PageReading> kept_;
};

}  // namespace kgs::scraping
