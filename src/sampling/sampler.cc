// SPDX-License-Identifier: Apache-2.0
#include "sampling/sampler.h"

#include <algorithm>
#include <utility>

namespace kgs::sampling {
namespace {

using base::Duration;
using base::SteadyTime;

constexpr Duration kUnsettledBeat = std::chrono::milliseconds(500);

/// How long a round waits for its slowest lane; what comes later counts in the next round.
Duration RoundLimit(Duration interval) {
  return std::min<Duration>(interval * 4 / 5, std::chrono::seconds(1));
}

/// Whether \p reading is missing though it was to be expected.
bool IsTrouble(const model::Reading& reading) {
  if (reading.has_value() || reading.NotOffered() || reading.detail() == kReleasedReason) {
    return false;
  }
  return reading.reason() != model::Missing::kNotRequested &&
         reading.reason() != model::Missing::kNotSampledYet;
}

bool IsTrouble(const model::SourceHealth& source) {
  if (source.absent || source.problem == kReleasedReason) return false;
  return !source.open || !source.problem.empty();
}

/// Whether something that should have answered did not.
bool HasTrouble(const model::NodeSnapshot& snapshot) {
  for (const model::SourceHealth& source : snapshot.sources) {
    if (IsTrouble(source)) return true;
  }
  for (const model::GpuSnapshot& gpu : snapshot.gpus) {
    if (gpu.state == model::DeviceState::kLost || !gpu.hung_call.empty()) return true;
    if (!gpu.hung_slow_call.empty()) return true;
    if (gpu.state != model::DeviceState::kPresent) continue;
    for (const model::Reading& reading : gpu.readings) {
      if (IsTrouble(reading)) return true;
    }
  }
  return false;
}

/// A driver that is absent is no problem beside one that is not; where all are, each is.
void SettleAbsent(std::vector<model::SourceHealth>& sources) {
  const bool all = std::all_of(sources.begin(), sources.end(),
                               [](const model::SourceHealth& source) { return source.absent; });
  for (model::SourceHealth& source : sources) {
    if (all) source.absent = false;
    if (source.absent) source.problem.clear();
  }
}

}  // namespace

Sampler::Sampler(std::vector<std::unique_ptr<gpu::Backend>> backends, SamplerOptions options,
                 const base::Clock& clock, telemetry::SamplingCounters& counters,
                 std::function<void()> on_snapshot)
    : options_(options),
      clock_(clock),
      counters_(counters),
      on_snapshot_(std::move(on_snapshot)),
      next_beat_(clock.Now()),
      // A beat is over within the interval and twice the round's limit (opening adds a round).
      thread_("sampler", options.interval + std::chrono::seconds(10), [this] { return Beat(); }) {
  for (auto& backend : backends) {
    sources_.push_back(
        std::make_unique<Source>(std::move(backend), clock, options_.source, counters));
  }
}

Sampler::~Sampler() { Stop(std::chrono::seconds(1)); }

void Sampler::Start() { thread_.Start(); }

bool Sampler::Stop(Duration patience) {
  thread_.Stop();
  const SteadyTime deadline = std::chrono::steady_clock::now() + patience;
  bool all = true;
  for (const auto& source : sources_) all &= source->StopUntil(deadline);
  return all;
}

void Sampler::ReleaseDrivers(Duration duration) {
  released_until_ = (clock_.Now() + duration).time_since_epoch().count();
  thread_.Wake();
}

void Sampler::ReopenDrivers() {
  released_until_ = 0;
  thread_.Wake();
}

Duration Sampler::Beat() {
  // A round before its time, which was asked for, leaves the beat as it is.
  if (clock_.Now() >= next_beat_) next_beat_ += options_.interval;
  RunRound();
  const SteadyTime now = clock_.Now();
  // Neither readings nor whoever waits for the driver wait a whole long interval.
  const bool unsettled = std::any_of(sources_.begin(), sources_.end(),
                                     [](const auto& source) { return source->unsettled(); });
  if (unsettled) next_beat_ = std::min<SteadyTime>(next_beat_, now + kUnsettledBeat);
  // Beats that were missed are not made up for.
  if (next_beat_ < now) next_beat_ = now;
  const SteadyTime released_until = ReleasedUntil();
  const SteadyTime due = released_until > now ? std::min(next_beat_, released_until) : next_beat_;
  return due - now;
}

void Sampler::RunRound() {
  const SteadyTime began = std::chrono::steady_clock::now();
  const Orders orders{model::MetricSet(wanted_), clock_.Now() < ReleasedUntil()};
  bool again = true;
  // A driver that this round opened is read at once, so that the first snapshot has values.
  for (int pass = 0; again && pass < 2; ++pass) {
    again = false;
    const SteadyTime deadline = std::chrono::steady_clock::now() + RoundLimit(options_.interval);
    for (const auto& source : sources_) source->BeginRound(orders);
    for (const auto& source : sources_) source->AwaitRound(deadline);
    for (const auto& source : sources_) again |= source->FinishRound();
  }
  Publish();
  Count(*latest_.Get(), base::Seconds(std::chrono::steady_clock::now() - began));
  if (on_snapshot_) on_snapshot_();
}

void Sampler::Publish() {
  auto snapshot = std::make_shared<model::NodeSnapshot>();
  auto lanes = std::make_shared<std::vector<LaneStatus>>();
  snapshot->sequence = ++sequence_;
  snapshot->taken = clock_.Now();
  for (const auto& source : sources_) {
    snapshot->sources.push_back(source->Health());
    for (model::GpuSnapshot& gpu : source->Gpus()) snapshot->gpus.push_back(std::move(gpu));
    for (LaneStatus& lane : source->Lanes()) lanes->push_back(std::move(lane));
  }
  SettleAbsent(snapshot->sources);
  if (options_.complete) options_.complete(*snapshot);
  latest_.Set(std::move(snapshot));
  lanes_.Set(std::move(lanes));
}

void Sampler::Count(const model::NodeSnapshot& snapshot, double seconds) {
  counters_.collections.Add();
  if (HasTrouble(snapshot)) counters_.collection_errors.Add();
  counters_.collection_duration.Observe(seconds);
}

std::vector<Sampler::DriverCosts> Sampler::CallCosts() const {
  std::vector<DriverCosts> costs;
  for (const auto& source : sources_) costs.push_back({source->backend(), source->CallCosts()});
  return costs;
}

std::vector<base::ThreadHealth> Sampler::Health() const {
  const SteadyTime now = clock_.Now();
  std::vector<base::ThreadHealth> health;
  health.push_back(thread_.Health(std::chrono::steady_clock::now()));
  if (const auto lanes = lanes_.Get()) {
    for (const LaneStatus& lane : *lanes) {
      const Duration age =
          lane.busy_since && now > *lane.busy_since ? now - *lane.busy_since : Duration::zero();
      health.push_back({lane.name, age, options_.lane_stuck_after, lane.doing});
    }
  }
  return health;
}

}  // namespace kgs::sampling
