// SPDX-License-Identifier: Apache-2.0
#include "scraping/query_history.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "scraping/test_scrapes.h"
#include "scraping/wanted.h"

namespace kgs::scraping {
namespace {

using namespace std::chrono_literals;
using base::Duration;
using model::EngineQuery;
using testing::CounterQuery;
using testing::Query;

constexpr Duration kLongestGap = 3s;

/// Pages of one process, as they are read one after the other.
class Pages {
 public:
  explicit Pages(const EngineQuery& query, Duration settling = {})
      : wanted_(WantedOf(query).value().wanted), query_({wanted_}), history_(wanted_, settling) {}

  size_t bytes() const { return history_.bytes(); }
  /// A value, or the reason why there is none.
  std::string Read(Duration at, const std::string& page) {
    engine::PageReader reader(query_, engine::Format::kText, std::nullopt);
    EXPECT_TRUE(reader.Feed(page).ok());
    auto reading = reader.Finish(engine::BodyEnd::kKnown, base::SteadyTime(1h) + at);
    EXPECT_TRUE(reading.ok()) << reading.status();
    const model::EngineReading value = history_.Add(*std::move(reading), kLongestGap);
    EXPECT_EQ(value.taken(), base::SteadyTime(1h) + at);
    if (!value.has_value()) return std::string(model::EngineGapName(value.gap()));
    std::ostringstream text;
    text << value.value();
    return text.str();
  }
  std::string Read(Duration at, double total) {
    return Read(at, "jobs_total " + std::to_string(total) + "\n");
  }

 private:
  const engine::Wanted wanted_;
  const engine::PageQuery query_;
  QueryHistory history_;
};

TEST(QueryHistory, AGaugeIsItself) {
  Pages pages(Query("vllm_running"));
  EXPECT_EQ(pages.Read(0s, "vllm:num_requests_running 3\n"), "3");
  EXPECT_EQ(pages.Read(1s, "vllm:num_requests_running 1\n"), "1");
}

TEST(QueryHistory, ARateIsOverAsMuchOfTheWindowAsThereIs) {
  Pages pages(CounterQuery("jobs_total"));
  EXPECT_EQ(pages.Read(0s, 100), "no value yet") << "not 0";
  EXPECT_EQ(pages.Read(1s, 110), "10");
  EXPECT_EQ(pages.Read(2s, 110), "5");
  for (int second = 3; second <= 30; ++second) pages.Read(second * 1s, 110);
  // Those of the first second leave the window; what was kept after them is of the 5th second.
  EXPECT_EQ(pages.Read(31s, 136), "1");
  EXPECT_EQ(pages.Read(35s, 136), "0.866667") << "26 over the 30 s since the 5th";
}

TEST(QueryHistory, ARateOfNothingIsZero) {
  Pages pages(CounterQuery("jobs_total"));
  pages.Read(0s, 100);
  EXPECT_EQ(pages.Read(1s, 100), "0");
}

TEST(QueryHistory, AResetIsNoValueYet) {
  Pages pages(CounterQuery("jobs_total"));
  pages.Read(0s, 100);
  EXPECT_EQ(pages.Read(1s, 110), "10");
  EXPECT_EQ(pages.Read(2s, 7), "no value yet");
  EXPECT_EQ(pages.Read(3s, 8), "1");
}

// Seen in the last second alone: against what was kept before it, the counter has only grown.
TEST(QueryHistory, AResetThatHasCaughtUpIsStillOne) {
  Pages pages(CounterQuery("jobs_total"));
  pages.Read(0s, 100);
  pages.Read(1s, 1000);
  EXPECT_EQ(pages.Read(2s, 500), "no value yet");
  EXPECT_EQ(pages.Read(3s, 600), "100") << "not the 166 since the first page";
}

TEST(QueryHistory, AModelThatBeganAgainIsSeenAmongOthers) {
  Pages pages(CounterQuery("jobs_total"));
  pages.Read(0s, "jobs_total{model=\"a\"} 5\njobs_total{model=\"b\"} 100\n");
  EXPECT_EQ(pages.Read(1s, "jobs_total{model=\"a\"} 6\njobs_total{model=\"b\"} 102\n"), "3");
  EXPECT_EQ(pages.Read(2s, "jobs_total{model=\"a\"} 7\njobs_total{model=\"b\"} 1\n"),
            "no value yet");
  EXPECT_EQ(pages.Read(3s, "jobs_total{model=\"a\"} 8\njobs_total{model=\"b\"} 3\n"), "3");
}

TEST(QueryHistory, WhatIsTooOldToCompareWithIsForgotten) {
  Pages pages(CounterQuery("jobs_total"));
  pages.Read(0s, 100);
  EXPECT_EQ(pages.Read(30s, 400), "10");
  EXPECT_EQ(pages.Read(61s, 500), "no value yet");
  EXPECT_EQ(pages.Read(62s, 501), "1");
}

TEST(QueryHistory, APageThatCannotBeBelievedChangesNothing) {
  Pages pages(CounterQuery("jobs_total"));
  pages.Read(0s, 100);
  EXPECT_EQ(pages.Read(1s, "jobs_total NaN\n"), "fault");
  EXPECT_EQ(pages.Read(2s, "other 1\n"), "absent");
  EXPECT_EQ(pages.Read(3s, 130), "10");
}

TEST(QueryHistory, AMeanOfNothingIsNoSignal) {
  EngineQuery query = CounterQuery("wait_seconds");
  query.series_kind = "histogram-mean";
  Pages pages(query);
  const auto page = [](int sum, int count) {
    return "wait_seconds_sum " + std::to_string(sum) + "\nwait_seconds_count " +
           std::to_string(count) + "\n";
  };
  EXPECT_EQ(pages.Read(0s, page(10, 5)), "no value yet");
  EXPECT_EQ(pages.Read(1s, page(10, 5)), "nothing happened");
  EXPECT_EQ(pages.Read(2s, page(16, 7)), "3");
  EXPECT_EQ(pages.Read(3s, page(16, 7)), "3") << "still within the window";
}

TEST(QueryHistory, FirstSeriesOfAnIdleEngineAreNoValueYet) {
  EngineQuery query = CounterQuery("jobs_total");
  query.series_absent = "zero";
  Pages pages(query);
  EXPECT_EQ(pages.Read(0s, "other 1\n"), "0");
  EXPECT_EQ(pages.Read(1s, 50), "no value yet") << "made with the first job, or long ago?";
  EXPECT_EQ(pages.Read(2s, 53), "3");
}

TEST(QueryHistory, SeveralProcessesThatAnswerInTurnAreNeverTakenForGrowth) {
  Pages pages(CounterQuery("a"), 10s);
  const int counters[] = {5'000'000, 100, 2'000'000};
  pages.Read(0s, "a 5000000\n");
  for (int second = 1; second < 60; ++second) {
    const std::string page = "a " + std::to_string(counters[second % 3] + second) + "\n";
    EXPECT_EQ(pages.Read(std::chrono::seconds(second), page), "no value yet") << second;
  }
}

TEST(QueryHistory, AProcessThatBeganAgainIsBelievedOnceItHasSettled) {
  Pages pages(CounterQuery("a"), 10s);
  const auto read = [&](int second, int value) {
    return pages.Read(std::chrono::seconds(second), "a " + std::to_string(value) + "\n");
  };
  for (int second = 0; second < 10; ++second) {
    EXPECT_EQ(read(second, 1000 + 10 * second), "no value yet");
  }
  EXPECT_EQ(read(10, 1100), "10");
  for (int second = 11; second < 21; ++second) {
    EXPECT_EQ(read(second, 5 * (second - 11)), "no value yet");
  }
  EXPECT_EQ(read(21, 50), "5");
}

TEST(QueryHistory, WhatIsKeptIsCounted) {
  Pages pages(CounterQuery("a"));
  EXPECT_EQ(pages.bytes(), 0);
  pages.Read(0s, "a{b=\"" + std::string(10'000, 'x') + "\"} 1\n");
  EXPECT_GE(pages.bytes(), 20'000) << "the last, and the oldest of the window";
}

}  // namespace
}  // namespace kgs::scraping
