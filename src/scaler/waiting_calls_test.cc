// SPDX-License-Identifier: Apache-2.0
//
// Turned by hand, with a clock that stands still.
#include "scaler/waiting_calls.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace kgs::scaler {
namespace {

using namespace std::chrono_literals;

class WaitingCallsTest : public ::testing::Test {
 protected:
  /// A call that can be answered once `known_`; notes how it was tried.
  WaitingCalls::Attempt Call() {
    return [this](bool last) {
      ++tries_;
      last_ |= last;
      return known_ || last;
    };
  }

  testing::FakeClock clock_;
  bool known_ = false;
  int tries_ = 0;
  bool last_ = false;
  WaitingCalls calls_{clock_};
};

TEST_F(WaitingCallsTest, TriesAgainUntilTheCallCanBeAnswered) {
  ASSERT_TRUE(calls_.Add(Call()));
  EXPECT_EQ(calls_.Turn(), WaitingCalls::kPatience);
  EXPECT_EQ(tries_, 1);
  known_ = true;
  calls_.Turn();
  EXPECT_EQ(tries_, 1) << "nothing has changed";
  calls_.Retry();
  calls_.Turn();
  EXPECT_EQ(tries_, 2);
  EXPECT_FALSE(last_);
  calls_.Turn();
  EXPECT_EQ(tries_, 2) << "it is done";
}

TEST_F(WaitingCallsTest, TriesALastTimeWhenPatienceIsOver) {
  ASSERT_TRUE(calls_.Add(Call()));
  clock_.Advance(WaitingCalls::kPatience - 1ms);
  EXPECT_EQ(calls_.Turn(), 1ms);
  EXPECT_FALSE(last_);
  clock_.Advance(1ms);
  calls_.Turn();
  EXPECT_TRUE(last_);
  EXPECT_EQ(tries_, 2);
}

TEST_F(WaitingCallsTest, StopAnswersAllAndTakesNoMore) {
  ASSERT_TRUE(calls_.Add(Call()));
  calls_.Stop();
  EXPECT_TRUE(last_);
  EXPECT_FALSE(calls_.Add(Call()));
  EXPECT_EQ(tries_, 1);
}

TEST_F(WaitingCallsTest, SoManyAndNoMore) {
  for (size_t i = 0; i < WaitingCalls::kMostWaiting; ++i) ASSERT_TRUE(calls_.Add(Call()));
  EXPECT_FALSE(calls_.Add(Call()));
  known_ = true;
  calls_.Turn();
  EXPECT_TRUE(calls_.Add(Call()));
}

}  // namespace
}  // namespace kgs::scaler
