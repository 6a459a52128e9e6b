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

constexpr base::Duration kFirstWait = std::chrono::seconds(1);

/// Whether the driver could give a value of the GPU, and whether it did of late.
struct Yield {
  bool could = false;
  bool did = false;
};

Yield YieldOf(const Readings& readings, SteadyTime now, base::Duration of_late) {
  Yield yield;
  for (const Reading& reading : readings) {
    yield.could |= reading.has_value() || reading.reason() != Missing::kUnsupported;
    yield.did |= reading.FreshAt(now, of_late);
  }
  return yield;
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
      failure_backoff_(kFirstWait, options.longest_backoff),
      lost_backoff_(kFirstWait, options.longest_backoff) {}

void Source::BeginRound() {
  // Before a lane gets new work: a hang that ended is the earlier task's.
  WatchLanes();
  const SteadyTime now = clock_.Now();
  if (phase_ == Phase::kOpening) return;
  const bool open_due = next_open_ ? now >= *next_open_ : phase_ == Phase::kClosed;
  if (open_due && AllLanesIdle()) {
    PostOpen();
  } else if (phase_ == Phase::kOpen && (!open_due || AnyLaneHangs())) {
    // While an open is due, slow lanes get no new work, so that they all come to rest. But a driver
    // with a call that hangs cannot be closed: the other GPUs are read on meanwhile.
    PostReads();
  }
}

bool Source::AnyLaneHangs() const {
  return !hung_session_call_.empty() || std::any_of(gpus_.begin(), gpus_.end(), [](const Gpu& gpu) {
    return !gpu.hung_call.empty();
  });
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
      [board] { board->TaskDone(0); });
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
      board.session_broken |= sample.session_broken;
      board.slots[i].Take(std::move(sample));
    });
  }
}

void Source::Post(base::Lane& lane, std::optional<SteadyTime>& busy_since,
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
              [board = board_, round] { board->TaskDone(round); });
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
  reopen_for_.clear();
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
  next_open_ = now + failure_backoff_.Next();
  phase_ = Phase::kClosed;
  was_open_ = false;
  // What was read through the driver that is now closed is not served on.
  base::MutexLock lock(board_->mutex);
  for (Slot& slot : board_->slots) slot.Clear(problem_);
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
  was_open_ = true;

  const std::map<std::string, Slot> last = SlotsByUuid();
  std::vector<Slot> slots;
  gpus_.clear();
  for (gpu::DeviceListing& listing : session.devices) {
    Slot slot;
    slot.state = listing.state;
    slot.state_reason = listing.state_reason;
    const auto known = last.find(listing.identity.uuid);
    const bool news = known == last.end() || known->second.state != listing.state;
    if (listing.state != DeviceState::kPresent) {
      if (news) LogUnreadable(listing.identity, listing.state, listing.state_reason);
    } else if (known != last.end()) {
      if (news) base::LogInfo("GPU is back", {{"gpu", NameOf(listing.identity)}});
      // Served until it is stale: a reopen for one GPU's sake leaves no gap in the others.
      slot.readings = known->second.readings;
    }
    if (known != last.end()) slot.given = known->second.given;
    slots.push_back(std::move(slot));
    gpus_.push_back({std::move(listing), std::nullopt, ""});
  }
  while (device_lanes_.size() < gpus_.size()) {
    device_lanes_.push_back(std::make_unique<base::Lane>(std::string(backend_->name()) + "-" +
                                                         std::to_string(device_lanes_.size())));
  }
  board_ = std::exchange(opening_board_, nullptr);
  base::MutexLock lock(board_->mutex);
  board_->slots = std::move(slots);
}

std::map<std::string, Slot> Source::SlotsByUuid() const {
  std::map<std::string, Slot> slots;
  base::MutexLock lock(board_->mutex);
  for (size_t i = 0; i < gpus_.size(); ++i) {
    const std::string& uuid = gpus_[i].listing.identity.uuid;
    if (!uuid.empty()) slots[uuid] = board_->slots[i];
  }
  return slots;
}

void Source::TakeReadings() {
  const SteadyTime now = clock_.Now();
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
      gpu::DeviceListing& listing = gpus_[i].listing;
      if (std::exchange(listing.state, slot.state) != slot.state) {
        changes.push_back({listing.identity, slot.state, slot.state_reason});
      }
      lost |= slot.state == DeviceState::kLost && listing.listed;
      if (slot.state != DeviceState::kPresent) continue;
      const Yield yield = YieldOf(slot.readings, now, options_.hung_after);
      all.could |= yield.could;
      all.did |= yield.did;
    }
  }
  for (const Change& change : changes) {
    if (change.state == DeviceState::kPresent) {
      base::LogInfo("GPU is back", {{"gpu", NameOf(change.gpu)}});
    } else {
      LogUnreadable(change.gpu, change.state, change.reason);
    }
  }
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

void Source::WantReopen(const std::string& why, base::Backoff& backoff) {
  if (reopen_for_ == why) return;
  reopen_for_ = why;
  const base::Duration wait = backoff.Next();
  const SteadyTime due = clock_.Now() + wait;
  // Another reason may have set an earlier time.
  next_open_ = next_open_ ? std::min(*next_open_, due) : due;
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

std::string Source::WatchLane(const base::Lane& lane, std::optional<SteadyTime>& busy_since,
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
  health.open = phase_ == Phase::kOpen || (phase_ == Phase::kOpening && was_open_);
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
    const Slot& slot = board_->slots[i];
    gpus.push_back({gpus_[i].listing.identity, slot.state, slot.state_reason, slot.readings,
                    open_hangs ? hung_session_call_ : gpus_[i].hung_call});
  }
  return gpus;
}

std::vector<LaneStatus> Source::Lanes() const {
  std::vector<LaneStatus> lanes;
  const auto add = [&](const base::Lane& lane, const std::optional<SteadyTime>& busy_since,
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
