// SPDX-License-Identifier: Apache-2.0
#include "base/backoff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace kgs::base {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;

std::vector<Duration> NextOf(Backoff& backoff, int count) {
  std::vector<Duration> waits;
  for (int i = 0; i < count; ++i) waits.push_back(backoff.Next());
  return waits;
}

TEST(BackoffTest, DoublesUpToTheLongest) {
  Backoff backoff(seconds(1), seconds(10));
  EXPECT_THAT(NextOf(backoff, 6), ElementsAre(seconds(1), seconds(2), seconds(4), seconds(8),
                                              seconds(10), seconds(10)));
}

TEST(BackoffTest, ResetStartsOver) {
  Backoff backoff(seconds(1), seconds(10));
  NextOf(backoff, 5);
  backoff.Reset();
  EXPECT_THAT(NextOf(backoff, 2), ElementsAre(seconds(1), seconds(2)));
}

TEST(BackoffTest, NeverExceedsTheLongestEvenAtFirst) {
  Backoff backoff(seconds(60), seconds(10));
  EXPECT_THAT(NextOf(backoff, 2), ElementsAre(seconds(10), seconds(10)));
}

}  // namespace
}  // namespace kgs::base
