// SPDX-License-Identifier: Apache-2.0
#include "decision/records.h"

#include <gtest/gtest.h>

namespace kgs::decision {
namespace {

using namespace std::chrono_literals;

Decision Answer(absl::StatusOr<double> value, Branch branch = Branch::kAllMeasured) {
  Decision decision;
  decision.value = std::move(value);
  decision.active = true;
  decision.branch = branch;
  return decision;
}

base::SteadyTime At(base::Duration since) { return base::SteadyTime() + 1h + since; }

TEST(RecordsTest, AnswersThatAreTheSameAreOneRecord) {
  Records records;
  records.Add(Answer(276), At(0s));
  records.Add(Answer(276), At(15s));
  records.Add(Answer(276), At(30s));
  ASSERT_EQ(records.all().size(), 1u);
  EXPECT_EQ(records.all()[0].first, At(0s));
  EXPECT_EQ(records.all()[0].last, At(30s));
  EXPECT_EQ(records.all()[0].times, 3u);
}

TEST(RecordsTest, AnotherAnswerIsAnotherRecord) {
  Records records;
  records.Add(Answer(276), At(0s));
  records.Add(Answer(277), At(15s));
  records.Add(Answer(277, Branch::kBlindHeld), At(16s));
  records.Add(Answer(absl::UnavailableError("a"), Branch::kBlind), At(30s));
  records.Add(Answer(absl::UnavailableError("b"), Branch::kBlind), At(45s));
  Decision idle = Answer(absl::UnavailableError("b"), Branch::kBlind);
  idle.active = false;
  records.Add(idle, At(45s));
  EXPECT_EQ(records.all().size(), 6u);
}

TEST(RecordsTest, WhatIsAskedManyTimesASecondTakesOneRecordASecond) {
  Records records;
  for (int i = 0; i < 60; ++i) records.Add(Answer(i), At(i * 50ms));
  ASSERT_EQ(records.all().size(), 3u);
  EXPECT_EQ(*records.all()[0].decision.value, 19);
  EXPECT_EQ(*records.all()[2].decision.value, 59);
  records.Add(Answer(absl::UnavailableError("gone"), Branch::kBlind), At(2960ms));
  EXPECT_EQ(records.all().size(), 4u) << "a change is never hidden";
}

TEST(RecordsTest, WhatIsOnlyLookedAtIsKeptWhereTheCaseIsAnother) {
  Records records;
  records.AddIfOther(Answer(276), At(0s));
  records.AddIfOther(Answer(200), At(10s));
  ASSERT_EQ(records.all().size(), 1u);
  EXPECT_EQ(*records.all()[0].decision.value, 276) << "it was told to nobody";
  Decision idle = Answer(0);
  idle.active = false;
  records.AddIfOther(idle, At(20s));
  EXPECT_EQ(records.all().size(), 2u);
}

TEST(RecordsTest, AsManyStayAsAreAskedFor) {
  Records records(2);
  EXPECT_FALSE(records.Add(Answer(1), At(0s)));
  EXPECT_FALSE(records.Add(Answer(2), At(15s)));
  EXPECT_TRUE(records.Add(Answer(3), At(30s)));
  EXPECT_FALSE(records.Add(Answer(3), At(45s))) << "the same again takes no place";
  ASSERT_EQ(records.all().size(), 2u);
  EXPECT_EQ(*records.all().front().decision.value, 2);
}

TEST(RecordsTest, TheLastTwentyStayAndOnlyTheNewestHasAllItsInputs) {
  Records records;
  for (int i = 0; i < 30; ++i) {
    Decision decision = Answer(i);
    decision.inputs.resize(kMostInputs);
    records.Add(std::move(decision), At(i * 15s));
  }
  ASSERT_EQ(records.all().size(), Records::kMost);
  EXPECT_EQ(*records.all().front().decision.value, 10);
  EXPECT_EQ(records.all().front().decision.inputs.size(), Records::kMostOldInputs);
  EXPECT_EQ(records.all().back().decision.inputs.size(), kMostInputs);
}

}  // namespace
}  // namespace kgs::decision
