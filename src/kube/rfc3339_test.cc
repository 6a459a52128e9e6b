// SPDX-License-Identifier: Apache-2.0
#include "kube/rfc3339.h"

#include <gtest/gtest.h>

namespace kgs::kube {
namespace {

TEST(Rfc3339, ReadsWhatKubernetesWrites) {
  EXPECT_EQ(ParseRfc3339("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(ParseRfc3339("2026-01-01T00:00:00Z"), 1767225600);
  EXPECT_EQ(ParseRfc3339("2024-02-29T23:59:59Z"), 1709251199);
  EXPECT_EQ(ParseRfc3339("9999-12-31T23:59:59Z"), 253402300799);
  EXPECT_EQ(ParseRfc3339("0001-01-01T00:00:00Z"), -62135596800);
}

TEST(Rfc3339, CutsFractionsOff) {
  EXPECT_EQ(ParseRfc3339("2026-01-01T00:00:00.999999999Z"), 1767225600);
  EXPECT_EQ(ParseRfc3339("2026-01-01T00:00:00.1+00:00"), 1767225600);
}

TEST(Rfc3339, TakesOffsetsIntoAccount) {
  EXPECT_EQ(ParseRfc3339("2026-01-01T02:30:00+02:30"), 1767225600);
  EXPECT_EQ(ParseRfc3339("2025-12-31T16:00:00-08:00"), 1767225600);
}

TEST(Rfc3339, RefusesAllElse) {
  for (const char* text : {"",
                           "2026",
                           "2026-01-01",
                           "2026-01-01 00:00:00Z",
                           "2026-01-01T00:00:00",
                           "2026-1-1T0:0:0Z",
                           "2026-13-01T00:00:00Z",
                           "2026-00-01T00:00:00Z",
                           "2026-02-29T00:00:00Z",
                           "2026-01-00T00:00:00Z",
                           "2026-01-01T24:00:00Z",
                           "2026-01-01T00:60:00Z",
                           "2026-01-01T00:00:60Z",
                           "2026-01-01T00:00:00.Z",
                           "2026-01-01T00:00:00+0200",
                           "2026-01-01T00:00:00+24:00",
                           "2026-01-01T00:00:00Zx",
                           "2026-01-01T00:00:00z",
                           "+026-01-01T00:00:00Z",
                           " 2026-01-01T00:00:00Z",
                           "2026-01-01T00:00:00,5Z"}) {
    EXPECT_EQ(ParseRfc3339(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace kgs::kube
