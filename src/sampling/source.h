// SPDX-License-Identifier: Apache-2.0
//
// One backend, its lanes, and what becomes of its session with the driver: opened, lost, reopened
// with back-off, watched for calls that hang.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "gpu/backend.h"
#include "model/node_snapshot.h"
#include "sampling/board.h"
#include "sampling/watched_lane.h"
#include "sampling/xid_ledger.h"
#include "telemetry/counters.h"

namespace kgs::sampling {

struct SourceOptions {
  /// A driver call that takes longer is reported as hung.
  base::Duration hung_after = std::chrono::seconds(2);
  /// Waits between attempts to open the driver double from one second up to this.
  base::Duration longest_backoff = std::chrono::seconds(30);
  /// After so many rounds in which no present GPU gave a single value, the driver is reopened.
  int barren_rounds = 10;
};

/// Why there is no reading while the driver is let go of.
extern const char* const kReleasedReason;

/// What is wanted of a source in a round.
struct Orders {
  /// Of the metrics that block for long only these are read.
  model::MetricSet wanted;
  /// The driver is to be closed, and no call made of it, until a round says otherwise.
  bool release = false;
};

/// A round is BeginRound, AwaitRound, FinishRound, all on the sampler's thread. None of them calls
/// the driver: that is left to one lane a GPU and one for the session, so a GPU whose call hangs
/// stops neither the round nor the other GPUs. What blocks for long by its nature has a second lane
/// of the GPU's, which no round waits for.
class Source {
 public:
  /// \p clock and \p counters must outlive every lane, a stuck one too: in the program, the
  /// process.
  Source(std::unique_ptr<gpu::Backend> backend, const base::Clock& clock, SourceOptions options,
         telemetry::SamplingCounters& counters);

  /// Hands this round's work to the lanes that are idle.
  void BeginRound(const Orders& orders = {});
  /// Waits until that work is done, until \p deadline (real time) at the latest.
  void AwaitRound(base::SteadyTime deadline);
  /// Takes what the lanes brought. True when the driver has just been opened: its GPUs are worth
  /// another round at once.
  bool FinishRound();

  /// The state after the last FinishRound. absent is set where the node has no such GPU, with the
  /// problem beside it.
  model::SourceHealth Health() const;
  std::vector<model::GpuSnapshot> Gpus() const;
  std::vector<LaneStatus> Lanes() const;
  /// Any thread.
  std::string backend() const { return std::string(backend_->name()); }
  std::vector<gpu::CallCost> CallCosts() const { return backend_->CallCosts(); }
  /// The driver is being opened, or is to be let go of: the next round is worth an early start.
  bool unsettled() const {
    return phase_ == Phase::kOpening || (orders_.release && phase_ != Phase::kReleased);
  }

  /// Closes the driver and ends the lanes. False: a driver call is stuck and a thread left behind.
  bool StopUntil(base::SteadyTime deadline);

 private:
  enum class Phase { kClosed, kOpening, kOpen, kReleasing, kReleased };

  bool OpenIsDue() const;
  bool AllLanesIdle() const;
  bool AnyLaneHangs() const;
  void PostOpen();
  /// Lets go of the driver, or waits until that can be.
  void Release();
  void ReleaseDone();
  void EndRelease();
  void PostReads();
  /// Has slow metrics of GPU \p index read that somebody wants.
  void PostSlowRead(size_t index);
  /// "nvml-0".
  std::string LaneName(size_t index) const;
  /// Runs \p work for the present board's round on \p lane, unless that is busy.
  void Post(WatchedLane& lane, std::function<void(Board&)> work);
  /// Schedules a reopen for the reason \p why, once.
  void WantReopen(const std::string& why, base::Backoff& backoff);
  /// True when the driver has just been opened.
  bool TakeOpenResult();
  void OpenFailed(const absl::Status& error);
  void OpenSucceeded(gpu::Session session);
  std::map<std::string, Slot> SlotsByUuid() const;
  void TakeXids();
  void TakeReadings();
  void WatchLanes();
  /// Those of the present session's GPUs and of the session.
  std::vector<const WatchedLane*> AllLanes() const;

  const std::shared_ptr<gpu::Backend> backend_;
  const base::Clock& clock_;
  const SourceOptions options_;
  telemetry::SamplingCounters& counters_;

  WatchedLane session_lane_;
  /// By GPU; there may be more than GPUs.
  std::vector<std::unique_ptr<WatchedLane>> device_lanes_;
  /// Beside device_lanes_; null until first needed.
  std::vector<std::unique_ptr<WatchedLane>> slow_lanes_;

  Phase phase_ = Phase::kClosed;
  /// What the open under way will write to; becomes board_ when it succeeds.
  std::shared_ptr<Board> opening_board_;
  std::shared_ptr<Board> board_ = std::make_shared<Board>();
  /// Of the present session.
  std::vector<gpu::DeviceListing> gpus_;
  Orders orders_;
  XidLedger xids_;
  /// A lost GPU's long waits do not delay the repair of a broken session.
  base::Backoff failure_backoff_;
  base::Backoff lost_backoff_;
  /// When to open, or to reopen while open.
  std::optional<base::SteadyTime> next_open_;
  /// Why, while open; else empty.
  std::string reopen_for_;
  /// When to reopen while open because there may be more by then, though nothing is wrong.
  std::optional<base::SteadyTime> look_again_at_;
  /// The open under way is for that alone.
  bool looking_again_ = false;
  /// Until an open fails.
  bool was_open_ = false;
  int barren_rounds_ = 0;
  /// When this round and the one before began.
  base::SteadyTime round_began_;
  base::SteadyTime round_before_began_;

  std::string problem_;
  std::string driver_version_;
  std::optional<base::SteadyTime> closed_since_;
  bool needs_new_process_ = false;
  /// That a call keeps the driver from being let go of.
  bool release_delay_logged_ = false;
  /// It never had a GPU, and the node has none for it.
  bool absent_ = false;
};

}  // namespace kgs::sampling
