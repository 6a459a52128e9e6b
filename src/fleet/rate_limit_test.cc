// SPDX-License-Identifier: Apache-2.0
#include "fleet/rate_limit.h"

#include <gtest/gtest.h>

namespace kgs::fleet {
namespace {

using namespace std::chrono_literals;

/// How many of 1000 at once are let through.
int Burst(RateLimit& limit, base::SteadyTime now) {
  int taken = 0;
  for (int i = 0; i < 1000; ++i) taken += limit.Take(now) ? 1 : 0;
  return taken;
}

TEST(RateLimitTest, TenSecondsMayComeAtOnce) {
  RateLimit limit(20);
  const base::SteadyTime start = base::SteadyTime() + 1h;
  EXPECT_EQ(Burst(limit, start), 200);
  EXPECT_EQ(Burst(limit, start + 1s), 20);
  EXPECT_EQ(Burst(limit, start + 1s + 40ms), 0);
  EXPECT_EQ(Burst(limit, start + 1s + 60ms), 1) << "what is refused takes nothing away";
  EXPECT_EQ(Burst(limit, start + 1h), 200) << "no more than that, however long it was still";
}

TEST(RateLimitTest, TheRateItselfIsNeverTooMuch) {
  RateLimit limit(20);
  base::SteadyTime now;
  for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(limit.Take(now += 50ms)) << i;
}

}  // namespace
}  // namespace kgs::fleet
