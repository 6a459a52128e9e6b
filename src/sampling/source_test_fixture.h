// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>

#include "sampling/source.h"
#include "tests/support/fake_backend.h"
#include "tests/support/fake_clock.h"

namespace kgs::sampling {

/// A Source over a driver that the test scripts, round by round.
class SourceTest : public ::testing::Test {
 protected:
  ~SourceTest() override {
    for (auto& [index, gate] : driver_->read_gates) gate.Open();
    for (auto& [index, gate] : driver_->slow_gates) gate.Open();
    driver_->open_gate.Open();
    driver_->check_gate.Open();
    driver_->close_gate.Open();
    // Threads left behind by a test use what is torn down here.
    for (const LaneStatus& lane : source_.Lanes()) AwaitIdle(lane.name);
    EXPECT_TRUE(source_.StopUntil(std::chrono::steady_clock::now() + std::chrono::minutes(1)));
  }

  void AwaitIdle(const std::string& lane) {
    const auto busy = [&] {
      for (const LaneStatus& status : source_.Lanes()) {
        if (status.name == lane && status.busy_since) return true;
      }
      return false;
    };
    while (busy()) std::this_thread::yield();
  }

  /// One round that waits for every lane that is not held. True when the driver was just opened.
  bool Round() {
    source_.BeginRound({wanted_, release_});
    source_.AwaitRound(std::chrono::steady_clock::now() +
                       (held_ ? std::chrono::milliseconds(50) : std::chrono::minutes(1)));
    return source_.FinishRound();
  }
  void OpenAndRead() {
    ASSERT_TRUE(Round());
    Round();
  }
  model::Reading Of(size_t gpu, model::MetricId metric) {
    return source_.Gpus().at(gpu).readings[metric];
  }
  model::Reading Utilization(size_t gpu) { return Of(gpu, model::MetricId::kGpuUtilization); }

  const std::shared_ptr<kgs::testing::FakeDriver> driver_ =
      std::make_shared<kgs::testing::FakeDriver>();
  kgs::testing::FakeClock clock_;
  telemetry::SamplingCounters counters_;
  /// Some lane is held: do not wait for it in vain.
  bool held_ = false;
  model::MetricSet wanted_;
  bool release_ = false;
  Source source_{std::make_unique<kgs::testing::FakeBackend>(driver_), clock_,
                 SourceOptions{.hung_after = std::chrono::seconds(2),
                               .longest_backoff = std::chrono::seconds(30),
                               .barren_rounds = 3},
                 counters_};
};

}  // namespace kgs::sampling
