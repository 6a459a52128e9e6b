// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include "model/reading.h"

namespace kgs::testing {

MATCHER_P(IsValue, value, "") {
  if (!arg.has_value()) {
    *result_listener << "absent: " << arg.detail();
    return false;
  }
  *result_listener << arg.value();
  return ::testing::Value(arg.value(), ::testing::DoubleEq(value));
}

MATCHER_P2(IsAbsent, reason, detail, "") {
  if (arg.has_value()) {
    *result_listener << "a value: " << arg.value();
    return false;
  }
  *result_listener << static_cast<int>(arg.reason()) << " " << arg.detail();
  return arg.reason() == reason && arg.detail() == detail;
}

}  // namespace kgs::testing
