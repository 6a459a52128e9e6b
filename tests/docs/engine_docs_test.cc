// SPDX-License-Identifier: Apache-2.0
//
// docs/engines.md says what the presets say, row by row and in the same order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/dialects.h"
#include "engine/signal_text.h"
#include "tests/docs/markdown.h"

namespace kgs {
namespace {

using Row = std::vector<std::string>;

TEST(EngineDocsTest, EveryPresetIsDescribed) {
  std::vector<Row> expected;
  for (const engine::Dialect* dialect : engine::Dialects()) {
    expected.push_back({dialect->name, dialect->title, std::to_string(dialect->port), dialect->path,
                        dialect->switched_on});
  }
  EXPECT_EQ(testing::ReadTable("engines.md", "## Presets"), expected);
}

TEST(EngineDocsTest, EveryMetricIsDescribed) {
  std::vector<Row> expected;
  for (const engine::Dialect* dialect : engine::Dialects()) {
    for (const engine::Signal& signal : dialect->signals) {
      expected.push_back({signal.name, signal.unit, signal.demand ? "demand" : "level",
                          engine::WhenAbsentText(signal.absent), signal.help,
                          engine::SignalText(signal)});
    }
  }
  EXPECT_EQ(testing::ReadTable("engines.md", "## Metrics"), expected);
}

}  // namespace
}  // namespace kgs
