// SPDX-License-Identifier: Apache-2.0
#include "scraping/endpoint_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "scraping/test_scrapes.h"

namespace kgs::scraping {
namespace {

using namespace std::chrono_literals;
using model::EngineGap;
using model::EngineReading;
using testing::CounterQuery;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Query;
using ::testing::SizeIs;

constexpr base::SteadyTime kAsked{5s};

EndpointTarget Target(std::vector<model::EngineQuery> queries,
                      const std::string& url = "http://gateway:9090/metrics") {
  return {endpoint::ParseUrl(url).value(), "team", "", std::move(queries)};
}

TEST(PlanEndpoints, AsksOnceForAllThatIsWantedOfAnEndpoint) {
  const auto plans = PlanEndpoints({Target({Query("vllm_demand", 5s)}),
                                    Target({Query("vllm_running", 2s), Query("vllm_demand", 9s)})});
  ASSERT_THAT(plans, SizeIs(1));
  const EndpointPlan& plan = plans.begin()->second;
  EXPECT_THAT(plan.keys, ElementsAre(Query("vllm_demand").Key(), Query("vllm_running").Key()));
  EXPECT_EQ(plan.query->wanted().size(), 2);
  EXPECT_EQ(plan.interval, 2s);
  EXPECT_EQ(MaxAge(plan), 8s);
}

TEST(PlanEndpoints, ASharedUrlIsNotSharedBetweenNamespacesOrCredentials) {
  EndpointTarget other = Target({Query("vllm_demand")});
  other.object_namespace = "other";
  EndpointTarget known = Target({Query("vllm_demand")});
  known.credential = "gateway";
  const auto plans = PlanEndpoints({Target({Query("vllm_demand")}), other, known,
                                    Target({Query("vllm_demand")}, "http://gateway:9090/other")});
  EXPECT_THAT(plans, SizeIs(4));
  EXPECT_EQ(plans.at(KeyOf(known)).credential, "gateway");
  EXPECT_EQ(plans.at(KeyOf(other)).object_namespace, "other");
}

TEST(PlanEndpoints, NoEngineIsAskedMoreOftenThanItBears) {
  EXPECT_EQ(PlanEndpoints({Target({Query("vllm_demand", 10ms)})}).begin()->second.interval, 1s);
  EXPECT_EQ(PlanEndpoints({Target({CounterQuery("jobs_total", 0)})}).begin()->second.interval, 1s);
}

TEST(PlanEndpoints, SaysWhatCannotBeRead) {
  const auto plans = PlanEndpoints({Target({Query("vllm_dreams"), Query("vllm_demand")})});
  const EndpointPlan& plan = plans.begin()->second;
  EXPECT_THAT(plan.keys, ElementsAre(Query("vllm_demand").Key()));
  ASSERT_EQ(plan.refused.count(Query("vllm_dreams").Key()), 1);
  EXPECT_THAT(plan.refused.begin()->second, HasSubstr("vllm_dreams"));
}

AddressReading Value(double value) {
  return {"http://gateway:9090/metrics at 10.0.0.1", EngineReading::Value(value, kAsked - 1s)};
}

AddressReading Gap(EngineGap gap, const std::string& detail = "words", int last_byte = 2) {
  return {"http://gateway:9090/metrics at 10.0.0." + std::to_string(last_byte),
          EngineReading::Missing(gap, detail, kAsked - 1s)};
}

TEST(CombineAddresses, ADemandIsTheSumAndALevelTheLargest) {
  EXPECT_EQ(CombineAddresses(true, {Value(3), Value(4), Value(0)}, kAsked),
            EngineReading::Value(7, kAsked));
  EXPECT_EQ(CombineAddresses(false, {Value(3), Value(4), Value(0)}, kAsked),
            EngineReading::Value(4, kAsked));
  EXPECT_EQ(CombineAddresses(false, {Value(-3)}, kAsked).value(), -3) << "not a 0 of ours";
}

TEST(CombineAddresses, OneWithoutAValueLeavesTheWholeWithout) {
  for (const bool demand : {true, false}) {
    for (const EngineGap gap :
         {EngineGap::kNoValueYet, EngineGap::kAbsent, EngineGap::kUnknown, EngineGap::kFault}) {
      SCOPED_TRACE(model::EngineGapName(gap));
      const auto whole = CombineAddresses(demand, {Value(3), Gap(gap), Value(4)}, kAsked);
      ASSERT_FALSE(whole.has_value());
      EXPECT_EQ(whole.gap(), gap);
      EXPECT_EQ(whole.detail(), "http://gateway:9090/metrics at 10.0.0.2: words");
      EXPECT_EQ(whole.taken(), kAsked);
    }
  }
}

TEST(CombineAddresses, TheWorstNamesTheReasonAndItsAddressOnce) {
  const auto whole = CombineAddresses(
      true,
      {Gap(EngineGap::kNoValueYet, "first", 2), Gap(EngineGap::kUnknown, "maybe", 3),
       Gap(EngineGap::kFault, "http://gateway:9090/metrics at 10.0.0.4: connection refused", 4),
       Gap(EngineGap::kFault, "later", 5)},
      kAsked);
  EXPECT_EQ(whole.gap(), EngineGap::kFault);
  EXPECT_EQ(whole.detail(), "http://gateway:9090/metrics at 10.0.0.4: connection refused");
}

TEST(CombineAddresses, WhatSleepsOrDidNothingIsLeftOutBesideOthers) {
  const auto asleep = Gap(EngineGap::kSleeping);
  const auto quiet = Gap(EngineGap::kNothingHappened);
  EXPECT_EQ(CombineAddresses(true, {asleep, Value(4), quiet}, kAsked).value(), 4);
  EXPECT_EQ(CombineAddresses(false, {quiet, Value(4), asleep}, kAsked).value(), 4);
  EXPECT_EQ(CombineAddresses(true, {asleep, asleep}, kAsked).gap(), EngineGap::kSleeping);
  EXPECT_EQ(CombineAddresses(true, {quiet, quiet}, kAsked).gap(), EngineGap::kNothingHappened);
  EXPECT_EQ(CombineAddresses(true, {asleep, quiet}, kAsked).gap(), EngineGap::kNothingHappened);
  EXPECT_EQ(CombineAddresses(true, {asleep, Gap(EngineGap::kFault), Value(1)}, kAsked).gap(),
            EngineGap::kFault);
}

TEST(CombineAddresses, ASumThatIsNoFiniteNumberIsAFault) {
  const double most = std::numeric_limits<double>::max();
  EXPECT_EQ(CombineAddresses(true, {Value(most), Value(most)}, kAsked).gap(), EngineGap::kFault);
  EXPECT_EQ(CombineAddresses(false, {Value(most), Value(most)}, kAsked).value(), most);
}

}  // namespace
}  // namespace kgs::scraping
