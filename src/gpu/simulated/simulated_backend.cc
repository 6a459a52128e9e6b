// SPDX-License-Identifier: Apache-2.0
#include "gpu/simulated/simulated_backend.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/latest.h"
#include "gpu/call_mark.h"
#include "gpu/simulated/scenario_file.h"

namespace kgs::gpu::simulated {
namespace {

constexpr char kNoLongerListed[] = "no longer in the simulated GPUs file";

/// What the devices of one session read from. Its GPUs stay the same while their load may change.
using SessionState = base::Latest<Playing>;

class SimulatedDevice final : public Device {
 public:
  SimulatedDevice(std::shared_ptr<const SessionState> state, size_t position)
      : state_(std::move(state)), position_(position) {}

  DeviceSample Read(const base::Clock& clock) override {
    const auto playing = state_->Get();
    const base::SteadyTime now = clock.Now();
    return SampleAt(playing->scenario.gpus[position_], playing->TimeAt(now), now);
  }

  const char* current_call() const override { return nullptr; }

 private:
  const std::shared_ptr<const SessionState> state_;
  const size_t position_;
};

class SimulatedBackend final : public Backend {
 public:
  SimulatedBackend(ScenarioFile file, const base::Clock& clock)
      : file_(std::move(file)), clock_(clock) {}

  std::string_view name() const override { return "simulated"; }

  absl::StatusOr<Session> Open() override {
    const CallMark::Scope scope(mark_, "read of the simulated GPUs file");
    Close();
    file_.Refresh();
    const Playing& playing = *file_.playing();
    state_ = std::make_shared<SessionState>();
    state_->Set(file_.playing());

    Session session;
    session.driver_version = "simulated";
    const base::Duration time = playing.TimeAt(clock_.Now());
    for (size_t i = 0; i < playing.scenario.gpus.size(); ++i) {
      session.devices.push_back(List(playing.scenario.gpus[i], i, time));
    }
    AppendForgotten(playing.scenario, &session);
    return session;
  }

  bool Check() override {
    const CallMark::Scope scope(mark_, "read of the simulated GPUs file");
    if (state_ == nullptr) return false;
    file_.Refresh();
    const auto& playing = file_.playing();
    // Published only where it fits the open devices: those of other GPUs play on until the reopen.
    if (!SameIdentities(state_->Get()->scenario, playing->scenario)) return false;
    state_->Set(playing);
    // A GPU that was lost at Open has no device to be read again by.
    const base::Duration time = playing->TimeAt(clock_.Now());
    return std::all_of(lost_at_open_.begin(), lost_at_open_.end(), [&](size_t position) {
      return LostAt(playing->scenario.gpus[position], time);
    });
  }

  void Close() override {
    state_.reset();
    lost_at_open_.clear();
  }

  const char* current_call() const override { return mark_.current(); }

 private:
  DeviceListing List(const SimulatedGpu& gpu, size_t position, base::Duration time) {
    DeviceListing listing;
    listing.identity = gpu.identity;
    if (LostAt(gpu, time)) {
      listing.state = model::DeviceState::kLost;
      listing.state_reason = kLostReason;
      lost_at_open_.push_back(position);
    } else {
      listing.device = std::make_shared<SimulatedDevice>(state_, position);
    }
    return listing;
  }

  // Adds the GPUs of earlier sessions that are not in the file any more, and remembers these.
  void AppendForgotten(const Scenario& scenario, Session* session) {
    const auto listed = [&](const model::GpuIdentity& gpu) {
      return std::any_of(
          scenario.gpus.begin(), scenario.gpus.end(),
          [&](const SimulatedGpu& present) { return present.identity.uuid == gpu.uuid; });
    };
    known_.erase(std::remove_if(known_.begin(), known_.end(), listed), known_.end());
    // Bounded over any number of edits: the longest known are forgotten.
    if (known_.size() > kMostGpus) known_.erase(known_.begin(), known_.end() - kMostGpus);
    for (const model::GpuIdentity& gpu : known_) {
      session->devices.push_back({.identity = gpu,
                                  .state = model::DeviceState::kLost,
                                  .state_reason = kNoLongerListed,
                                  .listed = false,
                                  .device = nullptr});
    }
    for (const SimulatedGpu& gpu : scenario.gpus) known_.push_back(gpu.identity);
  }

  ScenarioFile file_;
  const base::Clock& clock_;
  CallMark mark_;
  /// Null while closed.
  std::shared_ptr<SessionState> state_;
  /// Positions in the scenario.
  std::vector<size_t> lost_at_open_;
  /// Every GPU that was ever listed.
  std::vector<model::GpuIdentity> known_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Backend>> MakeSimulatedBackend(const std::string& file,
                                                              const base::Clock& clock) {
  ScenarioFile scenario_file(file, clock);
  absl::Status status = scenario_file.Load();
  if (!status.ok()) return status;
  return std::make_unique<SimulatedBackend>(std::move(scenario_file), clock);
}

}  // namespace kgs::gpu::simulated
