// SPDX-License-Identifier: Apache-2.0
//
// Metadata read as a trigger. For tests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "trigger/trigger.h"

namespace kgs::trigger::testing {

inline ParsedTrigger Accepted(const Metadata& metadata) {
  const auto parsed = ParseTrigger(metadata, UnknownKeys::kRefuse);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return parsed.value_or(ParsedTrigger{});
}

/// What is wrong with it.
inline std::string Refused(const Metadata& metadata) {
  const auto parsed = ParseTrigger(metadata, UnknownKeys::kWarn);
  EXPECT_TRUE(absl::IsInvalidArgument(parsed.status())) << parsed.status();
  constexpr std::string_view kBegin = "trigger metadata: ";
  const std::string message(parsed.status().message());
  return message.substr(std::min(kBegin.size(), message.size()));
}

}  // namespace kgs::trigger::testing
