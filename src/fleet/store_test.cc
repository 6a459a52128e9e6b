// SPDX-License-Identifier: Apache-2.0
#include "fleet/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace kgs::fleet {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::Key;

std::shared_ptr<const model::NodeReport> Report(const std::string& node) {
  auto report = std::make_shared<model::NodeReport>();
  report->node = node;
  report->snapshot = std::make_shared<model::NodeSnapshot>();
  return report;
}

class StoreTest : public ::testing::Test {
 protected:
  kgs::testing::FakeClock clock_;
  Store store_{clock_};
};

TEST_F(StoreTest, NothingIsKnownOfANodeThatNeverCame) {
  const NodeState state = store_.Find("node-a");
  EXPECT_EQ(state.report, nullptr);
  EXPECT_FALSE(state.connected);
  EXPECT_EQ(store_.connected(), 0);
}

TEST_F(StoreTest, KeepsTheLatestReport) {
  const uint64_t stream = store_.Connect("node-a", "0.2.0");
  EXPECT_TRUE(store_.Find("node-a").connected);
  EXPECT_EQ(store_.Find("node-a").report, nullptr);
  EXPECT_EQ(store_.Find("node-a").agent_version, "0.2.0");
  const auto first = Report("node-a");
  const auto second = Report("node-a");
  EXPECT_TRUE(store_.Put("node-a", stream, first));
  EXPECT_EQ(store_.Find("node-a").report, first);
  clock_.Advance(1s);
  EXPECT_TRUE(store_.Put("node-a", stream, second));
  EXPECT_EQ(store_.Find("node-a").report, second);
  EXPECT_EQ(store_.Find("node-a").received, clock_.Now());
  EXPECT_EQ(first.use_count(), 1) << "the one before is let go";
}

TEST_F(StoreTest, ANewerStreamTakesOver) {
  const uint64_t older = store_.Connect("node-a", "0.2.0");
  store_.Put("node-a", older, Report("node-a"));
  const uint64_t newer = store_.Connect("node-a", "0.3.0");
  EXPECT_EQ(store_.connected(), 1);
  EXPECT_NE(store_.Find("node-a").report, nullptr) << "what was known stays until it is replaced";
  const auto report = Report("node-a");
  EXPECT_TRUE(store_.Put("node-a", newer, report));
  EXPECT_FALSE(store_.Put("node-a", older, Report("node-a")));
  store_.Disconnect("node-a", older);
  EXPECT_TRUE(store_.Find("node-a").connected);
  EXPECT_EQ(store_.Find("node-a").report, report);
  EXPECT_EQ(store_.Find("node-a").agent_version, "0.3.0");
}

TEST_F(StoreTest, AStreamThatEndedPutsNothing) {
  const uint64_t stream = store_.Connect("node-a", "0.2.0");
  store_.Put("node-a", stream, Report("node-a"));
  store_.Disconnect("node-a", stream);
  EXPECT_FALSE(store_.Put("node-a", stream, Report("node-a")));
  EXPECT_FALSE(store_.Put("node-b", stream, Report("node-b")));
  store_.Disconnect("node-a", stream);
  EXPECT_EQ(store_.connected(), 0);
}

TEST_F(StoreTest, ForgetsANodeTenMinutesAfterItsStream) {
  const uint64_t stays = store_.Connect("stays", "");
  store_.Put("stays", stays, Report("stays"));
  const uint64_t goes = store_.Connect("goes", "");
  store_.Put("goes", goes, Report("goes"));
  store_.Disconnect("goes", goes);
  clock_.Advance(Store::kMemory);
  EXPECT_NE(store_.Find("goes").report, nullptr);
  EXPECT_FALSE(store_.Find("goes").connected);
  EXPECT_THAT(store_.All(), ElementsAre(Key("goes"), Key("stays")));
  clock_.Advance(1s);
  EXPECT_EQ(store_.Find("goes").report, nullptr);
  EXPECT_THAT(store_.All(), ElementsAre(Key("stays")));
}

TEST_F(StoreTest, ForgettingFreesTheReport) {
  std::weak_ptr<const model::NodeReport> report;
  const uint64_t goes = store_.Connect("goes", "");
  {
    const auto put = Report("goes");
    report = put;
    store_.Put("goes", goes, put);
  }
  store_.Disconnect("goes", goes);
  clock_.Advance(Store::kMemory + 1s);
  EXPECT_FALSE(report.expired());
  store_.Connect("other", "");
  EXPECT_TRUE(report.expired());
}

TEST_F(StoreTest, ANodeThatComesBackIsNotForgotten) {
  const uint64_t first = store_.Connect("node-a", "");
  store_.Put("node-a", first, Report("node-a"));
  store_.Disconnect("node-a", first);
  clock_.Advance(5min);
  store_.Connect("node-a", "");
  clock_.Advance(20min);
  EXPECT_THAT(store_.All(), ElementsAre(Key("node-a")));
  EXPECT_EQ(store_.connected(), 1);
}

TEST_F(StoreTest, NamesWithoutAReportAreForgottenAtOnce) {
  store_.Disconnect("made-up", store_.Connect("made-up", ""));
  EXPECT_TRUE(store_.All().empty());
}

TEST_F(StoreTest, RemembersABoundedNumberOfEndedNodes) {
  for (int i = 0; i < 20100; ++i) {
    const std::string node = "node-" + std::to_string(i);
    const uint64_t stream = store_.Connect(node, "");
    store_.Put(node, stream, Report(node));
    store_.Disconnect(node, stream);
  }
  EXPECT_EQ(store_.All().size(), 20000);
  clock_.Advance(Store::kMemory + 1s);
  EXPECT_TRUE(store_.All().empty());
}

}  // namespace
}  // namespace kgs::fleet
