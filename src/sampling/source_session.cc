// SPDX-License-Identifier: Apache-2.0
//
// What becomes of a source's session with the driver.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "sampling/gpu_log.h"
#include "sampling/source.h"

namespace kgs::sampling {

using base::SteadyTime;
using model::DeviceState;

const char* const kReleasedReason = "the driver is let go of, as SIGUSR1 asked";

void Source::Release() {
  if (phase_ == Phase::kReleased || phase_ == Phase::kReleasing) return;
  // Asked before the slots are cleared: what a call brings that ends in between is cleared with
  // the rest, at the latest in the next round.
  const bool in_use = phase_ == Phase::kOpening || !AllLanesIdle();
  {
    base::MutexLock lock(board_->mutex);
    for (Slot& slot : board_->slots) slot.Clear(kReleasedReason);
  }
  // Until all calls have returned no new one is made, of whatever GPU.
  if (in_use) {
    if (AnyLaneHangs() && !std::exchange(release_delay_logged_, true)) {
      base::LogWarn("the driver cannot be let go of yet: a call has not returned",
                    {{"backend", std::string(backend_->name())}});
    }
    return;
  }
  {
    base::MutexLock lock(board_->mutex);
    ++board_->round;
    board_->pending = 0;
  }
  phase_ = Phase::kReleasing;
  Post(session_lane_, [backend = backend_](Board&) { backend->Close(); });
}

void Source::EndRelease() {
  if (!absent_) {
    base::LogInfo("GPU driver is opened again, having been let go of",
                  {{"backend", std::string(backend_->name())}});
  }
  phase_ = Phase::kClosed;
  next_open_.reset();
  reopen_for_.clear();
  failure_backoff_.Reset();
  lost_backoff_.Reset();
}

void Source::PostOpen() {
  auto board = std::make_shared<Board>();
  {
    base::MutexLock lock(board->mutex);
    board->pending = 1;
  }
  opening_board_ = board;
  looking_again_ = phase_ == Phase::kOpen && reopen_for_.empty();
  phase_ = Phase::kOpening;
  session_lane_.TryRun(
      clock_.Now(),
      [backend = backend_, board] {
        auto opened = backend->Open();
        base::MutexLock lock(board->mutex);
        board->opened = std::move(opened);
      },
      [board] { board->TaskDone(0); });
}

void Source::ReleaseDone() {
  // Where there is none nobody waits for it.
  if (!absent_) {
    base::LogInfo("GPU driver is let go of", {{"backend", std::string(backend_->name())}});
  }
  phase_ = Phase::kReleased;
  was_open_ = false;
  needs_new_process_ = false;
  closed_since_.reset();
  problem_.clear();
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
  // GPUs that were once there are missed.
  absent_ = gpus_.empty() && error.GetPayload(std::string(gpu::kNoSuchGpuPayload)).has_value();
  if (problem != problem_) {
    base::Log(absent_ ? base::LogLevel::kInfo : base::LogLevel::kWarn, "GPU driver is not open",
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
  const bool found_more =
      session.driver_version != driver_version_ || session.devices.size() != gpus_.size();
  if (!looking_again_ || found_more) {
    base::LogInfo("GPU driver is open", {{"backend", std::string(backend_->name())},
                                         {"driver_version", session.driver_version},
                                         {"gpus", std::to_string(session.devices.size())}});
  }
  look_again_at_.reset();
  if (session.look_again) look_again_at_ = clock_.Now() + *session.look_again;
  driver_version_ = std::move(session.driver_version);
  problem_.clear();
  absent_ = false;
  needs_new_process_ = false;
  closed_since_.reset();
  barren_rounds_ = 0;
  phase_ = Phase::kOpen;
  was_open_ = true;

  const std::map<std::string, Slot> last = SlotsByUuid();
  std::vector<Slot> slots;
  gpus_.clear();
  for (gpu::DeviceListing& listing : session.devices) {
    const auto known = last.find(listing.identity.uuid);
    // Served until it is stale: a reopen for one GPU's sake leaves no gap in the others.
    Slot slot = known != last.end() ? known->second : Slot();
    slot.state = listing.state;
    slot.state_reason = listing.state_reason;
    const bool news = known == last.end() || known->second.state != listing.state;
    const bool present = listing.state == DeviceState::kPresent;
    // A GPU that is met for the first time and is well is no news.
    if (news && !(present && known == last.end())) {
      LogState(listing.identity, listing.state, listing.state_reason);
    }
    if (!present) slot.ForgetReadings();
    slots.push_back(std::move(slot));
    gpus_.push_back(std::move(listing));
  }
  while (device_lanes_.size() < gpus_.size()) {
    device_lanes_.push_back(std::make_unique<WatchedLane>(LaneName(device_lanes_.size())));
    slow_lanes_.push_back(nullptr);
  }
  board_ = std::exchange(opening_board_, nullptr);
  base::MutexLock lock(board_->mutex);
  board_->slots = std::move(slots);
}

std::map<std::string, Slot> Source::SlotsByUuid() const {
  std::map<std::string, Slot> slots;
  base::MutexLock lock(board_->mutex);
  for (size_t i = 0; i < gpus_.size(); ++i) {
    const std::string& uuid = gpus_[i].identity.uuid;
    if (!uuid.empty()) slots[uuid] = board_->slots[i];
  }
  return slots;
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

bool Source::StopUntil(SteadyTime deadline) {
  bool all = true;
  for (const auto& lane : device_lanes_) all &= lane->StopUntil(deadline);
  for (const auto& lane : slow_lanes_) all &= lane == nullptr || lane->StopUntil(deadline);
  // A driver that a stuck call is still in cannot be closed.
  if (all && !session_lane_.busy() && phase_ != Phase::kReleased) {
    session_lane_.TryRun(clock_.Now(), [backend = backend_] { backend->Close(); }, nullptr);
  }
  return session_lane_.StopUntil(deadline) && all;
}

}  // namespace kgs::sampling
