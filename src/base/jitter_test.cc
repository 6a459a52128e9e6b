// SPDX-License-Identifier: Apache-2.0
#include "base/jitter.h"

#include <gtest/gtest.h>

#include <set>

namespace kgs::base {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(JitterTest, IsAQuarterAtMost) {
  EXPECT_EQ(Jittered(seconds(4), 0), seconds(3));
  EXPECT_EQ(Jittered(seconds(4), 0.5), seconds(4));
  EXPECT_LT(Jittered(seconds(4), 0.999), seconds(5));
  EXPECT_GT(Jittered(seconds(4), 0.999), milliseconds(4990));
}

TEST(JitterTest, NoTwoDrawTheSame) {
  std::set<double> drawn;
  for (int i = 0; i < 100; ++i) {
    const double fraction = NewRandomFraction()();
    EXPECT_GE(fraction, 0);
    EXPECT_LT(fraction, 1);
    drawn.insert(fraction);
  }
  EXPECT_GT(drawn.size(), 95u);
}

}  // namespace
}  // namespace kgs::base
