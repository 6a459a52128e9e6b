// SPDX-License-Identifier: Apache-2.0
//
// What is read of a page given as text, for tests.
#pragma once

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <string_view>

#include "engine/dialects.h"
#include "engine/engine_rates.h"
#include "engine/page_reading.h"

namespace kgs::engine {

/// The moment of a page, in milliseconds of Unix time.
inline constexpr int64_t kTestNowMs = 1'790'000'000'000;

inline PageReading ReadText(const PageQuery& query, std::string_view page,
                            base::SteadyTime taken = {}) {
  PageReader reader(query, Format::kText, kTestNowMs);
  EXPECT_TRUE(reader.Feed(page).ok());
  auto reading = reader.Finish(BodyEnd::kKnown, taken);
  EXPECT_TRUE(reading.ok()) << reading.status();
  return reading.ok() ? *std::move(reading) : PageReading{};
}

/// The signal \p metric_type alone.
inline PageQuery QueryFor(std::string_view metric_type) {
  const auto [dialect, signal] = FindSignal(metric_type);
  EXPECT_NE(signal, nullptr) << metric_type;
  return PageQuery({{*signal, dialect}});
}

/// "5", to nine digits, or the reason in words: "absent".
inline std::string Text(const model::EngineReading& reading) {
  if (!reading.has_value()) return std::string(model::EngineGapName(reading.gap()));
  std::ostringstream text;
  text.precision(9);
  text << reading.value();
  return text.str();
}

/// The signal's reading of one page.
inline model::EngineReading ReadOne(std::string_view metric_type, std::string_view page) {
  const PageQuery query = QueryFor(metric_type);
  return EngineValues(query, nullptr, ReadText(query, page)).front();
}

/// Of two pages, ten seconds apart.
inline model::EngineReading ReadTwo(const PageQuery& query, std::string_view before,
                                    std::string_view now) {
  const base::SteadyTime start{std::chrono::hours(1)};
  const PageReading first = ReadText(query, before, start);
  return EngineValues(query, &first, ReadText(query, now, start + std::chrono::seconds(10)))
      .front();
}
inline model::EngineReading ReadTwo(std::string_view metric_type, std::string_view before,
                                    std::string_view now) {
  return ReadTwo(QueryFor(metric_type), before, now);
}

}  // namespace kgs::engine
