// SPDX-License-Identifier: Apache-2.0
#include "sampling/source.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "sampling/gpu_log.h"
#include "sampling/mig_parent.h"

namespace kgs::sampling {
namespace {

using base::SteadyTime;
using model::DeviceState;
using model::Missing;
using model::Reading;
using model::Readings;

constexpr base::Duration kFirstWait = std::chrono::seconds(1);

/// Whether the driver could give a value of the GPU, and whether it did of late.
struct Yield {
  bool could = false;
  bool did = false;
};

Yield YieldOf(const Readings& readings, SteadyTime now, base::Duration of_late) {
  Yield yield;
  for (const Reading& reading : readings) {
    yield.could |= reading.has_value() ||
                   (!reading.NotOffered() && reading.reason() != Missing::kNotRequested);
    yield.did |= reading.FreshAt(now, of_late);
  }
  return yield;
}

}  // namespace

Source::Source(std::unique_ptr<gpu::Backend> backend, const base::Clock& clock,
               SourceOptions options, telemetry::SamplingCounters& counters)
    : backend_(std::move(backend)),
      clock_(clock),
      options_(options),
      counters_(counters),
      session_lane_(std::string(backend_->name())),
      failure_backoff_(kFirstWait, options.longest_backoff),
      lost_backoff_(kFirstWait, options.longest_backoff),
      round_began_(clock.Now()),
      round_before_began_(round_began_) {}

void Source::BeginRound(const Orders& orders) {
  const SteadyTime now = clock_.Now();
  round_before_began_ = std::exchange(round_began_, now);
  // Before a lane gets new work: a hang that ended is the earlier task's.
  WatchLanes();
  orders_ = orders;
  if (orders_.release) return Release();
  if (phase_ == Phase::kReleased) EndRelease();
  release_delay_logged_ = false;
  if (phase_ == Phase::kOpening || phase_ == Phase::kReleasing) return;
  const bool open_due = OpenIsDue();
  if (open_due && AllLanesIdle()) {
    PostOpen();
  } else if (phase_ == Phase::kOpen && (!open_due || AnyLaneHangs())) {
    // While an open is due, slow lanes get no new work, so that they all come to rest. But a driver
    // with a call that hangs cannot be closed: the other GPUs are read on meanwhile.
    PostReads();
  }
}

bool Source::OpenIsDue() const {
  const SteadyTime now = clock_.Now();
  if (phase_ == Phase::kClosed && !next_open_) return true;
  if (next_open_ && now >= *next_open_) return true;
  return phase_ == Phase::kOpen && look_again_at_ && now >= *look_again_at_;
}

std::vector<const WatchedLane*> Source::AllLanes() const {
  std::vector<const WatchedLane*> lanes = {&session_lane_};
  for (size_t i = 0; i < gpus_.size(); ++i) {
    lanes.push_back(device_lanes_[i].get());
    if (slow_lanes_[i] != nullptr) lanes.push_back(slow_lanes_[i].get());
  }
  return lanes;
}

bool Source::AnyLaneHangs() const {
  return std::ranges::any_of(AllLanes(),
                             [](const auto* lane) { return !lane->hung_call().empty(); });
}

bool Source::AllLanesIdle() const {
  return std::ranges::none_of(AllLanes(), [](const auto* lane) { return lane->busy(); });
}

void Source::PostReads() {
  {
    base::MutexLock lock(board_->mutex);
    ++board_->round;
    board_->pending = 0;
    for (Slot& slot : board_->slots) slot.ForgetSlow(orders_.wanted);
  }
  Post(session_lane_, [backend = backend_](Board& board) {
    const bool good = backend->Check();
    std::vector<gpu::XidEvent> xids = backend->TakeXids();
    base::MutexLock lock(board.mutex);
    board.session_broken |= !good;
    board.xids.insert(board.xids.end(), std::make_move_iterator(xids.begin()),
                      std::make_move_iterator(xids.end()));
  });
  for (size_t i = 0; i < gpus_.size(); ++i) {
    const auto device = gpus_[i].device;
    if (device == nullptr) continue;
    Post(*device_lanes_[i], [device, i, &clock = clock_](Board& board) {
      gpu::DeviceSample sample = device->Read(clock);
      base::MutexLock lock(board.mutex);
      board.session_broken |= sample.session_broken;
      board.slots[i].Take(std::move(sample));
    });
    PostSlowRead(i);
  }
}

void Source::PostSlowRead(size_t index) {
  model::MetricSet metrics;
  {
    base::MutexLock lock(board_->mutex);
    const Slot& slot = board_->slots[index];
    if (slot.state == DeviceState::kPresent) metrics = slot.slow & orders_.wanted;
  }
  // The others a MIG device has of its GPU.
  if (gpus_[index].identity.mig) metrics &= OfInstance();
  if (metrics.none()) return;
  std::unique_ptr<WatchedLane>& lane = slow_lanes_[index];
  if (lane == nullptr) lane = std::make_unique<WatchedLane>(LaneName(index) + "-slow");
  // Not among the round's tasks: no round waits for it.
  lane->TryRun(
      clock_.Now(),
      [device = gpus_[index].device, board = board_, index, metrics, &clock = clock_] {
        model::Readings readings = device->ReadSlow(metrics, clock);
        base::MutexLock lock(board->mutex);
        board->slots[index].TakeSlow(metrics, std::move(readings));
      },
      nullptr);
}

std::string Source::LaneName(size_t index) const {
  return std::string(backend_->name()) + "-" + std::to_string(index);
}

void Source::Post(WatchedLane& lane, std::function<void(Board&)> work) {
  if (lane.busy()) return;
  uint64_t round = 0;
  {
    base::MutexLock lock(board_->mutex);
    ++board_->pending;
    round = board_->round;
  }
  lane.TryRun(
      clock_.Now(), [board = board_, work = std::move(work)] { work(*board); },
      [board = board_, round] { board->TaskDone(round); });
}

void Source::AwaitRound(SteadyTime deadline) {
  Board& board = phase_ == Phase::kOpening ? *opening_board_ : *board_;
  base::MutexLock lock(board.mutex);
  while (board.pending > 0 && board.changed.WaitUntil(board.mutex, deadline)) {
  }
}

bool Source::FinishRound() {
  TakeXids();
  bool just_opened = false;
  if (phase_ == Phase::kOpening) {
    just_opened = TakeOpenResult();
  } else if (phase_ == Phase::kOpen && !orders_.release) {
    TakeReadings();
  } else if (phase_ == Phase::kReleasing && !session_lane_.busy()) {
    ReleaseDone();
  }
  WatchLanes();
  return just_opened;
}

void Source::TakeXids() {
  std::vector<gpu::XidEvent> xids;
  {
    base::MutexLock lock(board_->mutex);
    xids.swap(board_->xids);
  }
  xids_.Add(xids, clock_.Now());
}

void Source::TakeReadings() {
  const SteadyTime now = clock_.Now();
  // What a read slower than a round brings is seen in the next one, however far apart they are.
  const base::Duration of_late = now - round_before_began_ + options_.hung_after;
  bool broken = false;
  bool lost = false;
  Yield all;
  struct Change {
    model::GpuIdentity gpu;
    DeviceState state;
    std::string reason;
  };
  std::vector<Change> changes;
  {
    base::MutexLock lock(board_->mutex);
    broken = board_->session_broken;
    for (size_t i = 0; i < gpus_.size(); ++i) {
      const Slot& slot = board_->slots[i];
      gpu::DeviceListing& listing = gpus_[i];
      if (std::exchange(listing.state, slot.state) != slot.state) {
        changes.push_back({listing.identity, slot.state, slot.state_reason});
      }
      lost |= slot.state == DeviceState::kLost && listing.listed;
      if (slot.state != DeviceState::kPresent) continue;
      const Yield yield = YieldOf(slot.readings, now, of_late);
      all.could |= yield.could;
      all.did |= yield.did;
    }
  }
  for (const Change& change : changes) LogState(change.gpu, change.state, change.reason);
  barren_rounds_ = all.could && !all.did ? barren_rounds_ + 1 : 0;
  if (broken) {
    WantReopen("the driver session is no longer valid", failure_backoff_);
  } else if (barren_rounds_ >= options_.barren_rounds) {
    WantReopen("no GPU gives any reading", failure_backoff_);
  } else if (lost) {
    WantReopen("a GPU is lost", lost_backoff_);
  } else {
    lost_backoff_.Reset();
    next_open_.reset();
    reopen_for_.clear();
  }
  if (!broken && barren_rounds_ == 0) failure_backoff_.Reset();
}

void Source::WatchLanes() {
  const SteadyTime now = clock_.Now();
  const base::Duration hung_after = options_.hung_after;
  session_lane_.Watch(now, hung_after, std::string(backend_->name()), backend_->current_call());
  for (size_t i = 0; i < gpus_.size(); ++i) {
    const gpu::Device* device = gpus_[i].device.get();
    if (device == nullptr) continue;
    const std::string who = NameOf(gpus_[i].identity);
    device_lanes_[i]->Watch(now, hung_after, who, device->current_call());
    if (slow_lanes_[i] == nullptr) continue;
    slow_lanes_[i]->Watch(now, hung_after, who, device->current_slow_call());
  }
}

model::SourceHealth Source::Health() const {
  model::SourceHealth health;
  health.backend = std::string(backend_->name());
  // While a reopen is under way the last session's readings are still served until they are stale.
  health.open = phase_ == Phase::kOpen || (phase_ == Phase::kOpening && was_open_);
  health.problem = problem_.empty() && !health.open ? "the driver is being opened" : problem_;
  if (orders_.release || phase_ == Phase::kReleasing || phase_ == Phase::kReleased) {
    health.open = false;
    health.problem = kReleasedReason;
  }
  const std::string& hung_call = session_lane_.hung_call();
  if (!hung_call.empty()) health.problem = hung_call + " has not returned";
  health.driver_version = driver_version_;
  health.closed_since = closed_since_;
  health.absent = absent_ && hung_call.empty();
  health.needs_new_process = needs_new_process_;
  health.released = phase_ == Phase::kReleased;
  return health;
}

std::vector<model::GpuSnapshot> Source::Gpus() const {
  std::vector<model::GpuSnapshot> gpus;
  gpus.reserve(gpus_.size());
  // No GPU is read until the driver is open again, so an open that hangs is the reason of each.
  const bool opening = phase_ == Phase::kOpening;
  const std::string open_hangs = opening ? session_lane_.hung_call() : "";
  {
    base::MutexLock lock(board_->mutex);
    for (size_t i = 0; i < gpus_.size(); ++i) {
      const Slot& slot = board_->slots[i];
      const std::string slow_hangs = slow_lanes_[i] ? slow_lanes_[i]->hung_call() : "";
      const std::string& uuid = gpus_[i].identity.uuid;
      gpus.push_back({gpus_[i].identity,
                      slot.state,
                      slot.state_reason,
                      slot.All(orders_.wanted, slow_hangs),
                      open_hangs.empty() ? device_lanes_[i]->hung_call() : open_hangs,
                      slow_hangs,
                      {slot.recovery_action, xids_.Of(uuid)},
                      slot.processes,
                      std::nullopt});
    }
  }
  ShareWithMigDevices(gpus);
  return gpus;
}

std::vector<LaneStatus> Source::Lanes() const {
  std::vector<LaneStatus> lanes;
  for (const WatchedLane* lane : AllLanes()) lanes.push_back(lane->Status());
  return lanes;
}

}  // namespace kgs::sampling
