// SPDX-License-Identifier: Apache-2.0
#include "sampling/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/support/fake_backend.h"
#include "tests/support/fake_clock.h"

namespace kgs::sampling {
namespace {

using namespace std::chrono_literals;
using kgs::testing::FakeBackend;
using kgs::testing::FakeClock;
using kgs::testing::FakeDriver;
using model::MetricId;

class SamplerTest : public ::testing::Test {
 protected:
  std::unique_ptr<Sampler> Make(const base::Clock& clock, base::Duration interval = 500ms,
                                std::vector<std::shared_ptr<FakeDriver>> more = {}) {
    std::vector<std::unique_ptr<gpu::Backend>> backends;
    backends.push_back(std::make_unique<FakeBackend>(driver_));
    for (auto& driver : more) backends.push_back(std::make_unique<FakeBackend>(driver));
    SamplerOptions options;
    options.interval = interval;
    options.complete = [this](model::NodeSnapshot& snapshot) {
      if (complete_) complete_(snapshot);
    };
    return std::make_unique<Sampler>(std::move(backends), options, clock, counters_,
                                     [this] { ++snapshots_; });
  }

  const std::shared_ptr<FakeDriver> driver_ = std::make_shared<FakeDriver>();
  FakeClock clock_;
  telemetry::SamplingCounters counters_;
  std::atomic<int> snapshots_{0};
  std::function<void(model::NodeSnapshot&)> complete_;
};

TEST_F(SamplerTest, TheFirstSnapshotHasValues) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 42}});
  const auto sampler = Make(clock_, 60s);
  EXPECT_EQ(sampler->Latest(), nullptr);
  sampler->RunRound();
  const auto snapshot = sampler->Latest();
  ASSERT_NE(snapshot, nullptr);
  EXPECT_EQ(snapshot->sequence, 1u);
  EXPECT_EQ(snapshot->taken, clock_.Now());
  ASSERT_EQ(snapshot->gpus.size(), 1u);
  EXPECT_EQ(snapshot->gpus[0].identity.uuid, "GPU-a");
  EXPECT_EQ(snapshot->gpus[0].readings[MetricId::kGpuUtilization].value(), 42);
  EXPECT_EQ(snapshots_, 1);
}

TEST_F(SamplerTest, WhatIsWantedIsReadFromTheNextRoundOn) {
  driver_->SetGpus({{.uuid = "GPU-a", .slow_pcie_tx = 7}});
  const auto sampler = Make(clock_, 60s);
  sampler->RunRound();
  sampler->RunRound();
  EXPECT_EQ(driver_->slow_reads(), 0);
  model::MetricSet wanted;
  wanted.set(model::Index(MetricId::kPcieTxKbps));
  sampler->SetWanted(wanted);
  const auto pcie = [&] { return sampler->Latest()->gpus[0].readings[MetricId::kPcieTxKbps]; };
  while (!pcie().has_value()) sampler->RunRound();
  EXPECT_EQ(pcie().value(), 7);
}

TEST_F(SamplerTest, DriversAreLetGoOfForATimeOrUntilItIsCalledOff) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 42}});
  const auto sampler = Make(clock_, 60s);
  sampler->RunRound();
  const auto released = [&] {
    sampler->RunRound();
    return sampler->Latest()->sources[0].released;
  };
  sampler->ReleaseDrivers(60s);
  EXPECT_TRUE(released());
  clock_.Advance(59s);
  EXPECT_TRUE(released());
  // Anew.
  sampler->ReleaseDrivers(60s);
  clock_.Advance(59s);
  EXPECT_TRUE(released());
  EXPECT_EQ(driver_->opens(), 1);
  clock_.Advance(1s);
  EXPECT_FALSE(released());
  EXPECT_EQ(driver_->opens(), 2);
  EXPECT_EQ(sampler->Latest()->gpus[0].readings[MetricId::kGpuUtilization].value(), 42)
      << "in the same round";
  sampler->ReleaseDrivers(60s);
  EXPECT_TRUE(released());
  sampler->ReopenDrivers();
  EXPECT_FALSE(released());
}

TEST_F(SamplerTest, AReleaseThatWasAskedForIsNoTrouble) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 42}});
  const auto sampler = Make(clock_, 60s);
  sampler->RunRound();
  const auto errors = counters_.collection_errors.value();
  sampler->ReleaseDrivers(60s);
  for (int round = 0; round < 4; ++round) sampler->RunRound();
  ASSERT_TRUE(sampler->Latest()->sources[0].released);
  EXPECT_EQ(counters_.collection_errors.value(), errors);
  sampler->ReopenDrivers();
  driver_->SetOpenError(absl::UnavailableError("no driver"));
  sampler->RunRound();
  EXPECT_EQ(counters_.collection_errors.value(), errors + 1) << "but what comes after it is";
}

TEST_F(SamplerTest, ALongIntervalDelaysNeitherTheReleaseNorItsEnd) {
  const base::SteadyClock real;
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 42}});
  const auto sampler = Make(real, 24h);
  sampler->Start();
  const auto await = [&](bool released) {
    while (true) {
      const auto latest = sampler->Latest();
      if (latest != nullptr && latest->sources[0].released == released) return;
      std::this_thread::yield();
    }
  };
  await(false);
  sampler->ReleaseDrivers(10ms);
  await(true);
  await(false);
  sampler->ReleaseDrivers(1h);
  await(true);
  sampler->ReopenDrivers();
  await(false);
  EXPECT_TRUE(sampler->Stop(1min));
}

TEST_F(SamplerTest, PassesOnWhatDriverCallsTake) {
  const auto sampler = Make(clock_, 60s);
  sampler->RunRound();
  const auto costs = sampler->CallCosts();
  ASSERT_EQ(costs.size(), 1u);
  EXPECT_EQ(costs[0].backend, "fake");
  ASSERT_EQ(costs[0].calls.size(), 1u);
  EXPECT_EQ(costs[0].calls[0].call, "fakeOpen");
  EXPECT_EQ(costs[0].calls[0].calls, 1u);
}

TEST_F(SamplerTest, APublishedSnapshotNeverChanges) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 1}});
  const auto sampler = Make(clock_, 60s);
  sampler->RunRound();
  const auto first = sampler->Latest();
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 2}});
  sampler->RunRound();
  EXPECT_EQ(first->gpus[0].readings[MetricId::kGpuUtilization].value(), 1);
  EXPECT_EQ(sampler->Latest()->sequence, 2u);
}

TEST_F(SamplerTest, ASnapshotIsCompletedBeforeItIsPublished) {
  driver_->SetGpus({{.uuid = "GPU-a", .processes = model::ProcessUses{.processes = {{7, 1, 2}}}}});
  complete_ = [](model::NodeSnapshot& snapshot) {
    EXPECT_EQ(snapshot.gpus.at(0).processes->processes.at(0).pid, 7u);
    snapshot.gpus[0].processes.reset();
    snapshot.gpus[0].pod_uses = model::PodUses{.pods = {{"uid", 2, 1}}};
  };
  const auto sampler = Make(clock_, 60s);
  for (int round = 0; round < 2; ++round) {
    sampler->RunRound();
    const auto snapshot = sampler->Latest();
    EXPECT_FALSE(snapshot->gpus[0].processes.has_value());
    EXPECT_EQ(snapshot->gpus[0].pod_uses->pods.at(0).pod_uid, "uid");
  }
  // Nothing is served on of a GPU that cannot be read.
  driver_->SetGpus({{.uuid = "GPU-a", .state = model::DeviceState::kLost}});
  complete_ = [](model::NodeSnapshot&) {};
  sampler->RunRound();
  EXPECT_FALSE(sampler->Latest()->gpus[0].processes.has_value());
}

TEST_F(SamplerTest, CountsRoundsAndThoseWithTrouble) {
  driver_->SetOpenError(absl::UnavailableError("no driver"));
  const auto sampler = Make(clock_);
  sampler->RunRound();
  EXPECT_EQ(counters_.collections.value(), 1u);
  EXPECT_EQ(counters_.collection_errors.value(), 1u);
  EXPECT_EQ(counters_.driver_opens.value(), 0u);
  ASSERT_EQ(sampler->Latest()->sources.size(), 1u);
  EXPECT_EQ(sampler->Latest()->sources[0].problem, "no driver");
}

/// A driver for which the node has no GPU.
std::shared_ptr<FakeDriver> AbsentDriver(const std::string& why) {
  absl::Status error = absl::UnavailableError(why);
  error.SetPayload(std::string(gpu::kNoSuchGpuPayload), absl::Cord());
  auto driver = std::make_shared<FakeDriver>();
  driver->SetOpenError(error);
  return driver;
}

TEST_F(SamplerTest, AnAbsentVendorIsNoTroubleBesideAnother) {
  driver_->SetGpus({});
  const auto sampler = Make(clock_, 60s, {AbsentDriver("no such GPU")});
  sampler->RunRound();
  const auto snapshot = sampler->Latest();
  EXPECT_FALSE(snapshot->sources[0].absent);
  EXPECT_TRUE(snapshot->sources[1].absent);
  EXPECT_FALSE(snapshot->sources[1].open);
  EXPECT_EQ(snapshot->sources[1].problem, "");
  EXPECT_EQ(counters_.collection_errors.value(), 0u);
}

TEST_F(SamplerTest, AnAbsentVendorIsNoExcuseForOneThatFails) {
  driver_->SetOpenError(absl::UnavailableError("broken"));
  const auto sampler = Make(clock_, 60s, {AbsentDriver("no such GPU")});
  sampler->RunRound();
  EXPECT_EQ(sampler->Latest()->sources[0].problem, "broken");
  EXPECT_TRUE(sampler->Latest()->sources[1].absent);
  EXPECT_EQ(counters_.collection_errors.value(), 1u);
}

TEST_F(SamplerTest, WhereEveryVendorIsAbsentEachIsTheTrouble) {
  const auto absent = AbsentDriver("none of the first");
  std::vector<std::unique_ptr<gpu::Backend>> backends;
  backends.push_back(std::make_unique<FakeBackend>(absent));
  backends.push_back(std::make_unique<FakeBackend>(AbsentDriver("none of the second")));
  Sampler sampler(std::move(backends), {}, clock_, counters_, [] {});
  sampler.RunRound();
  const auto snapshot = sampler.Latest();
  EXPECT_FALSE(snapshot->sources[0].absent);
  EXPECT_EQ(snapshot->sources[0].problem, "none of the first");
  EXPECT_EQ(snapshot->sources[1].problem, "none of the second");
  EXPECT_EQ(counters_.collection_errors.value(), 1u);
}

TEST_F(SamplerTest, AVendorWhoseGpusWereThereIsNeverAbsent) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 1}});
  const auto other = std::make_shared<FakeDriver>();
  other->SetGpus({{.uuid = "GPU-b", .utilization = 2}});
  const auto sampler = Make(clock_, 60s, {other});
  sampler->RunRound();
  absl::Status gone = absl::UnavailableError("gone");
  gone.SetPayload(std::string(gpu::kNoSuchGpuPayload), absl::Cord());
  other->SetOpenError(gone);
  other->BreakSession();
  for (int round = 0; round < 5; ++round) {
    clock_.Advance(2s);
    sampler->RunRound();
  }
  const auto snapshot = sampler->Latest();
  EXPECT_FALSE(snapshot->sources[1].absent);
  EXPECT_EQ(snapshot->sources[1].problem, "gone");
  ASSERT_EQ(snapshot->gpus.size(), 2u);
  EXPECT_FALSE(snapshot->gpus[1].readings[MetricId::kGpuUtilization].has_value());
}

TEST_F(SamplerTest, RunsOnItsOwnThreadUntilStopped) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 1}});
  const base::SteadyClock clock;
  const auto sampler = Make(clock, 1ms);
  sampler->Start();
  while (snapshots_ < 5) std::this_thread::yield();
  EXPECT_GE(sampler->Health().size(), 3u) << "the beat, the session's lane and the GPU's";
  EXPECT_TRUE(sampler->Stop(1min));
  const int stopped_at = snapshots_;
  EXPECT_EQ(snapshots_, stopped_at);
  EXPECT_EQ(driver_->closes(), 1);
}

TEST_F(SamplerTest, AHungGpuShowsInHealthAndDoesNotStopTheBeat) {
  driver_->SetGpus({{.uuid = "GPU-a", .utilization = 1}});
  driver_->read_gates[0].Close();
  const auto sampler = Make(clock_, 100ms);
  sampler->RunRound();
  driver_->read_gates[0].AwaitHeld();
  clock_.Advance(10s);
  sampler->RunRound();
  EXPECT_EQ(sampler->Latest()->gpus[0].hung_call, "fakeRead");
  const auto health = sampler->Health();
  ASSERT_EQ(health.size(), 3u);
  EXPECT_EQ(health[0].name, "sampler");
  EXPECT_EQ(health[0].age, 0s);
  EXPECT_EQ(health[2].name, "fake-0");
  EXPECT_EQ(health[2].age, 10s);
  EXPECT_EQ(health[2].doing, "fakeRead");
  driver_->read_gates[0].Open();
  EXPECT_TRUE(sampler->Stop(1min));
}

}  // namespace
}  // namespace kgs::sampling
