// SPDX-License-Identifier: Apache-2.0
#include "scraping/wake_watch.h"

#include <gtest/gtest.h>

#include "engine/page_reading.h"
#include "scraping/test_scrapes.h"
#include "scraping/wanted.h"

namespace kgs::scraping {
namespace {

using namespace std::chrono_literals;
using base::SteadyTime;
using engine::WakeState;

constexpr SteadyTime kStart{1h};

model::EngineQuery WakeQuery(const std::string& kind) {
  model::EngineQuery query = testing::Query("prometheus_wake", 200ms);
  query.series_name = "a";
  query.series_kind = kind;
  return query;
}

class Watch {
 public:
  explicit Watch(const std::string& kind)
      : wanted_(WantedOf(WakeQuery(kind)).value().wanted),
        query_({wanted_}),
        watch_(wanted_.signal, kStart) {}

  bool Page(int host, const std::string& text, SteadyTime asked) {
    engine::PageReader reader(query_, engine::Format::kText, std::nullopt);
    EXPECT_TRUE(reader.Feed(text).ok());
    const auto page = reader.Finish(engine::BodyEnd::kKnown, asked);
    EXPECT_TRUE(page.ok());
    return Answer(host, page->signals.front(), asked);
  }
  bool Answer(int host, const absl::StatusOr<engine::RawSignal>& page, SteadyTime asked) {
    const auto address = endpoint::IpAddress::Parse("10.0.0." + std::to_string(host)).value();
    return watch_.OnPage(address, "gateway at " + address.Text(), page, asked);
  }
  WakeState End(size_t pages, SteadyTime asked) {
    watch_.EndRound(pages, asked);
    return watch_.latest().reading.state;
  }
  WakeWatch& operator*() { return watch_; }
  const EndpointWake& latest() const { return watch_.latest(); }

 private:
  const engine::Wanted wanted_;
  const engine::PageQuery query_;
  WakeWatch watch_;
};

TEST(WakeWatchTest, SaysNothingBeforeTheFirstRound) {
  const Watch watch("gauge");
  EXPECT_EQ(watch.latest().reading.state, WakeState::kNoValueYet);
  EXPECT_EQ(watch.latest().reading.detail, "not asked yet");
  EXPECT_EQ(watch.latest().taken, kStart);
  EXPECT_FALSE(watch.latest().last_demand);
}

TEST(WakeWatchTest, DemandIsToldBeforeTheOthersHaveAnswered) {
  Watch watch("gauge");
  EXPECT_FALSE(watch.Page(1, "a 0\n", kStart));
  EXPECT_EQ(watch.latest().reading.state, WakeState::kNoValueYet) << "one of two is not the whole";
  EXPECT_TRUE(watch.Page(2, "a 4\n", kStart + 1s));
  EXPECT_EQ(watch.latest().reading.state, WakeState::kDemand);
  EXPECT_EQ(watch.latest().last_demand, kStart + 1s);
  EXPECT_EQ(watch.End(2, kStart + 1s), WakeState::kDemand);
  EXPECT_FALSE(watch.Page(2, "a 4\n", kStart + 2s)) << "it is no news";
  EXPECT_EQ(watch.latest().last_demand, kStart + 2s);
}

TEST(WakeWatchTest, ABurstBetweenTwoLooksLeavesItsTime) {
  Watch watch("counter");
  watch.Page(1, "a 5\n", kStart);
  EXPECT_EQ(watch.End(1, kStart), WakeState::kNoValueYet);
  EXPECT_TRUE(watch.Page(1, "a 6\n", kStart + 1s));
  EXPECT_EQ(watch.End(1, kStart + 1s), WakeState::kDemand);
  watch.Page(1, "a 6\n", kStart + 2s);
  EXPECT_EQ(watch.End(1, kStart + 2s), WakeState::kNone);
  EXPECT_EQ(watch.latest().last_demand, kStart + 1s);
  EXPECT_EQ(watch.latest().taken, kStart + 2s);
}

TEST(WakeWatchTest, OneThatFailsLeavesItOpenAndLosesNothing) {
  Watch watch("counter");
  watch.Page(1, "a 5\n", kStart);
  watch.Page(2, "a 5\n", kStart);
  watch.End(2, kStart);
  watch.Page(1, "a 5\n", kStart + 1s);
  watch.Answer(2, absl::UnavailableError("gateway at 10.0.0.2: refused"), kStart + 1s);
  EXPECT_EQ(watch.End(2, kStart + 1s), WakeState::kUnreadable);
  EXPECT_EQ(watch.latest().reading.detail, "gateway at 10.0.0.2: refused");
  watch.Page(1, "a 5\n", kStart + 2s);
  EXPECT_TRUE(watch.Page(2, "a 6\n", kStart + 2s)) << "what came meanwhile";
}

TEST(WakeWatchTest, AnAddressThatLeftIsAnotherWhenItComesBack) {
  Watch watch("counter");
  watch.Page(1, "a 5\n", kStart);
  watch.Page(2, "a 5\n", kStart);
  watch.End(2, kStart);
  watch.Page(1, "a 5\n", kStart + 1s);
  EXPECT_EQ(watch.End(1, kStart + 1s), WakeState::kNone);
  watch.Page(1, "a 5\n", kStart + 2s);
  EXPECT_FALSE(watch.Page(2, "a 9\n", kStart + 2s));
  EXPECT_EQ(watch.End(2, kStart + 2s), WakeState::kNoValueYet);
}

TEST(WakeWatchTest, SeveralProcessesBehindOneAddressDoNotWakeForEver) {
  Watch watch("counter");
  // Nobody asks for anything: two gateways answer in turn.
  for (int round = 0; round < 100; ++round) {
    const SteadyTime asked = kStart + round * 200ms;
    watch.Page(1, round % 2 == 0 ? "a 5\n" : "a 9\n", asked);
    watch.End(1, asked);
  }
  EXPECT_EQ(watch.latest().reading.state, WakeState::kUnreadable);
  EXPECT_EQ(watch.latest().last_demand, kStart + 3 * 200ms) << "until it was seen twice";
  // One of them has gone.
  for (int second = 20; second < 31; ++second) {
    watch.Page(1, "a 9\n", kStart + std::chrono::seconds(second));
    watch.End(1, kStart + std::chrono::seconds(second));
  }
  EXPECT_EQ(watch.latest().reading.state, WakeState::kNone);
  EXPECT_TRUE(watch.Page(1, "a 10\n", kStart + 31s));
}

TEST(WakeWatchTest, OnlyCountersAreKept) {
  Watch gauges("gauge");
  Watch counters("counter");
  const std::string page = "a{b=\"" + std::string(10'000, 'x') + "\"} 1\n";
  gauges.Page(1, page, kStart);
  counters.Page(1, page, kStart);
  EXPECT_LT((*gauges).bytes(), 1000u);
  EXPECT_GE((*counters).bytes(), 10'000u);
}

TEST(WakeWatchTest, ARoundThatWasSeenInPartSaysNothing) {
  Watch watch("gauge");
  watch.Page(2, "a 0\n", kStart + 1s);
  EXPECT_EQ(watch.End(2, kStart + 1s), WakeState::kNoValueYet);
  EXPECT_EQ(watch.latest().reading.detail, "not asked yet");
}

TEST(WakeWatchTest, NoRoundIsUnreadable) {
  Watch watch("gauge");
  watch.Page(1, "a 1\n", kStart);
  watch.End(1, kStart);
  (*watch).Fail("gateway: no such name", kStart + 1s);
  EXPECT_EQ(watch.latest().reading.state, WakeState::kUnreadable);
  EXPECT_EQ(watch.latest().reading.detail, "gateway: no such name");
  EXPECT_EQ(watch.latest().last_demand, kStart);
}

}  // namespace
}  // namespace kgs::scraping
