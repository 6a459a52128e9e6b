// SPDX-License-Identifier: Apache-2.0
//
// Queries that wake, through the scraper of endpoints.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scraping/endpoint_scraper_fixture.h"

namespace kgs::scraping {
namespace {

using namespace std::chrono_literals;
using engine::WakeState;
using ::testing::HasSubstr;
using testing::Query;
using ::testing::SizeIs;

constexpr char kQueue[] = "llm_d_epp_flow_control_queue_size";
constexpr char kEnded[] = "llm_d_epp_flow_control_requests_total";

std::string Page(int queue, int ended) {
  return std::string(kQueue) + " " + std::to_string(queue) + "\n" + kEnded + " " +
         std::to_string(ended) + "\n";
}

EndpointTarget WakeTarget(std::vector<model::EngineQuery> more = {}) {
  more.insert(more.begin(), Query("epp_wake", 200ms));
  return Target(std::move(more));
}

class EndpointWakeTest : public EndpointScraperTest {
 protected:
  EndpointWakeTest() {
    parts_.on_demand = [this] { ++told_; };
    wakes_ = std::make_unique<EndpointScraper>(parts_);
  }
  EndpointWake Wake() {
    const auto wake = wakes_->LatestWake(KeyOf(WakeTarget()), Query("epp_wake").Key());
    EXPECT_TRUE(wake.has_value());
    return wake.value_or(EndpointWake());
  }
  /// Until a round of \p pages is under way.
  void AwaitRound(size_t pages) {
    for (int i = 0; i < 200 && fetcher_.asked.empty(); ++i) {
      clock_.Advance(10ms);
      wakes_->Turn();
    }
    ASSERT_THAT(fetcher_.asked, SizeIs(pages));
  }
  void Round(const std::string& first, const std::string& second) {
    AwaitRound(2);
    fetcher_.Answer(first);
    fetcher_.Answer(second);
  }

  int told_ = 0;
  EndpointScraper::Parts parts_{fetcher_,
                                names_.AsResolve(),
                                [this] { return guard_; },
                                credentials_,
                                clock_,
                                [] { return int64_t{0}; },
                                counters_};
  std::unique_ptr<EndpointScraper> wakes_;
};

TEST_F(EndpointWakeTest, IsAskedFiveTimesASecondAndToldAtOnce) {
  wakes_->SetTargets({WakeTarget()});
  EXPECT_EQ(Wake().reading.detail, "not asked yet");
  Round(Page(0, 7), Page(0, 7));
  EXPECT_EQ(Wake().reading.state, WakeState::kNoValueYet) << "the counter has no page before it";
  const base::SteadyTime first = clock_.Now();
  Round(Page(0, 7), Page(0, 7));
  EXPECT_LE(clock_.Now() - first, 210ms);
  EXPECT_EQ(Wake().reading.state, WakeState::kNone);
  EXPECT_EQ(told_, 0);
  AwaitRound(2);
  EXPECT_EQ(fetcher_.asked[0].request.timeout, 1s);
  fetcher_.Answer(Page(2, 7));
  EXPECT_EQ(told_, 1) << "the other has not answered";
  EXPECT_EQ(Wake().reading.state, WakeState::kDemand);
  EXPECT_EQ(Wake().last_demand, clock_.Now());
  fetcher_.Answer(Page(0, 7));
  Round(Page(2, 7), Page(1, 7));
  EXPECT_EQ(Wake().reading.demand, 3);
  EXPECT_EQ(told_, 1);
  EXPECT_GE(Wake().max_age, 3s);
}

TEST_F(EndpointWakeTest, ARequestThatCameAndWentBetweenTwoPagesIsSeen) {
  wakes_->SetTargets({WakeTarget()});
  Round(Page(0, 7), Page(0, 7));
  Round(Page(0, 7), Page(0, 8));
  EXPECT_EQ(told_, 1);
  Round(Page(0, 7), Page(0, 8));
  EXPECT_EQ(Wake().reading.state, WakeState::kNone);
  EXPECT_TRUE(Wake().last_demand.has_value());
}

TEST_F(EndpointWakeTest, OneDeadGatewayLeavesItOpenAndTheOtherStillWakes) {
  wakes_->SetTargets({WakeTarget()});
  const auto dead =
      absl::UnavailableError("http://gateway:9090/metrics at 10.0.0.1: connection refused");
  for (int i = 0; i < 2; ++i) {
    AwaitRound(2);
    fetcher_.Fail(dead);
    fetcher_.Answer(Page(0, 7));
  }
  EXPECT_EQ(Wake().reading.state, WakeState::kUnreadable);
  EXPECT_EQ(Wake().reading.detail, "http://gateway:9090/metrics at 10.0.0.1: connection refused");
  AwaitRound(2);
  fetcher_.Fail(dead);
  fetcher_.Answer(Page(1, 7));
  EXPECT_EQ(Wake().reading.state, WakeState::kDemand);
  EXPECT_EQ(told_, 1);
}

TEST_F(EndpointWakeTest, MetricsAndWakingAreReadOfTheSamePages) {
  const EndpointTarget both = WakeTarget({Query("epp_queue_size", 2s)});
  wakes_->SetTargets({both});
  Round(Page(2, 7), Page(3, 7));
  const auto metric = wakes_->Latest(KeyOf(both), Query("epp_queue_size").Key());
  ASSERT_TRUE(metric.has_value());
  EXPECT_EQ(metric->reading.value(), 5);
  EXPECT_EQ(Wake().reading.demand, 5);
  EXPECT_FALSE(wakes_->Latest(KeyOf(both), Query("epp_wake").Key()).has_value());
  EXPECT_FALSE(wakes_->LatestWake(KeyOf(both), Query("epp_queue_size").Key()).has_value());
}

TEST_F(EndpointWakeTest, WhatIsAskedInAnotherPaceGoesOn) {
  wakes_->SetTargets({WakeTarget()});
  Round(Page(0, 7), Page(0, 7));
  EndpointTarget slow = Target({Query("epp_wake", 2s)});
  wakes_->SetTargets({slow});
  Round(Page(0, 7), Page(0, 9));
  EXPECT_EQ(Wake().reading.demand, 2);
}

TEST_F(EndpointWakeTest, WhatMovedWhileNobodyWatchedIsNobodys) {
  wakes_->SetTargets({WakeTarget()});
  Round(Page(0, 7), Page(0, 7));
  wakes_->SetTargets({});
  EXPECT_FALSE(wakes_->LatestWake(KeyOf(WakeTarget()), Query("epp_wake").Key()).has_value());
  wakes_->SetTargets({WakeTarget()});
  Round(Page(0, 9), Page(0, 9));
  EXPECT_EQ(Wake().reading.state, WakeState::kNoValueYet);
  EXPECT_EQ(told_, 0);
}

TEST_F(EndpointWakeTest, AnUnknownNameAndAQueryThatCannotBeReadAreUnreadable) {
  names_.addresses = absl::NotFoundError("no such name");
  const EndpointTarget target = WakeTarget({Query("keda_http_wake", 200ms)});
  wakes_->SetTargets({target});
  for (int i = 0; i < 200; ++i) {
    clock_.Advance(10ms);
    wakes_->Turn();
  }
  EXPECT_EQ(Wake().reading.state, WakeState::kUnreadable);
  EXPECT_THAT(Wake().reading.detail, HasSubstr("no such name"));
  const auto refused = wakes_->LatestWake(KeyOf(target), Query("keda_http_wake").Key());
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->reading.state, WakeState::kUnreadable);
  EXPECT_THAT(refused->reading.detail, HasSubstr("route_namespace and route_name"));
}

TEST_F(EndpointWakeTest, InterceptorsAnswerInJsonByEitherType) {
  model::EngineQuery query = Query("keda_http_concurrency", 1s);
  query.series_labels = "route_namespace=team,route_name=llm";
  const EndpointTarget target = Target({query}, "http://interceptors:9090/queue");
  wakes_->SetTargets({target});
  AwaitRound(2);
  fetcher_.Answer(R"({"team/llm": {"Concurrency": 3}})", "text/plain; charset=utf-8");
  fetcher_.Answer(R"({"team/llm": {"Concurrency": 4}})", "application/json");
  EXPECT_EQ(wakes_->Latest(KeyOf(target), query.Key())->reading.value(), 7);
}

}  // namespace
}  // namespace kgs::scraping
