// SPDX-License-Identifier: Apache-2.0
#include "kube/client/timer_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kgs::kube {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class TimerQueueTest : public ::testing::Test {
 protected:
  TimerQueue::Key Add(base::Duration after, const std::string& name) {
    return queue_.Add(start_ + after, [this, name] { called_.push_back(name); });
  }
  const base::SteadyTime start_{1h};
  TimerQueue queue_;
  std::vector<std::string> called_;
};

TEST_F(TimerQueueTest, CallsWhatIsDueInTheOrderOfTime) {
  Add(3s, "c");
  Add(1s, "a");
  Add(2s, "b");
  Add(2s, "b, added later");
  EXPECT_EQ(queue_.next_due(), start_ + 1s);
  queue_.Run(start_ + 999ms);
  EXPECT_THAT(called_, IsEmpty());
  queue_.Run(start_ + 2s);
  EXPECT_THAT(called_, ElementsAre("a", "b", "b, added later"));
  EXPECT_EQ(queue_.next_due(), start_ + 3s);
  queue_.Run(start_ + 1h);
  EXPECT_EQ(called_.size(), 4U);
  EXPECT_EQ(queue_.next_due(), std::nullopt);
}

TEST_F(TimerQueueTest, WhatIsCancelledIsNotCalled) {
  const auto first = Add(1s, "first");
  TimerQueue::Key third{};
  queue_.Add(start_ + 2s, [&] {
    queue_.Cancel(first);
    queue_.Cancel(third);
  });
  third = Add(3s, "third");
  Add(4s, "fourth");
  queue_.Run(start_ + 1s);
  queue_.Run(start_ + 4s);
  EXPECT_THAT(called_, ElementsAre("first", "fourth"));
}

TEST_F(TimerQueueTest, ATimerThatAddsItselfAgainDoesNotHoldUpARun) {
  int calls = 0;
  std::function<void()> again = [&] {
    ++calls;
    queue_.Add(start_, again);
  };
  queue_.Add(start_, again);
  Add(1s, "behind it");
  queue_.Run(start_ + 1s);
  EXPECT_EQ(calls, 1);
  EXPECT_THAT(called_, ElementsAre("behind it"));
  queue_.Run(start_ + 1s);
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace kgs::kube
