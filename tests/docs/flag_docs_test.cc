// SPDX-License-Identifier: Apache-2.0
//
// docs/configuration.md lists every flag with its variable, roles and default, in the table's
// order.
#include <gtest/gtest.h>

#include "app/options.h"
#include "tests/docs/markdown.h"

namespace kgs {
namespace {

TEST(FlagDocsTest, EveryFlagIsDescribed) {
  const auto table = testing::ReadTable("configuration.md", "## Flags");
  const std::vector<app::FlagInfo> flags = app::Flags();
  ASSERT_EQ(table.size(), flags.size());
  for (size_t i = 0; i < table.size(); ++i) {
    ASSERT_EQ(table[i].size(), 5u) << flags[i].name;
    EXPECT_EQ(table[i][0], flags[i].name);
    EXPECT_EQ(table[i][1], flags[i].environment);
    EXPECT_EQ(table[i][2], flags[i].roles_text) << flags[i].name;
    EXPECT_EQ(table[i][3], flags[i].default_text) << flags[i].name;
    EXPECT_FALSE(table[i][4].empty()) << flags[i].name;
  }
}

}  // namespace
}  // namespace kgs
