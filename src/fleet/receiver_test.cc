// SPDX-License-Identifier: Apache-2.0
//
// Streams that are written by hand, right and wrong, over real gRPC on loopback.
#include "fleet/receiver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/test_hub.h"
#include "fleet/test_reports.h"
#include "tests/support/fake_clock.h"

namespace kgs::fleet {
namespace {

using namespace std::chrono_literals;
using grpc::StatusCode;
using model::MetricId;
using testing::Await;
using ::testing::HasSubstr;
using testing::kTaken;
using testing::PlainReport;
using testing::RawAgent;
using testing::TestHub;

Interest Over(double threshold) {
  return {{{MetricId::kGpuUtilization, catalogue::Aggregation::kMax, threshold}}};
}

class ReceiverTest : public ::testing::Test {
 protected:
  void AwaitReports(int count) {
    ASSERT_TRUE(Await([&] { return hub_.reports() >= count; }));
  }
  void AwaitStreams(int count) {
    ASSERT_TRUE(Await([&] { return hub_.counters().open_streams == count; }));
  }
  /// A stream that has been answered.
  std::unique_ptr<RawAgent> Greeted(const std::string& node, const std::string& boot_id = "boot") {
    auto agent = std::make_unique<RawAgent>(hub_);
    agent->Hello(node, boot_id);
    EXPECT_TRUE(agent->Read().has_interest());
    return agent;
  }
  base::Duration AgeOf(const std::string& node) {
    return clock_.Now() - hub_.store().Find(node).report->snapshot->taken;
  }

  kgs::testing::FakeClock clock_;
  TestHub hub_{clock_, {.most_streams = 8}};
};

TEST_F(ReceiverTest, StoresEachReport) {
  const auto agent = Greeted("node-a");
  EXPECT_EQ(hub_.store().Find("node-a").agent_version, "0.2.0");
  EXPECT_EQ(hub_.Utilization("node-a"), std::nullopt);
  agent->Report(*PlainReport("node-a", {80}, kTaken), kTaken);
  AwaitReports(1);
  EXPECT_EQ(hub_.Utilization("node-a"), 80);
  EXPECT_EQ(hub_.store().Find("node-a").received, clock_.Now());
  agent->Report(*PlainReport("node-a", {81}, kTaken + 1s), kTaken + 1s);
  AwaitReports(2);
  EXPECT_EQ(hub_.Utilization("node-a"), 81);
  EXPECT_EQ(hub_.counters().reports.value(), 2);
  EXPECT_GT(hub_.counters().report_bytes.value(), 100);
  EXPECT_EQ(hub_.counters().open_streams, 1);
}

TEST_F(ReceiverTest, TheNameOfTheHelloCounts) {
  const auto agent = Greeted("node-a");
  agent->Report(*PlainReport("node-b", {80}, kTaken), kTaken);
  AwaitReports(1);
  EXPECT_EQ(hub_.store().Find("node-a").report->node, "node-a");
  EXPECT_EQ(hub_.store().Find("node-b").report, nullptr);
}

TEST_F(ReceiverTest, KnowsWhenAnAgentGoes) {
  for (const bool orderly : {true, false}) {
    const auto agent = Greeted("node-a");
    EXPECT_EQ(hub_.store().connected(), 1);
    if (orderly) {
      agent->HalfClose();
      EXPECT_TRUE(agent->AwaitEnd().ok());
    } else {
      agent->Cancel();
    }
    AwaitStreams(0);
    EXPECT_EQ(hub_.store().connected(), 0);
  }
}

TEST_F(ReceiverTest, SaysWhatIsOfInterestAtOnceAndAtEachChange) {
  hub_.receiver().SetCrossings(Over(80));
  RawAgent agent(hub_);
  agent.Hello("node-a");
  EXPECT_EQ(FromWire(agent.Read().interest()), Over(80));
  hub_.receiver().SetCrossings(Over(80));
  hub_.receiver().SetCrossings(Over(50));
  EXPECT_EQ(FromWire(agent.Read().interest()), Over(50)) << "the same is not said twice";
  Interest with_engines = Over(50);
  with_engines.engines = {{"queue", 5}};
  hub_.receiver().SetCrossings(with_engines);
  EXPECT_EQ(FromWire(agent.Read().interest()), with_engines);
}

TEST_F(ReceiverTest, CrossingsAndMetricsLeaveEachOtherAsTheyAre) {
  Interest all = Over(80);
  all.metrics.set(model::Index(model::MetricId::kPcieTxKbps));
  hub_.receiver().SetMetrics(all.metrics);
  hub_.receiver().SetCrossings(Over(80));
  RawAgent agent(hub_);
  agent.Hello("node-a");
  EXPECT_EQ(FromWire(agent.Read().interest()), all);
  hub_.receiver().SetCrossings({});
  EXPECT_EQ(FromWire(agent.Read().interest()).metrics, all.metrics);
  hub_.receiver().SetMetrics(all.metrics);
  hub_.receiver().SetMetrics({});
  EXPECT_EQ(FromWire(agent.Read().interest()), Interest()) << "the same is not said twice";
}

EngineScrapes Scrape(const std::string& uid) {
  model::EngineQuery query;
  query.signal = "vllm_demand";
  return {{uid, {"team", "web"}, "10.0.0.1", std::nullopt, {query}}};
}

TEST_F(ReceiverTest, TellsEachAgentOfTheEnginesOfItsOwnNode) {
  hub_.receiver().SetCrossings(Over(80));
  hub_.receiver().SetScrapes({{"node-a", Scrape("a")}, {"node-b", Scrape("b")}});
  RawAgent a(hub_);
  a.Hello("node-a");
  const pb::HubMessage first = a.Read();
  EXPECT_EQ(EngineScrapesFromWire(first.interest()), Scrape("a"));
  EXPECT_EQ(FromWire(first.interest()), Over(80));
  const auto c = Greeted("node-c");
  RawAgent b(hub_);
  b.Hello("node-b");
  EXPECT_EQ(EngineScrapesFromWire(b.Read().interest()), Scrape("b"));
  // What has not changed is not said again, and of another node nothing.
  hub_.receiver().SetScrapes({{"node-a", Scrape("a")}, {"node-b", Scrape("b2")}});
  EXPECT_EQ(EngineScrapesFromWire(b.Read().interest()), Scrape("b2"));
  // Each message says all.
  hub_.receiver().SetCrossings(Over(50));
  const pb::HubMessage second = a.Read();
  EXPECT_EQ(FromWire(second.interest()), Over(50));
  EXPECT_EQ(EngineScrapesFromWire(second.interest()), Scrape("a"));
  EXPECT_EQ(c->Read().interest().engine_scrapes_size(), 0);
  // What is no longer wanted is taken back, from a later stream too.
  hub_.receiver().SetScrapes({{"node-b", Scrape("b2")}});
  const pb::HubMessage third = a.Read();
  EXPECT_EQ(FromWire(third.interest()), Over(50));
  EXPECT_EQ(third.interest().engine_scrapes_size(), 0);
  RawAgent again(hub_);
  again.Hello("node-a");
  EXPECT_EQ(again.Read().interest().engine_scrapes_size(), 0);
}

TEST_F(ReceiverTest, AsksForAListingOnceASecond) {
  EXPECT_FALSE(hub_.receiver().ListPods("node-a")) << "no stream";
  auto agent = Greeted("node-a");
  EXPECT_TRUE(hub_.receiver().ListPods("node-a"));
  const pb::HubMessage first = agent->Read();
  EXPECT_EQ(first.list_pods(), 1);
  EXPECT_FALSE(first.has_interest());
  clock_.Advance(999ms);
  EXPECT_FALSE(hub_.receiver().ListPods("node-a"));
  clock_.Advance(1ms);
  EXPECT_TRUE(hub_.receiver().ListPods("node-a"));
  EXPECT_EQ(agent->Read().list_pods(), 2);
  // A new stream does not lift the limit.
  agent = Greeted("node-a");
  EXPECT_FALSE(hub_.receiver().ListPods("node-a"));
  clock_.Advance(1s);
  EXPECT_TRUE(hub_.receiver().ListPods("node-a"));
  EXPECT_EQ(agent->Read().list_pods(), 1);
  EXPECT_EQ(hub_.counters().list_requests.value(), 3);
}

TEST_F(ReceiverTest, ANewerStreamOfANodeTakesOver) {
  const auto older = Greeted("node-a", "boot-1");
  older->Report(*PlainReport("node-a", {10}, kTaken), kTaken);
  AwaitReports(1);
  const auto newer = Greeted("node-a", "boot-2");
  const grpc::Status status = older->AwaitEnd();
  EXPECT_EQ(status.error_code(), StatusCode::ABORTED);
  EXPECT_THAT(status.error_message(), HasSubstr("newer stream"));
  AwaitStreams(1);
  newer->Report(*PlainReport("node-a", {20}, kTaken), kTaken);
  AwaitReports(2);
  EXPECT_EQ(hub_.Utilization("node-a"), 20);
  EXPECT_TRUE(hub_.store().Find("node-a").connected);
  EXPECT_TRUE(hub_.receiver().ListPods("node-a"));
  EXPECT_EQ(newer->Read().list_pods(), 1);
}

TEST_F(ReceiverTest, RemembersAClockOverTheStreamsOfABoot) {
  // Sent and received at once.
  const base::Duration apart = clock_.Now() - kTaken;
  auto agent = Greeted("node-a", "boot-1");
  agent->Report(*PlainReport("node-a", {10}, kTaken), kTaken);
  AwaitReports(1);
  EXPECT_EQ(AgeOf("node-a"), 0s);
  // The first report of the next stream waits for 5 s.
  clock_.Advance(20s);
  agent = Greeted("node-a", "boot-1");
  agent->Report(*PlainReport("node-a", {10}, kTaken + 15s), kTaken + 15s);
  AwaitReports(2);
  EXPECT_EQ(AgeOf("node-a"), 5s);
  EXPECT_EQ(clock_.Now() - kTaken, apart + 20s);
  // Another process has another clock: nothing is known of it yet.
  agent = Greeted("node-a", "boot-2");
  agent->Report(*PlainReport("node-a", {10}, kTaken + 15s), kTaken + 15s);
  AwaitReports(3);
  EXPECT_EQ(AgeOf("node-a"), 0s);
}

TEST_F(ReceiverTest, ForgetsAClockWithItsNode) {
  auto agent = Greeted("node-a");
  agent->Report(*PlainReport("node-a", {10}, kTaken), kTaken);
  AwaitReports(1);
  agent.reset();
  AwaitStreams(0);
  clock_.Advance(Store::kMemory + 1min);
  agent = Greeted("node-a");
  agent->Report(*PlainReport("node-a", {10}, kTaken), kTaken);
  AwaitReports(2);
  EXPECT_EQ(AgeOf("node-a"), 0s);
}

TEST_F(ReceiverTest, RefusesOneStreamTooMany) {
  std::vector<std::unique_ptr<RawAgent>> agents;
  for (int i = 0; i < 8; ++i) agents.push_back(Greeted("node-" + std::to_string(i)));
  RawAgent refused(hub_);
  EXPECT_EQ(refused.AwaitEnd().error_code(), StatusCode::RESOURCE_EXHAUSTED);
  agents.pop_back();
  AwaitStreams(7);
  Greeted("node-8");
}

TEST_F(ReceiverTest, EndsAllWithOk) {
  const auto agent = Greeted("node-a");
  RawAgent silent(hub_);
  AwaitStreams(2);
  hub_.receiver().EndAll();
  EXPECT_TRUE(agent->AwaitEnd().ok());
  EXPECT_TRUE(silent.AwaitEnd().ok());
  RawAgent late(hub_);
  EXPECT_TRUE(late.AwaitEnd().ok());
  AwaitStreams(0);
}

// An agent that does not read: what it has not read yet is replaced, and nothing queues.
TEST_F(ReceiverTest, TheLatestInterestWins) {
  const auto interest = [](int round) {
    Interest crossings;
    for (int i = 0; i < 500; ++i) crossings.gpus.push_back(Over(round * 1000 + i).gpus[0]);
    return crossings;
  };
  const auto agent = Greeted("node-a");
  constexpr int kRounds = 300;
  for (int round = 1; round <= kRounds; ++round) hub_.receiver().SetCrossings(interest(round));
  int messages = 0;
  Interest last;
  while (last != interest(kRounds)) {
    const Interest next = FromWire(agent->Read().interest());
    ASSERT_FALSE(next.gpus.empty());
    ASSERT_TRUE(last.gpus.empty() || next.gpus[0].threshold > last.gpus[0].threshold);
    last = next;
    ++messages;
  }
  EXPECT_LT(messages, kRounds / 2);
}

struct Breach {
  const char* name;
  std::function<void(RawAgent&)> make;
  const char* text;
};

class ReceiverBreachTest : public ReceiverTest, public ::testing::WithParamInterface<Breach> {};

TEST_P(ReceiverBreachTest, EndsTheStreamAndHarmsNobodyElse) {
  const auto good = Greeted("node-a");
  RawAgent bad(hub_);
  GetParam().make(bad);
  const grpc::Status status = bad.AwaitEnd();
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr(GetParam().text));
  EXPECT_EQ(hub_.counters().refused_reports.value(), 1);
  AwaitStreams(1);
  good->Report(*PlainReport("node-a", {80}, kTaken), kTaken);
  ASSERT_TRUE(Await([&] { return hub_.Utilization("node-a") == 80; }));
  EXPECT_EQ(hub_.store().connected(), 1);
}

pb::AgentMessage Message(const std::function<void(pb::Report&)>& change) {
  pb::AgentMessage message;
  ReportWriter().Write(*PlainReport("node-b", {80}, kTaken), kTaken, message.mutable_report());
  change(*message.mutable_report());
  return message;
}

const Breach kBreaches[] = {
    {"ReportFirst", [](RawAgent& agent) { agent.Write(Message([](pb::Report&) {})); },
     "before the Hello"},
    {"NothingFirst", [](RawAgent& agent) { agent.Write({}); }, "no Hello"},
    {"BadNode", [](RawAgent& agent) { agent.Hello("Node_B"); }, "node \"Node_B\""},
    {"NoBootId", [](RawAgent& agent) { agent.Hello("node-b", ""); }, "boot id"},
    {"SecondHello",
     [](RawAgent& agent) {
       agent.Hello("node-b");
       agent.Hello("node-b");
     },
     "second Hello"},
    {"NoLayout",
     [](RawAgent& agent) {
       agent.Hello("node-b");
       agent.Write(Message([](pb::Report& report) { report.clear_layout(); }));
     },
     "before any layout"},
    {"SameSequence",
     [](RawAgent& agent) {
       agent.Hello("node-b");
       agent.Write(Message([](pb::Report&) {}));
       agent.Write(Message([](pb::Report&) {}));
     },
     "sequence"},
    {"TimeOutOfRange",
     [](RawAgent& agent) {
       agent.Hello("node-b");
       agent.Write(Message(
           [](pb::Report& report) { report.set_sent_ns(std::numeric_limits<int64_t>::min()); }));
     },
     "out of range"},
};

INSTANTIATE_TEST_SUITE_P(All, ReceiverBreachTest, ::testing::ValuesIn(kBreaches),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST_F(ReceiverTest, AMessageOfALaterVersionIsPassedOver) {
  const auto agent = Greeted("node-a");
  pb::AgentMessage unknown;
  ASSERT_TRUE(unknown.ParseFromString("\xa2\x06\x03xyz"));  // Field 100, a string.
  agent->Write(unknown);
  agent->Report(*PlainReport("node-a", {80}, kTaken), kTaken);
  AwaitReports(1);
  EXPECT_EQ(hub_.counters().refused_reports.value(), 0);
}

TEST_F(ReceiverTest, ATooLongReportEndsItsStreamOnly) {
  const auto good = Greeted("node-a");
  const auto bad = Greeted("node-b");
  auto report = PlainReport("node-b", {80}, kTaken);
  pb::AgentMessage message = Message([](pb::Report& long_report) {
    long_report.mutable_layout()->set_listing_problem(
        std::string(2 * ReportLimits{}.most_bytes, 'x'));
  });
  bad->Write(message);
  EXPECT_EQ(bad->AwaitEnd().error_code(), StatusCode::RESOURCE_EXHAUSTED);
  good->Report(*PlainReport("node-a", {80}, kTaken), kTaken);
  AwaitReports(1);
}

}  // namespace
}  // namespace kgs::fleet
