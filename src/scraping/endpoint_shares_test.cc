// SPDX-License-Identifier: Apache-2.0
//
// The endpoints of one namespace harm no other's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scraping/endpoint_scraper_fixture.h"

namespace kgs::scraping {
namespace {

using namespace std::chrono_literals;
using testing::CounterQuery;
using ::testing::HasSubstr;
using testing::Query;

/// An endpoint of that namespace, asked every 200 ms.
EndpointTarget Of(const std::string& name_space, int number,
                  const model::EngineQuery& query = Query("vllm_demand", 1s)) {
  EndpointTarget target =
      Target({query}, "http://gateway-" + std::to_string(number) + ":9090/metrics");
  target.object_namespace = name_space;
  return target;
}

class EndpointSharesTest : public EndpointScraperTest {
 protected:
  /// As many addresses behind each name.
  void Behind(int addresses) {
    std::vector<std::string> texts;
    for (int i = 0; i < addresses; ++i) texts.push_back("10.0.0." + std::to_string(i + 1));
    names_.addresses = Parse(texts);
  }
  size_t UnderWay(const std::string& name_space) const {
    return static_cast<size_t>(
        std::count_if(fetcher_.asked.begin(), fetcher_.asked.end(), [&](const auto& one) {
          return one.request.url.host.starts_with("gateway-") &&
                 namespace_of_.at(one.request.url.host) == name_space;
        }));
  }
  void SetTargets(const std::vector<EndpointTarget>& targets) {
    for (const EndpointTarget& target : targets) {
      namespace_of_[target.url.host] = target.object_namespace;
    }
    scraper_.SetTargets(targets);
  }

  std::map<std::string, std::string> namespace_of_;
};

TEST_F(EndpointSharesTest, SoManyPagesAreUnderWayAndNoMore) {
  Behind(50);
  std::vector<EndpointTarget> targets;
  for (int i = 0; i < 10; ++i) targets.push_back(Of("greedy", i));
  targets.push_back(Of("other", 10));
  SetTargets(targets);
  // Nobody answers.
  Pass(3s);
  EXPECT_EQ(UnderWay("greedy"), 100) << "two rounds of 50, the third would be 150";
  EXPECT_EQ(UnderWay("other"), 50);
  // Their end makes room for others of the same namespace.
  fetcher_.AnswerAll(Demand(1));
  Pass(1500ms);
  EXPECT_EQ(UnderWay("greedy"), 100);
}

TEST_F(EndpointSharesTest, OneEndpointOfManyAddressesIsAskedAllTheSame) {
  Behind(200);
  SetTargets({Of("greedy", 0)});
  Pass(2s);
  EXPECT_EQ(UnderWay("greedy"), 200);
}

TEST_F(EndpointSharesTest, WhoHasLongPagesIsAskedLessOften) {
  Behind(1);
  SetTargets({Of("greedy", 0), Of("other", 1)});
  size_t greedy = 0;
  size_t other = 0;
  for (int i = 0; i < 1000; ++i) {
    Pass(10ms);
    while (!fetcher_.asked.empty()) {
      const bool is_greedy = namespace_of_.at(fetcher_.asked.front().request.url.host) == "greedy";
      ++(is_greedy ? greedy : other);
      fetcher_.pretended_bytes = is_greedy ? size_t{64} << 20 : 1000;
      fetcher_.Answer(Demand(1));
    }
  }
  EXPECT_GE(other, 9);
  EXPECT_THAT(greedy, ::testing::AllOf(::testing::Ge(2), ::testing::Le(3)))
      << "64 MiB at 16 MiB a second";
}

TEST_F(EndpointSharesTest, WhatGrowsMayNotTakeAnyMemory) {
  Behind(16);
  SetTargets({Of("greedy", 0, CounterQuery("a")), Of("other", 1, CounterQuery("a"))});
  // 3 MB of labels.
  std::string page;
  for (int i = 0; i < 200; ++i) {
    page += "a{b=\"" + std::string(15'000, 'x') + std::to_string(i) + "\"} 1\n";
  }
  for (int round = 0; round < 2; ++round) {
    Pass(1100ms);
    while (!fetcher_.asked.empty()) {
      const bool is_greedy = namespace_of_.at(fetcher_.asked.front().request.url.host) == "greedy";
      fetcher_.pretended_bytes = 1000;
      fetcher_.Answer(is_greedy ? page : "a " + std::to_string(round) + "\n");
    }
  }
  EXPECT_THAT(Latest(Of("greedy", 0, CounterQuery("a"))).detail(), HasSubstr("too many series"));
  EXPECT_EQ(Latest(Of("other", 1, CounterQuery("a"))).gap(), model::EngineGap::kNoValueYet)
      << "it is watched for too short a time, and no more is the matter";
}

}  // namespace
}  // namespace kgs::scraping
