// SPDX-License-Identifier: Apache-2.0
//
// The scraper of endpoints: names, their addresses, and where they may lead.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scraping/endpoint_scraper_fixture.h"

namespace kgs::scraping {
namespace {

using namespace std::chrono_literals;
using endpoint::IpAddress;
using model::EngineGap;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class EndpointNamesTest : public EndpointScraperTest {};

TEST_F(EndpointNamesTest, AsksOnceAnIntervalAndResolvesEveryTenSeconds) {
  scraper_.SetTargets({Target()});
  size_t pages = 0;
  for (int i = 0; i < 3000; ++i) {
    Pass(10ms);
    pages += fetcher_.asked.size();
    fetcher_.AnswerAll(Demand(1));
  }
  EXPECT_GE(pages, 2 * 29);
  EXPECT_LE(pages, 2 * 30);
  EXPECT_GE(names_.lookups, 2);
  EXPECT_LE(names_.lookups, 3);
}

TEST_F(EndpointNamesTest, ANameThatIsNotResolvedIsAFaultUntilItIs) {
  names_.addresses = absl::UnavailableError("host gateway cannot be resolved");
  scraper_.SetTargets({Target()});
  Pass(1010ms);
  EXPECT_THAT(fetcher_.asked, IsEmpty());
  EXPECT_EQ(Latest().gap(), EngineGap::kFault);
  EXPECT_EQ(Latest().detail(), "http://gateway:9090/metrics: host gateway cannot be resolved");
  EXPECT_EQ(counters_.lookup_failures.value(), 1);
  names_.addresses = Parse({"10.0.0.1"});
  Pass(3100ms);
  ASSERT_THAT(Asked(), ElementsAre("10.0.0.1"));
  fetcher_.AnswerAll(Demand(3));
  EXPECT_EQ(Latest().value(), 4);
}

TEST_F(EndpointNamesTest, WhatWasKnownIsNoLongerBelievedWhenTheNameIsNotResolvedAnyMore) {
  scraper_.SetTargets({Target()});
  Rounds(1, Demand(3));
  EXPECT_EQ(Latest().value(), 8);
  names_.addresses = absl::UnavailableError("host gateway cannot be resolved");
  Rounds(11, Demand(3));
  EXPECT_THAT(Latest().detail(), HasSubstr("cannot be resolved"));
}

TEST_F(EndpointNamesTest, ALookupThatTimesOutSaysNothingOfWhatIsKnownForAMinute) {
  scraper_.SetTargets({Target()});
  Rounds(1, Demand(3));
  names_.addresses = absl::DeadlineExceededError("was not resolved within 2s");
  Rounds(50, Demand(4));
  EXPECT_EQ(Latest().value(), 10);
  EXPECT_GT(names_.lookups, 5) << "it is tried again soon";
  Rounds(30, Demand(4));
  EXPECT_THAT(Latest().detail(), HasSubstr("not resolved within 2s"));
}

TEST_F(EndpointNamesTest, ALookupThatHangsDelaysNoRoundOfKnownAddresses) {
  scraper_.SetTargets({Target()});
  Rounds(1, Demand(3));
  names_.hangs = true;
  size_t pages = 0;
  for (int i = 0; i < 1500; ++i) {
    Pass(10ms);
    pages += fetcher_.asked.size();
    fetcher_.AnswerAll(Demand(1));
  }
  EXPECT_GE(pages, 2 * 14);
  EXPECT_EQ(names_.lookups, 2) << "one at a time";
  EXPECT_EQ(Latest().value(), 4);
}

TEST_F(EndpointNamesTest, AnAddressThatFailsHasTheNameResolvedSoon) {
  scraper_.SetTargets({Target()});
  Rounds(3, Demand(3));
  names_.addresses = Parse({"10.0.0.1", "10.0.0.3"});
  AwaitAsked(2);
  fetcher_.Answer(Demand(3));
  fetcher_.Fail(absl::UnavailableError("connection refused"));
  // The round that has it resolved still asks what it knows.
  AwaitAsked(2);
  fetcher_.Answer(Demand(3));
  fetcher_.Fail(absl::UnavailableError("connection refused"));
  AwaitAsked(2);
  EXPECT_THAT(Asked(), ElementsAre("10.0.0.1", "10.0.0.3"));
  fetcher_.AnswerAll(Demand(0));
  EXPECT_EQ(Latest().value(), 2);
  EXPECT_EQ(names_.lookups, 2);
}

TEST_F(EndpointNamesTest, OneThatAlwaysFailsIsNotResolvedAllTheTime) {
  names_.addresses = Parse({"10.0.0.1"});
  scraper_.SetTargets({Target()});
  for (int i = 0; i < 3000; ++i) {
    Pass(10ms);
    if (!fetcher_.asked.empty()) fetcher_.Fail(absl::UnavailableError("connection refused"));
  }
  EXPECT_GE(names_.lookups, 10);
  EXPECT_LE(names_.lookups, 16);
}

TEST_F(EndpointNamesTest, NoAddressOfARefusedNameIsAsked) {
  names_.addresses = Parse({"10.0.0.1", "169.254.169.254"});
  scraper_.SetTargets({Target()});
  Pass(5s);
  EXPECT_THAT(fetcher_.asked, IsEmpty());
  EXPECT_EQ(Latest().gap(), EngineGap::kFault);
  EXPECT_THAT(Latest().detail(), HasSubstr("169.254.169.254 is a cloud's metadata service"));
}

TEST_F(EndpointNamesTest, AnAddressThatBecomesAnothersIsNotAskedAnyMore) {
  std::string owner = "team";
  endpoint::GuardRules rules;
  rules.owner_namespace = [&](const IpAddress&) { return owner; };
  SetGuard(std::move(rules));
  scraper_.SetTargets({Target()});
  Rounds(1, Demand(3));
  EXPECT_EQ(Latest().value(), 8);
  owner = "other";
  Pass(1100ms);
  EXPECT_THAT(fetcher_.asked, IsEmpty());
  EXPECT_EQ(names_.lookups, 1) << "the round judged what the name had led to";
  EXPECT_THAT(Latest().detail(), HasSubstr("belongs to another namespace"));
}

TEST_F(EndpointNamesTest, WhatOneNamespaceMayReadIsNotToldToAnother) {
  endpoint::GuardRules rules;
  rules.owner_namespace = [](const IpAddress&) { return "team"; };
  SetGuard(std::move(rules));
  EndpointTarget other = Target();
  other.object_namespace = "other";
  scraper_.SetTargets({Target(), other});
  for (int i = 0; i < 110; ++i) {
    Pass(10ms);
    fetcher_.AnswerAll(Demand(3));
  }
  EXPECT_EQ(Latest().value(), 8);
  EXPECT_EQ(Latest(other).gap(), EngineGap::kFault);
  EXPECT_THAT(Latest(other).detail(), HasSubstr("belongs to another namespace"));
}

}  // namespace
}  // namespace kgs::scraping
