// SPDX-License-Identifier: Apache-2.0
#include "sampling/source.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace kgs::sampling {
namespace {

using base::SteadyTime;
using model::DeviceState;
using model::Missing;
using model::Reading;
using model::Readings;

/// The new readings, but with the last value where the driver merely has no sample at the moment:
/// that value keeps its time and so goes stale by itself.
Readings Merge(const Readings& last, Readings fresh) {
  for (size_t i = 0; i < model::kMetricCount; ++i) {
    const auto metric = static_cast<model::MetricId>(i);
    Reading& reading = fresh[metric];
    if (!reading.has_value() && reading.reason() == Missing::kNotReady &&
        last[metric].has_value()) {
      reading = last[metric];
    }
  }
  return fresh;
}

Readings AllAbsent(const std::string& why) {
  Readings readings;
  for (size_t i = 0; i < model::kMetricCount; ++i) {
    readings[static_cast<model::MetricId>(i)] = Reading::Absent(Missing::kDriverError, why);
  }
  return readings;
}

bool AnyValue(const Readings& readings) {
  return std::any_of(readings.begin(), readings.end(),
                     [](const Reading& reading) { return reading.has_value(); });
}

std::string NameOf(const model::GpuIdentity& gpu) {
  return "GPU " + std::to_string(gpu.index) + (gpu.uuid.empty() ? "" : " (" + gpu.uuid + ")");
}

void LogUnreadable(const model::GpuIdentity& gpu, DeviceState state, const std::string& reason) {
  base::LogWarn(state == DeviceState::kLost ? "GPU is lost" : "GPU may not be opened",
                {{"gpu", NameOf(gpu)}, {"reason", reason}});
}

}  // namespace

Source::Source(std::unique_ptr<gpu::Backend> backend, const base::Clock& clock,
               SourceOptions options, telemetry::SamplingCounters& counters)
    : backend_(std::move(backend)),
      clock_(clock),
      options_(options),
      counters_(counters),
      session_lane_(std::string(backend_->name())),
      backoff_(std::min<base::Duration>(std::chrono::seconds(1), options.longest_backoff),
               options.longest_backoff) {}

void Source::BeginRound() {
  // Before a lane gets new work: a hang that ended is the earlier task's.
  WatchLanes();
  const SteadyTime now = clock_.Now();
  if (phase_ == Phase::kOpening) return;
  const bool open_due = next_open_ ? now >= *next_open_ : phase_ == Phase::kClosed;
  // A driver with a call still in it cannot be closed; the other GPUs are read on meanwhile.
  if (open_due && AllLanesIdle()) {
    PostOpen();
  } else if (phase_ == Phase::kOpen) {
    PostReads();
  }
}

bool Source::AllLanesIdle() const {
  return !session_lane_.busy() && std::none_of(device_lanes_.begin(), device_lanes_.end(),
                                               [](const auto& lane) { return lane->busy(); });
}

void Source::PostOpen() {
  auto board = std::make_shared<Board>();
  {
    base::MutexLock lock(board->mutex);
    board->pending = 1;
  }
  opening_board_ = board;
  phase_ = Phase::kOpening;
  session_busy_since_ = clock_.Now();
  session_lane_.TryRun(
      [backend = backend_, board] {
        auto opened = backend->Open();
        base::MutexLock lock(board->mutex);
        board->opened = std::move(opened);
      },
      [board] { TaskDone(*board, 0); });
}

void Source::TaskDone(Board& board, uint64_t round) {
  {
    base::MutexLock lock(board.mutex);
    if (board.round == round) --board.pending;
  }
  board.changed.NotifyAll();
}

void Source::PostReads() {
  {
    base::MutexLock lock(board_->mutex);
    ++board_->round;
    board_->pending = 0;
  }
  Post(session_lane_, session_busy_since_, [backend = backend_](Board& board) {
    if (backend->Check()) return;
    base::MutexLock lock(board.mutex);
    board.session_broken = true;
  });
  for (size_t i = 0; i < gpus_.size(); ++i) {
    const auto device = gpus_[i].listing.device;
    if (device == nullptr) continue;
    Post(*device_lanes_[i], gpus_[i].busy_since, [device, i, &clock = clock_](Board& board) {
      gpu::DeviceSample sample = device->Read(clock);
      base::MutexLock lock(board.mutex);
      Board::Slot& slot = board.slots[i];
      slot.readings = Merge(slot.readings, std::move(sample.readings));
      slot.state = sample.state;
      slot.state_reason = std::move(sample.state_reason);
      board.session_broken |= sample.session_broken;
    });
  }
}

void Source::Post(Lane& lane, std::optional<SteadyTime>& busy_since,
                  std::function<void(Board&)> work) {
  if (lane.busy()) return;
  uint64_t round = 0;
  {
    base::MutexLock lock(board_->mutex);
    ++board_->pending;
    round = board_->round;
  }
  busy_since = clock_.Now();
  lane.TryRun([board = board_, work = std::move(work)] { work(*board); },
              [board = board_, round] { TaskDone(*board, round); });
}

void Source::AwaitRound(SteadyTime deadline) {
  Board& board = phase_ == Phase::kOpening ? *opening_board_ : *board_;
  base::MutexLock lock(board.mutex);
  while (board.pending > 0 && board.changed.WaitUntil(board.mutex, deadline)) {
  }
}

bool Source::FinishRound() {
  bool just_opened = false;
  if (phase_ == Phase::kOpening) {
    just_opened = TakeOpenResult();
  } else if (phase_ == Phase::kOpen) {
    TakeReadings();
  }
  WatchLanes();
  return just_opened;
}

bool Source::TakeOpenResult() {
  std::optional<absl::StatusOr<gpu::Session>> opened;
  {
    base::MutexLock lock(opening_board_->mutex);
    opened.swap(opening_board_->opened);
  }
  if (!opened) return false;
  next_open_.reset();
  if (!opened->ok()) {
    OpenFailed(opened->status());
  } else {
    OpenSucceeded(*std::move(*opened));
  }
  return phase_ == Phase::kOpen;
}

void Source::OpenFailed(const absl::Status& error) {
  const std::string problem(error.message());
  if (problem != problem_) {
    base::LogWarn("GPU driver is not open",
                  {{"backend", std::string(backend_->name())}, {"reason", problem}});
  }
  const SteadyTime now = clock_.Now();
  problem_ = problem;
  needs_new_process_ = error.GetPayload(std::string(gpu::kNeedsNewProcessPayload)).has_value();
  if (!closed_since_) closed_since_ = now;
  next_open_ = now + backoff_.Next();
  phase_ = Phase::kClosed;
  // What was read through the driver that is now closed is not served on.
  base::MutexLock lock(board_->mutex);
  for (Board::Slot& slot : board_->slots) slot.readings = AllAbsent(problem_);
}

void Source::OpenSucceeded(gpu::Session session) {
  counters_.driver_opens.Add();
  base::LogInfo("GPU driver is open", {{"backend", std::string(backend_->name())},
                                       {"driver_version", session.driver_version},
                                       {"gpus", std::to_string(session.devices.size())}});
  driver_version_ = std::move(session.driver_version);
  problem_.clear();
  needs_new_process_ = false;
  closed_since_.reset();
  barren_rounds_ = 0;
  phase_ = Phase::kOpen;

  const std::map<std::string, Board::Slot> last = SlotsByUuid();
  std::vector<Board::Slot> slots;
  gpus_.clear();
  for (gpu::DeviceListing& listing : session.devices) {
    Board::Slot slot{listing.state, listing.state_reason, {}};
    const auto known = last.find(listing.identity.uuid);
    const bool news = known == last.end() || known->second.state != listing.state;
    if (listing.state != DeviceState::kPresent) {
      if (news) LogUnreadable(listing.identity, listing.state, listing.state_reason);
    } else if (known != last.end()) {
      if (news) base::LogInfo("GPU is back", {{"gpu", NameOf(listing.identity)}});
      // Served until it is stale: a reopen for one GPU's sake leaves no gap in the others.
      slot.readings = known->second.readings;
    }
    slots.push_back(std::move(slot));
    gpus_.push_back({std::move(listing), std::nullopt, ""});
  }
  while (device_lanes_.size() < gpus_.size()) {
    device_lanes_.push_back(std::make_unique<Lane>(std::string(backend_->name()) + "-" +
                                                   std::to_string(device_lanes_.size())));
  }
  board_ = std::exchange(opening_board_, nullptr);
  base::MutexLock lock(board_->mutex);
  board_->slots = std::move(slots);
}

std::map<std::string, Source::Board::Slot> Source::SlotsByUuid() const {
  std::map<std::string, Board::Slot> slots;
  base::MutexLock lock(board_->mutex);
  for (size_t i = 0; i < gpus_.size(); ++i) {
    const std::string& uuid = gpus_[i].listing.identity.uuid;
    if (!uuid.empty()) slots[uuid] = board_->slots[i];
  }
  return slots;
}

void Source::TakeReadings() {
  bool broken = false;
  bool lost = false;
  bool any_value = false;
  bool any_device = false;
  struct Change {
    model::GpuIdentity gpu;
    DeviceState state;
    std::string reason;
  };
  std::vector<Change> changes;
  {
    base::MutexLock lock(board_->mutex);
    broken = std::exchange(board_->session_broken, false);
    for (size_t i = 0; i < gpus_.size(); ++i) {
      const Board::Slot& slot = board_->slots[i];
      gpu::DeviceListing& listing = gpus_[i].listing;
      if (std::exchange(listing.state, slot.state) != slot.state) {
        changes.push_back({listing.identity, slot.state, slot.state_reason});
      }
      lost |= slot.state == DeviceState::kLost && listing.listed;
      any_device |= slot.state == DeviceState::kPresent;
      any_value |= AnyValue(slot.readings);
    }
  }
  for (const Change& change : changes) {
    if (change.state == DeviceState::kPresent) {
      base::LogInfo("GPU is back", {{"gpu", NameOf(change.gpu)}});
    } else {
      LogUnreadable(change.gpu, change.state, change.reason);
    }
  }
  barren_rounds_ = any_device && !any_value ? barren_rounds_ + 1 : 0;
  if (broken) {
    WantReopen("the driver session is no longer valid");
  } else if (lost) {
    WantReopen("a GPU is lost");
  } else if (barren_rounds_ >= options_.barren_rounds) {
    WantReopen("no GPU gives any reading");
  } else {
    backoff_.Reset();
    next_open_.reset();
  }
}

void Source::WantReopen(const std::string& why) {
  if (next_open_) return;
  const base::Duration wait = backoff_.Next();
  next_open_ = clock_.Now() + wait;
  base::LogWarn("GPU driver will be reopened", {{"backend", std::string(backend_->name())},
                                                {"reason", why},
                                                {"in", base::FormatDuration(wait)}});
}

void Source::WatchLanes() {
  hung_session_call_ = WatchLane(session_lane_, session_busy_since_, hung_session_call_,
                                 std::string(backend_->name()), backend_->current_call());
  for (size_t i = 0; i < gpus_.size(); ++i) {
    Gpu& gpu = gpus_[i];
    if (gpu.listing.device == nullptr) continue;
    gpu.hung_call = WatchLane(*device_lanes_[i], gpu.busy_since, gpu.hung_call,
                              NameOf(gpu.listing.identity), gpu.listing.device->current_call());
  }
}

std::string Source::WatchLane(const Lane& lane, std::optional<SteadyTime>& busy_since,
                              const std::string& hung_call, const std::string& who,
                              const char* call) const {
  if (!lane.busy()) {
    if (!hung_call.empty()) {
      base::LogInfo("driver call has returned", {{"who", who}, {"call", hung_call}});
    }
    busy_since.reset();
    return "";
  }
  const bool hung = busy_since && clock_.Now() - *busy_since >= options_.hung_after;
  if (!hung || !hung_call.empty()) return hung_call;
  std::string name = call != nullptr ? call : "a driver call";
  base::LogError("driver call hangs", {{"who", who}, {"call", name}});
  return name;
}

model::SourceHealth Source::Health() const {
  model::SourceHealth health;
  health.backend = std::string(backend_->name());
  // While a reopen is under way the last session's readings are still served until they are stale.
  health.open =
      phase_ == Phase::kOpen || (phase_ == Phase::kOpening && !closed_since_ && !gpus_.empty());
  health.problem = problem_.empty() && !health.open ? "the driver is being opened" : problem_;
  if (!hung_session_call_.empty()) health.problem = hung_session_call_ + " has not returned";
  health.driver_version = driver_version_;
  health.closed_since = closed_since_;
  health.needs_new_process = needs_new_process_;
  return health;
}

std::vector<model::GpuSnapshot> Source::Gpus() const {
  std::vector<model::GpuSnapshot> gpus;
  gpus.reserve(gpus_.size());
  // No GPU is read until the driver is open again, so an open that hangs is the reason of each.
  const bool open_hangs = phase_ == Phase::kOpening && !hung_session_call_.empty();
  base::MutexLock lock(board_->mutex);
  for (size_t i = 0; i < gpus_.size(); ++i) {
    const Board::Slot& slot = board_->slots[i];
    gpus.push_back({gpus_[i].listing.identity, slot.state, slot.state_reason, slot.readings,
                    open_hangs ? hung_session_call_ : gpus_[i].hung_call});
  }
  return gpus;
}

std::vector<LaneStatus> Source::Lanes() const {
  std::vector<LaneStatus> lanes;
  const auto add = [&](const Lane& lane, const std::optional<SteadyTime>& busy_since,
                       const std::string& doing) {
    lanes.push_back({lane.name(), lane.busy() ? busy_since : std::nullopt, doing});
  };
  add(session_lane_, session_busy_since_, hung_session_call_);
  for (size_t i = 0; i < gpus_.size(); ++i) {
    add(*device_lanes_[i], gpus_[i].busy_since, gpus_[i].hung_call);
  }
  return lanes;
}

bool Source::StopUntil(SteadyTime deadline) {
  bool all = true;
  for (const auto& lane : device_lanes_) all &= lane->StopUntil(deadline);
  // A driver that a stuck call is still in cannot be closed.
  if (all && !session_lane_.busy())
    session_lane_.TryRun([backend = backend_] { backend->Close(); });
  return session_lane_.StopUntil(deadline) && all;
}

}  // namespace kgs::sampling
