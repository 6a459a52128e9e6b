// SPDX-License-Identifier: Apache-2.0
//
// One pass over a page for a set of wanted signals.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "engine/exposition_reader.h"
#include "engine/kept_page.h"
#include "engine/page_query.h"
#include "engine/raw_signal.h"

namespace kgs::engine {

struct PageReading {
  /// When the engine was asked for it.
  base::SteadyTime taken;
  /// In the order of the query's wanted().
  std::vector<RawSignal> signals;
  /// Those of the query's engines that the page has a name of. A page may be of two: an engine
  /// behind a server with metrics of its own.
  std::vector<const Dialect*> recognised;
  size_t samples = 0;
  /// Lines that are no sample, whether they were wanted or not.
  size_t malformed = 0;
  /// Series that stand twice.
  size_t duplicates = 0;
};

/// Not thread-safe. One page each. A page of JSON is read where the query may mean one.
class PageReader {
 public:
  /// \p query must outlive the reader. \p now_unix_ms is what the page's timestamps are compared
  /// with: a sample from more than 5 minutes before is a fault. Without it none is.
  PageReader(const PageQuery& query, Format format, std::optional<int64_t> now_unix_ms,
             ExpositionLimits limits = {})
      : query_(query),
        kept_(query, now_unix_ms),
        reader_(format, kept_, limits),
        json_(query.queue_counts() ? Json::kMaybe : Json::kNo) {}

  absl::Status Feed(std::string_view piece);
  /// Errors are those of ExpositionReader, or of ReadQueueCounts.
  absl::StatusOr<PageReading> Finish(BodyEnd end, base::SteadyTime taken);

 private:
  enum class Json { kNo, kMaybe, kYes };

  absl::Status KeepJson(std::string_view piece);

  const PageQuery& query_;
  KeptPage kept_;
  ExpositionReader reader_;
  Json json_;
  /// A page of JSON so far.
  std::string text_;
};

}  // namespace kgs::engine
