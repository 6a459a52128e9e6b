// SPDX-License-Identifier: Apache-2.0
//
// Samples every GPU of the node on a fixed beat and publishes what it saw as one immutable
// snapshot.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/latest.h"
#include "base/thread.h"
#include "gpu/backend.h"
#include "model/node_snapshot.h"
#include "sampling/source.h"
#include "telemetry/counters.h"

namespace kgs::sampling {

struct SamplerOptions {
  base::Duration interval = std::chrono::milliseconds(500);
  /// /healthz calls a lane stuck whose driver call has not returned for so long. Long, because a
  /// restart seldom frees a hung driver and makes KEDA see a refused connection instead of a
  /// reason.
  base::Duration lane_stuck_after = std::chrono::minutes(5);
  SourceOptions source;
  /// Completes each snapshot before it is published; on the sampler's thread.
  std::function<void(model::NodeSnapshot&)> complete;
};

/// Owns all calls into drivers. Latest(), CallCosts() and Health() may be called from any thread;
/// they never wait for a driver.
class Sampler {
 public:
  /// \p on_snapshot is called on the sampler's thread after each publication and must not block.
  /// \p clock and \p counters must outlive the process's lanes.
  Sampler(std::vector<std::unique_ptr<gpu::Backend>> backends, SamplerOptions options,
          const base::Clock& clock, telemetry::SamplingCounters& counters,
          std::function<void()> on_snapshot);
  ~Sampler();

  /// Starts the beat on a thread of its own. Until then RunRound may be called by hand.
  void Start();
  /// Ends the beat and closes the drivers, giving calls under way \p patience. False: one is stuck,
  /// its thread is left behind, and the process must end without tearing down what that thread
  /// uses.
  bool Stop(base::Duration patience);

  /// One round over all sources, and another where that opened a driver, then a publication.
  /// Neither waits longer than a second, whatever the drivers do.
  void RunRound();

  /// Which metrics somebody reads, from the next round on: of those that block for long only these
  /// are read. None at first. Any thread.
  void SetWanted(const model::MetricSet& metrics) { wanted_ = metrics.to_ullong(); }

  /// Closes the drivers for \p duration, and then opens them again; anew where that is under way.
  /// Meanwhile no driver is called. What is in a call that hangs is let go of when that returns.
  /// Any thread.
  void ReleaseDrivers(base::Duration duration);
  /// Ends that at once. Any thread.
  void ReopenDrivers();

  /// Null before the first round.
  std::shared_ptr<const model::NodeSnapshot> Latest() const { return latest_.Get(); }
  /// What the calls of one driver have taken so far.
  struct DriverCosts {
    std::string backend;
    std::vector<gpu::CallCost> calls;
  };
  /// Of every driver that counts them.
  std::vector<DriverCosts> CallCosts() const;
  /// The sampler's own loop and each lane.
  std::vector<base::ThreadHealth> Health() const;

 private:
  base::Duration Beat();
  /// Zero where they are not to be.
  base::SteadyTime ReleasedUntil() const {
    return base::SteadyTime(base::SteadyTime::duration(released_until_.load()));
  }
  void Publish();
  void Count(const model::NodeSnapshot& snapshot, double seconds);

  const SamplerOptions options_;
  const base::Clock& clock_;
  telemetry::SamplingCounters& counters_;
  const std::function<void()> on_snapshot_;
  std::vector<std::unique_ptr<Source>> sources_;
  /// A model::MetricSet.
  std::atomic<unsigned long long> wanted_{0};
  /// Steady time, in the clock's ticks.
  std::atomic<base::SteadyTime::rep> released_until_{0};
  uint64_t sequence_ = 0;
  base::SteadyTime next_beat_;
  base::Latest<model::NodeSnapshot> latest_;
  base::Latest<std::vector<LaneStatus>> lanes_;
  base::LoopThread thread_;
};

}  // namespace kgs::sampling
