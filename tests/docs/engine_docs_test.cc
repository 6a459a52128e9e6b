// SPDX-License-Identifier: Apache-2.0
//
// docs/engines.md says what the presets say, row by row and in the same order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "engine/dialects.h"
#include "engine/signal_text.h"
#include "tests/docs/markdown.h"

namespace kgs {
namespace {

using Row = std::vector<std::string>;

void AddMetrics(const engine::Dialect& dialect, std::vector<Row>& rows) {
  for (const engine::Signal& signal : dialect.signals) {
    rows.push_back({signal.name, signal.unit, signal.demand ? "demand" : "level",
                    engine::WhenAbsentText(signal.absent), signal.help,
                    engine::SignalText(signal)});
  }
}

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
  for (const engine::Dialect* dialect : engine::Dialects()) AddMetrics(*dialect, expected);
  EXPECT_EQ(testing::ReadTable("engines.md", "## Metrics"), expected);
}

TEST(EngineDocsTest, EveryGatewayIsDescribed) {
  std::vector<Row> expected;
  for (const engine::Dialect* gateway : engine::Gateways()) {
    expected.push_back({gateway->name, gateway->title, std::to_string(gateway->port), gateway->path,
                        base::JoinWithAnd(gateway->selected_by), gateway->switched_on});
  }
  EXPECT_EQ(testing::ReadTable("engines.md", "## Gateways"), expected);
}

TEST(EngineDocsTest, EveryMetricOfAGatewayIsDescribed) {
  std::vector<Row> expected;
  for (const engine::Dialect* gateway : engine::Gateways()) AddMetrics(*gateway, expected);
  EXPECT_EQ(testing::ReadTable("engines.md", "### Metrics of gateways"), expected);
}

TEST(EngineDocsTest, EverySourceThatWakesIsDescribed) {
  std::vector<Row> expected;
  for (const engine::Dialect* source : engine::WakeSources()) {
    const engine::Signal& wake = *source->wake;
    expected.push_back({engine::WakeSourceWord(*source), engine::WhenAbsentText(wake.absent),
                        wake.help, engine::SignalText(wake)});
  }
  EXPECT_EQ(testing::ReadTable("engines.md", "### What wakes"), expected);
}

}  // namespace
}  // namespace kgs
