// SPDX-License-Identifier: Apache-2.0
#include "scaler/activation_streams.h"

#include <algorithm>
#include <utility>

namespace kgs::scaler {
namespace {

using base::Duration;
using base::SteadyTime;

/// Bounds how late a stream's age is seen, and the thread's pulse on /healthz.
constexpr Duration kLongestWait = std::chrono::seconds(1);

externalscaler::IsActiveResponse Response(bool active) {
  externalscaler::IsActiveResponse response;
  response.set_result(active);
  return response;
}

}  // namespace

ActivationStreams::ActivationStreams(Evaluate evaluate, StreamOptions options,
                                     const base::Clock& clock, telemetry::ScalerCounters& counters)
    : evaluate_(std::move(evaluate)),
      options_(options),
      clock_(clock),
      counters_(counters),
      thread_("streams", std::chrono::seconds(10), [this] { return Turn(); }) {}

std::optional<grpc::Status> ActivationStreams::Refusal() const {
  // KEDA comes back 2 s after an OK, and only after a growing wait from anything else.
  if (ending_) return grpc::Status::OK;
  if (activities_.size() + specs_.size() >= options_.most_streams) {
    return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "too many open streams");
  }
  return std::nullopt;
}

void ActivationStreams::CountRefusal(telemetry::Method method, const grpc::Status& refusal) {
  if (!refusal.ok()) counters_.errors[static_cast<size_t>(method)].Add();
}

ActivationStreams::ActivityStream* ActivationStreams::OpenActivity(
    const trigger::TriggerSpec& spec) {
  auto stream = ActivityStream::Make([this](ActivityStream* done) { Remove(done); });
  std::optional<grpc::Status> refusal;
  {
    base::MutexLock lock(mutex_);
    refusal = Refusal();
    if (!refusal) {
      activities_[stream.get()] = std::make_shared<Activity>(stream, spec, clock_.Now());
    }
    counters_.open_streams.fetch_add(1, std::memory_order_relaxed);
  }
  if (refusal) {
    CountRefusal(telemetry::Method::kStreamIsActive, *refusal);
    stream->End(*refusal);
  } else {
    thread_.Wake();
  }
  return stream.get();
}

ActivationStreams::SpecStream* ActivationStreams::OpenSpecs(
    externalscaler::GetMetricSpecResponse specs) {
  auto stream = SpecStream::Make([this](SpecStream* done) { Remove(done); });
  std::optional<grpc::Status> refusal;
  {
    base::MutexLock lock(mutex_);
    refusal = Refusal();
    if (!refusal) specs_[stream.get()] = {stream, clock_.Now()};
    counters_.open_streams.fetch_add(1, std::memory_order_relaxed);
  }
  if (refusal) {
    CountRefusal(telemetry::Method::kStreamMetricSpec, *refusal);
    stream->End(*refusal);
  } else {
    stream->Send(std::move(specs));
  }
  return stream.get();
}

void ActivationStreams::Remove(const void* stream) {
  counters_.open_streams.fetch_sub(1, std::memory_order_relaxed);
  // Freed after the lock is let go.
  std::shared_ptr<Activity> activity;
  std::shared_ptr<SpecStream> specs;
  base::MutexLock lock(mutex_);
  if (const auto found = activities_.find(stream); found != activities_.end()) {
    activity = std::move(found->second);
    activities_.erase(found);
  }
  if (const auto found = specs_.find(stream); found != specs_.end()) {
    specs = found->second.stream;
    specs_.erase(found);
  }
}

void ActivationStreams::Start() { thread_.Start(); }

void ActivationStreams::OnSnapshot() { thread_.Wake(); }

void ActivationStreams::EndAll() {
  std::vector<std::shared_ptr<ActivityStream>> activities;
  std::vector<std::shared_ptr<SpecStream>> specs;
  {
    base::MutexLock lock(mutex_);
    ending_ = true;
    for (const auto& [key, activity] : activities_) activities.push_back(activity->stream);
    for (const auto& [key, spec] : specs_) specs.push_back(spec.stream);
  }
  for (const auto& stream : activities) stream->End(grpc::Status::OK);
  for (const auto& stream : specs) stream->End(grpc::Status::OK);
}

Duration ActivationStreams::Turn() {
  std::vector<std::shared_ptr<Activity>> activities;
  std::vector<std::shared_ptr<SpecStream>> old_specs;
  const SteadyTime now = clock_.Now();
  {
    base::MutexLock lock(mutex_);
    activities.reserve(activities_.size());
    for (const auto& [key, activity] : activities_) activities.push_back(activity);
    for (const auto& [key, specs] : specs_) {
      if (now - specs.opened >= options_.longest_age) old_specs.push_back(specs.stream);
    }
  }
  SteadyTime next = now + kLongestWait;
  for (const auto& activity : activities) {
    if (now - activity->opened >= options_.longest_age) {
      activity->stream->End(grpc::Status::OK);
      continue;
    }
    const auto active = evaluate_(activity->spec);
    if (!active.ok()) continue;
    if (activity->last_sent != *active || now >= activity->next_repeat) {
      activity->stream->Send(Response(*active));
      activity->last_sent = *active;
      activity->next_repeat = now + activity->spec.poll_interval;
    }
    next = std::min(next, activity->next_repeat);
  }
  for (const auto& stream : old_specs) stream->End(grpc::Status::OK);
  return next - now;
}

base::ThreadHealth ActivationStreams::Health() const {
  return thread_.Health(std::chrono::steady_clock::now());
}

}  // namespace kgs::scaler
