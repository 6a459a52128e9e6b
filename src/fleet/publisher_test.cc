// SPDX-License-Identifier: Apache-2.0
//
// Publishers and hubs over real gRPC on loopback, with the machine's clock. An interval of an hour
// means: whatever comes after the first report comes because of a crossing.
#include "fleet/publisher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "base/mutex.h"
#include "fleet/lasting_metrics.h"
#include "fleet/test_agent.h"
#include "fleet/test_hub.h"
#include "fleet/test_reports.h"
#include "tests/support/fake_clock.h"
#include "tests/support/gate.h"

namespace kgs::fleet {
namespace {

using namespace std::chrono_literals;
using model::MetricId;
using testing::Agent;
using testing::Await;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Names;
using testing::Options;
using testing::Over;
using testing::PlainReport;
using testing::PublisherTest;
using testing::TestHub;

constexpr base::Duration kNever = 1h;

TEST_F(PublisherTest, TwoHubsGetTheSame) {
  TestHub first(clock_);
  TestHub second(clock_);
  names_.Set(std::vector<std::string>{first.address(), second.address()});
  Agent agent(Options(10ms), names_.Function(), clock_);
  agent.Offer(80);
  for (TestHub* hub : {&first, &second}) {
    ASSERT_TRUE(Await([&] { return hub->Utilization("node-a") == 80; }));
    EXPECT_TRUE(hub->store().Find("node-a").connected);
    EXPECT_EQ(hub->store().Find("node-a").agent_version, "0.2.0");
  }
  agent.Offer(81);
  for (TestHub* hub : {&first, &second}) {
    ASSERT_TRUE(Await([&] { return hub->Utilization("node-a") == 81; }));
  }
  EXPECT_EQ(agent.counters.open_streams, 2);
  EXPECT_EQ(agent.Connected(), 2);
  EXPECT_EQ(agent.publisher.ResolveProblem(), "");
  EXPECT_THAT(agent.publisher.Health(), ::testing::SizeIs(1));
  agent.publisher.Stop();
  EXPECT_EQ(agent.counters.open_streams, 0);
  EXPECT_EQ(agent.counters.stream_failures.value(), 0);
  ASSERT_TRUE(Await([&] { return first.store().connected() == 0; }));
}

TEST_F(PublisherTest, AgesAreHonestOverTheWire) {
  TestHub hub(clock_);
  names_.Set(std::vector<std::string>{hub.address()});
  Agent agent(Options(10ms), names_.Function(), clock_);
  const base::SteadyTime taken = clock_.Now() - 2s;
  agent.publisher.Offer(PlainReport("node-a", {80}, taken));
  ASSERT_TRUE(Await([&] { return hub.Utilization("node-a") == 80; }));
  const NodeState state = hub.store().Find("node-a");
  // Both clocks are one here: the reading seems younger by the way at most.
  EXPECT_GE(state.report->snapshot->taken, taken);
  EXPECT_LE(state.report->snapshot->taken - taken, clock_.Now() - taken - 2s);
}

TEST_F(PublisherTest, RepeatsTheNewestWhenTheSamplerHangs) {
  TestHub hub(clock_);
  names_.Set(std::vector<std::string>{hub.address()});
  Agent agent(Options(10ms), names_.Function(), clock_);
  agent.Offer(80);
  ASSERT_TRUE(Await([&] { return hub.reports() >= 5; }));
  EXPECT_EQ(hub.Utilization("node-a"), 80);
  EXPECT_EQ(agent.counters.crossings.value(), 0);
}

TEST_F(PublisherTest, SendsNothingBeforeThereIsAReport) {
  TestHub hub(clock_);
  names_.Set(std::vector<std::string>{hub.address()});
  Agent agent(Options(1ms), names_.Function(), clock_);
  ASSERT_TRUE(Await([&] { return agent.Connected() == 1; }));
  EXPECT_EQ(agent.counters.reports.value(), 0);
  EXPECT_EQ(hub.store().Find("node-a").report, nullptr);
  EXPECT_TRUE(hub.store().Find("node-a").connected);
}

TEST_F(PublisherTest, ACrossingIsSentAtOnce) {
  TestHub hub(clock_);
  hub.receiver().SetCrossings(Over(80));
  names_.Set(std::vector<std::string>{hub.address()});
  Agent agent(Options(kNever), names_.Function(), clock_);
  agent.Offer(70);
  ASSERT_TRUE(Await([&] { return hub.Utilization("node-a") == 70; }));
  agent.Offer(75);
  agent.Offer(90);
  ASSERT_TRUE(Await([&] { return hub.Utilization("node-a") == 90; }));
  agent.Offer(95);
  agent.Offer(80);
  ASSERT_TRUE(Await([&] { return hub.Seen().size() >= 3 && hub.Seen().back() == 80; }));
  EXPECT_THAT(hub.Seen(), ElementsAre(70, 90, 80)) << "what crosses nothing waits for its time";
  // Counted once it is sent.
  EXPECT_TRUE(Await([&] { return agent.counters.crossings.value() == 2; }));
  EXPECT_EQ(agent.counters.reports.value(), 3);
}

TEST_F(PublisherTest, ACrossingOfAnEngineIsSentAtOnce) {
  TestHub hub(clock_);
  hub.receiver().SetCrossings({{}, {{"queue", 5}}});
  names_.Set(std::vector<std::string>{hub.address()});
  Agent agent(Options(kNever), names_.Function(), clock_);
  // All with the GPUs of one sample: engines are asked between two.
  const auto gpus = PlainReport("node-a", {70}, clock_.Now());
  const auto offer = [&](double queue) {
    auto report = std::make_shared<model::NodeReport>(*gpus);
    report->engines = {{"uid", "queue", model::EngineReading::Value(queue, clock_.Now()), 1h}};
    agent.publisher.Offer(std::move(report));
  };
  const auto queue_is = [&](double queue) {
    return Await([&] {
      const auto report = hub.store().Find("node-a").report;
      return report != nullptr && report->engines[0].reading.value() == queue;
    });
  };
  offer(4);
  ASSERT_TRUE(queue_is(4));
  for (const double queue : {6, 5, 7}) {
    offer(queue);
    ASSERT_TRUE(queue_is(queue)) << queue;
  }
  EXPECT_TRUE(Await([&] { return agent.counters.crossings.value() == 3; }));
  EXPECT_EQ(agent.counters.reports.value(), 4);
}

TEST_F(PublisherTest, EveryHubIsToldWhatAnyWaitsFor) {
  TestHub first(clock_);
  TestHub second(clock_);
  first.receiver().SetCrossings(Over(80));
  second.receiver().SetCrossings(Over(50));
  names_.Set(std::vector<std::string>{first.address(), second.address()});
  Agent agent(Options(kNever), names_.Function(), clock_);
  agent.Offer(40);
  ASSERT_TRUE(Await([&] { return first.reports() == 1 && second.reports() == 1; }));
  for (const double utilization : {60, 85}) {
    agent.Offer(utilization);
    for (TestHub* hub : {&first, &second}) {
      ASSERT_TRUE(Await([&] { return hub->Utilization("node-a") == utilization; }));
    }
  }
  // A hub changes its mind.
  first.receiver().SetCrossings(Over(90));
  second.receiver().SetCrossings({});
  agent.Offer(95);
  for (TestHub* hub : {&first, &second}) {
    ASSERT_TRUE(Await([&] { return hub->Seen().back() == 95; }));
    EXPECT_THAT(hub->Seen(), ElementsAre(40, 60, 85, 95));
  }
}

TEST_F(PublisherTest, AHubGoesAndComesBack) {
  auto hub = std::make_unique<TestHub>(clock_);
  const int port = hub->port();
  names_.Set(std::vector<std::string>{hub->address()});
  Agent agent(Options(10ms), names_.Function(), clock_);
  agent.Offer(80);
  ASSERT_TRUE(Await([&] { return hub->Utilization("node-a") == 80; }));
  hub = nullptr;
  ASSERT_TRUE(Await([&] { return agent.Connected() == 0; }));
  // Nobody listens.
  ASSERT_TRUE(Await([&] {
    return agent.publisher.Hubs().at(0).problem.find("UNAVAILABLE") != std::string::npos;
  }));
  EXPECT_TRUE(Await([&] { return agent.counters.stream_failures.value() > 0; }));
  hub = std::make_unique<TestHub>(clock_, ReceiverOptions{}, port);
  agent.Offer(81);
  ASSERT_TRUE(Await([&] { return hub->Utilization("node-a") == 81; }));
  EXPECT_EQ(agent.publisher.Hubs().at(0).problem, "");
  EXPECT_EQ(agent.counters.open_streams, 1);
}

TEST_F(PublisherTest, FollowsTheName) {
  TestHub first(clock_);
  TestHub second(clock_);
  names_.Set(std::vector<std::string>{first.address()});
  Agent agent(Options(10ms), names_.Function(), clock_);
  agent.Offer(80);
  ASSERT_TRUE(Await([&] { return first.Utilization("node-a") == 80; }));
  names_.Set(std::vector<std::string>{second.address()});
  ASSERT_TRUE(Await([&] { return second.Utilization("node-a") == 80; }));
  ASSERT_TRUE(Await([&] { return first.store().connected() == 0; }));
  ASSERT_EQ(agent.publisher.Hubs().size(), 1);
  EXPECT_EQ(agent.publisher.Hubs()[0].address, second.address());
  EXPECT_EQ(agent.counters.stream_failures.value(), 0);
}

TEST_F(PublisherTest, KeepsItsHubsWhileTheNameCannotBeResolved) {
  TestHub hub(clock_);
  names_.Set(std::vector<std::string>{hub.address()});
  Agent agent(Options(10ms), names_.Function(), clock_);
  agent.Offer(80);
  ASSERT_TRUE(Await([&] { return hub.Utilization("node-a") == 80; }));
  names_.Set(absl::UnavailableError("hubs: Temporary failure in name resolution"));
  ASSERT_TRUE(Await([&] { return !agent.publisher.ResolveProblem().empty(); }));
  EXPECT_EQ(agent.publisher.ResolveProblem(), "hubs: Temporary failure in name resolution");
  names_.Set(std::vector<std::string>{});
  ASSERT_TRUE(Await([&] { return agent.publisher.ResolveProblem() == "no address"; }));
  agent.Offer(81);
  ASSERT_TRUE(Await([&] { return hub.Utilization("node-a") == 81; }));
  EXPECT_EQ(agent.counters.stream_failures.value(), 0);
  names_.Set(std::vector<std::string>{hub.address()});
  ASSERT_TRUE(Await([&] { return agent.publisher.ResolveProblem().empty(); }));
}

TEST_F(PublisherTest, AResolutionThatHangsStopsNothing) {
  TestHub hub(clock_);
  const auto gate = std::make_shared<kgs::testing::Gate>();
  const ResolveHub resolve = [gate, address = hub.address()](const std::string&) {
    gate->Pass();
    return std::vector<std::string>{address};
  };
  Agent agent(Options(10ms), resolve, clock_);
  agent.Offer(80);
  ASSERT_TRUE(Await([&] { return hub.Utilization("node-a") == 80; }));
  gate->Close();
  gate->AwaitHeld();
  agent.Offer(81);
  ASSERT_TRUE(Await([&] { return hub.Utilization("node-a") == 81; }));
  const auto before = std::chrono::steady_clock::now();
  agent.publisher.Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, 30s) << "the resolution has no end";
  gate->Open();
}

TEST_F(PublisherTest, StopsWhileItConnects) {
  // Nobody listens, and nobody answers.
  names_.Set(std::vector<std::string>{"127.0.0.1:1", "192.0.2.1:6001"});
  Agent agent(Options(10ms), names_.Function(), clock_);
  ASSERT_TRUE(Await([&] { return agent.publisher.Hubs().size() == 2; }));
  const auto before = std::chrono::steady_clock::now();
  agent.publisher.Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, 4s) << "an attempt may take 5 s";
}

TEST_F(PublisherTest, ANewerAgentOfANodeReplacesTheOlder) {
  TestHub hub(clock_);
  names_.Set(std::vector<std::string>{hub.address()});
  PublisherOptions options = Options(10ms);
  // The older does not come back for long.
  options.first_backoff = options.longest_backoff = kNever;
  Agent older(options, names_.Function(), clock_);
  older.Offer(10);
  ASSERT_TRUE(Await([&] { return hub.Utilization("node-a") == 10; }));
  options.boot_id = "boot-2";
  Agent newer(options, names_.Function(), clock_);
  newer.Offer(20);
  ASSERT_TRUE(Await([&] { return hub.Utilization("node-a") == 20; }));
  ASSERT_TRUE(Await([&] { return older.Connected() == 0; }));
  EXPECT_THAT(older.publisher.Hubs().at(0).problem, HasSubstr("newer stream"));
  older.publisher.Stop();
  const int reports = hub.reports();
  ASSERT_TRUE(Await([&] { return hub.reports() > reports; }));
  EXPECT_EQ(hub.Utilization("node-a"), 20);
  EXPECT_EQ(hub.store().connected(), 1);
}

EngineScrapes Scrape(const std::string& uid) {
  model::EngineQuery query;
  query.signal = "vllm_demand";
  return {{uid, {"team", "web"}, "10.0.0.1", std::nullopt, {query}}};
}

TEST_F(PublisherTest, EnginesAreAskedForAllHubs) {
  auto first = std::make_unique<TestHub>(clock_);
  TestHub second(clock_);
  first->receiver().SetScrapes({{"node-a", Scrape("1")}, {"node-b", Scrape("9")}});
  second.receiver().SetScrapes({{"node-a", Scrape("2")}});
  names_.Set(std::vector<std::string>{first->address(), second.address()});
  Agent agent(Options(10ms), names_.Function(), clock_);
  const auto asked = [&](const EngineScrapes& expected) {
    return Await([&] {
      const auto scrapes = agent.scrapes.Get();
      return scrapes != nullptr && *scrapes == expected;
    });
  };
  EXPECT_TRUE(asked(UnionOf({Scrape("1"), Scrape("2")})));
  second.receiver().SetScrapes({});
  EXPECT_TRUE(asked(Scrape("1")));
  // Nothing is asked for a hub that is gone.
  first = nullptr;
  EXPECT_TRUE(asked({}));
}

model::MetricSet Only(model::MetricId metric) {
  model::MetricSet metrics;
  metrics.set(model::Index(metric));
  return metrics;
}

model::MetricSet ReadBy(const Agent& agent) {
  const auto metrics = agent.metrics.Get();
  return metrics == nullptr ? model::MetricSet() : *metrics;
}

TEST_F(PublisherTest, MetricsAreReadForAllHubs) {
  const model::MetricSet sent = Only(model::MetricId::kPcieTxKbps);
  const model::MetricSet received = Only(model::MetricId::kPcieRxKbps);
  TestHub first(clock_);
  TestHub second(clock_);
  first.receiver().SetMetrics(sent);
  second.receiver().SetMetrics(received);
  names_.Set(std::vector<std::string>{first.address(), second.address()});
  kgs::testing::FakeClock clock;
  Agent agent(Options(10ms), names_.Function(), clock);
  EXPECT_TRUE(Await([&] { return ReadBy(agent) == (sent | received); }));
  second.receiver().SetMetrics({});
  EXPECT_TRUE(Await([&] {
    clock.Advance(1s);
    agent.publisher.Offer(PlainReport("node-a", {50}, clock.Now()));
    return ReadBy(agent) == sent;
  }));
}

TEST_F(PublisherTest, AStreamThatBreaksChangesNoMetric) {
  const model::MetricSet sent = Only(model::MetricId::kPcieTxKbps);
  auto hub = std::make_unique<TestHub>(clock_);
  hub->receiver().SetMetrics(sent);
  names_.Set(std::vector<std::string>{hub->address()});
  Agent agent(Options(10ms), names_.Function(), clock_);
  ASSERT_TRUE(Await([&] { return ReadBy(agent) == sent; }));
  hub = nullptr;
  ASSERT_TRUE(Await([&] { return agent.counters.stream_failures.value() >= 3; }))
      << "it tries to come back";
  EXPECT_EQ(ReadBy(agent), sent);
}

TEST_F(PublisherTest, EngineReadingsReachEveryHub) {
  TestHub first(clock_);
  TestHub second(clock_);
  names_.Set(std::vector<std::string>{first.address(), second.address()});
  Agent agent(Options(10ms), names_.Function(), clock_);
  const base::SteadyTime taken = clock_.Now() - 2s;
  const auto report = PlainReport("node-a", {80}, clock_.Now());
  report->engines = {{"uid", "key", model::EngineReading::Value(7, taken), 3s}};
  agent.publisher.Offer(report);
  for (TestHub* hub : {&first, &second}) {
    ASSERT_TRUE(Await([&] { return hub->Utilization("node-a") == 80; }));
    const auto engines = hub->store().Find("node-a").report->engines;
    ASSERT_EQ(engines.size(), 1);
    EXPECT_EQ(engines[0].reading.value(), 7);
    EXPECT_GE(engines[0].reading.taken(), taken);
    EXPECT_LE(engines[0].reading.taken() - taken, clock_.Now() - taken - 2s);
  }
}

TEST_F(PublisherTest, PassesOnThatAHubWantsAListing) {
  TestHub hub(clock_, {.least_list_interval = 0s});
  names_.Set(std::vector<std::string>{hub.address()});
  Agent agent(Options(kNever), names_.Function(), clock_);
  ASSERT_TRUE(Await([&] { return agent.Connected() == 1; }));
  for (int request = 1; request <= 3; ++request) {
    ASSERT_TRUE(hub.receiver().ListPods("node-a"));
    ASSERT_TRUE(Await([&] { return agent.list_requests == request; }));
  }
  // News of another kind are no request.
  hub.receiver().SetCrossings(Over(80));
  agent.Offer(70);
  ASSERT_TRUE(Await([&] { return hub.Utilization("node-a") == 70; }));
  EXPECT_EQ(agent.list_requests, 3);
}

}  // namespace
}  // namespace kgs::fleet
