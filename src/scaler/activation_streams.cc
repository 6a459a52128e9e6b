// SPDX-License-Identifier: Apache-2.0
#include "scaler/activation_streams.h"

#include <algorithm>
#include <utility>

#include "scaler/status.h"
#include "scaler/waiting_calls.h"

namespace kgs::scaler {
namespace {

using base::Duration;
using base::SteadyTime;

/// Bounds how late a stream's age is seen, and the thread's pulse on /healthz.
constexpr Duration kLongestWait = std::chrono::seconds(1);
/// A stream that is to end has so long to take in what is on its way.
constexpr Duration kLongestEnding = std::chrono::seconds(5);

externalscaler::IsActiveResponse Response(bool active) {
  externalscaler::IsActiveResponse response;
  response.set_result(active);
  return response;
}

}  // namespace

ActivationStreams::ActivationStreams(const Answers& answers, StreamOptions options,
                                     const base::Clock& clock, telemetry::ScalerCounters& counters)
    : answers_(answers),
      options_(options),
      clock_(clock),
      counters_(counters),
      thread_("streams", std::chrono::seconds(10), [this] { return Turn(); }) {}

std::optional<grpc::Status> ActivationStreams::Admit(const AskedTrigger& trigger) {
  // KEDA comes back 2 s after an OK, and only after a growing wait from anything else.
  if (ending_) return grpc::Status::OK;
  const auto exhausted = [&](telemetry::Limit limit, const char* message) {
    counters_.limits.Add(limit);
    return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, message);
  };
  if (activities_.size() + specs_.size() >= options_.most_streams) {
    return exhausted(telemetry::Limit::kStreams, "too many open streams (--max-streams)");
  }
  if (!trigger.known && unknown_ >= options_.most_unknown) {
    return exhausted(telemetry::Limit::kStreams,
                     "too many open streams of triggers that Kubernetes does not know");
  }
  size_t& of_peer = of_peer_[trigger.peer];
  if (of_peer >= options_.most_of_peer) {
    return exhausted(telemetry::Limit::kStreamsPerPeer,
                     "too many open streams of this address (--max-streams-per-peer)");
  }
  ++of_peer;
  unknown_ += trigger.known ? 0 : 1;
  return std::nullopt;
}

void ActivationStreams::LetGo(const AskedTrigger& trigger, std::atomic<bool>& known) {
  SetKnown(known);
  const auto of_peer = of_peer_.find(trigger.peer);
  if (of_peer != of_peer_.end() && --of_peer->second == 0) of_peer_.erase(of_peer);
}

template <typename Stream>
void ActivationStreams::Begin(Stream& stream, telemetry::Method method,
                              const std::optional<grpc::Status>& refusal) {
  if (refusal) {
    CountRefusal(method, *refusal);
    stream.End(*refusal);
  } else {
    opened_ = true;
    thread_.Wake();
  }
}

void ActivationStreams::SetKnown(std::atomic<bool>& known) {
  if (!known.exchange(true)) --unknown_;
}

void ActivationStreams::CountRefusal(telemetry::Method method, const grpc::Status& refusal) {
  if (!refusal.ok()) counters_.errors[static_cast<size_t>(method)].Add();
}

ActivationStreams::ActivityStream* ActivationStreams::OpenActivity(
    const grpc::CallbackServerContext& context, AskedTrigger trigger) {
  auto stream = ActivityStream::Make(context, [this](ActivityStream* done) { Remove(done); });
  std::optional<grpc::Status> refusal;
  {
    base::MutexLock lock(mutex_);
    refusal = Admit(trigger);
    if (!refusal) {
      activities_[stream.get()] =
          std::make_shared<Activity>(stream, std::move(trigger), clock_.Now());
      open_activities_.store(activities_.size(), std::memory_order_relaxed);
    }
    counters_.open_streams.fetch_add(1, std::memory_order_relaxed);
  }
  Begin(*stream, telemetry::Method::kStreamIsActive, refusal);
  return stream.get();
}

ActivationStreams::SpecStream* ActivationStreams::OpenSpecs(
    const grpc::CallbackServerContext& context, AskedTrigger trigger,
    externalscaler::GetMetricSpecResponse specs) {
  auto stream = SpecStream::Make(context, [this](SpecStream* done) { Remove(done); });
  std::optional<grpc::Status> refusal;
  {
    base::MutexLock lock(mutex_);
    refusal = Admit(trigger);
    if (!refusal) {
      specs_[stream.get()] =
          std::make_shared<Specs>(stream, std::move(trigger), std::move(specs), clock_.Now());
    }
    counters_.open_streams.fetch_add(1, std::memory_order_relaxed);
  }
  Begin(*stream, telemetry::Method::kStreamMetricSpec, refusal);
  return stream.get();
}

void ActivationStreams::Remove(const void* stream) {
  counters_.open_streams.fetch_sub(1, std::memory_order_relaxed);
  // Freed after the lock is let go.
  std::shared_ptr<Activity> activity;
  std::shared_ptr<Specs> specs;
  base::MutexLock lock(mutex_);
  if (const auto found = activities_.find(stream); found != activities_.end()) {
    activity = std::move(found->second);
    LetGo(activity->trigger, activity->known);
    activities_.erase(found);
    open_activities_.store(activities_.size(), std::memory_order_relaxed);
  }
  if (const auto found = specs_.find(stream); found != specs_.end()) {
    specs = std::move(found->second);
    LetGo(specs->trigger, specs->known);
    specs_.erase(found);
  }
}

void ActivationStreams::Start() { thread_.Start(); }

void ActivationStreams::OnSnapshot() {
  if (open_activities_.load(std::memory_order_relaxed) > 0) thread_.Wake();
}

void ActivationStreams::EndAll() {
  std::vector<std::shared_ptr<ActivityStream>> activities;
  std::vector<std::shared_ptr<SpecStream>> specs;
  {
    base::MutexLock lock(mutex_);
    ending_ = true;
    for (const auto& [key, activity] : activities_) activities.push_back(activity->stream);
    for (const auto& [key, spec] : specs_) specs.push_back(spec->stream);
  }
  for (const auto& stream : activities) stream->End(grpc::Status::OK);
  for (const auto& stream : specs) stream->End(grpc::Status::OK);
}

std::optional<grpc::Status> ActivationStreams::Ending(const absl::Status& status, bool known,
                                                      Duration age) const {
  if (age >= options_.longest_age) return grpc::Status::OK;
  const bool not_found = absl::IsNotFound(status);
  if (!not_found && !absl::IsInvalidArgument(status)) return std::nullopt;
  // The object was changed or deleted: KEDA opens the streams of what it has become.
  if (known) return grpc::Status::OK;
  if (not_found && age < WaitingCalls::kPatience) return std::nullopt;
  return ToGrpcStatus(status);
}

SteadyTime ActivationStreams::Advance(Activity& activity, SteadyTime now) {
  const auto active =
      AnyActiveForStream(answers_, activity.trigger.object, *activity.trigger.specs);
  if (const auto ending = Ending(active.status(), activity.known, now - activity.opened)) {
    CountRefusal(telemetry::Method::kStreamIsActive, *ending);
    activity.stream->End(*ending);
    if (now - activity.opened >= options_.longest_age + kLongestEnding) {
      activity.stream->CutIfStuck();
    }
    return now + kLongestWait;
  }
  if (absl::IsNotFound(active.status())) return activity.opened + WaitingCalls::kPatience;
  SetKnown(activity.known);
  if (!active.ok()) return now + kLongestWait;
  if (activity.last_sent != *active || now >= activity.next_repeat) {
    activity.stream->Send(Response(*active));
    activity.last_sent = *active;
    activity.next_repeat = now + activity.trigger.specs->front().poll_interval;
  }
  return activity.next_repeat;
}

SteadyTime ActivationStreams::Advance(Specs& specs, SteadyTime now) {
  const absl::Status known =
      specs.sent ? absl::OkStatus() : answers_.Check(specs.trigger.AsQuestion());
  if (const auto ending = Ending(known, specs.known, now - specs.opened)) {
    CountRefusal(telemetry::Method::kStreamMetricSpec, *ending);
    specs.stream->End(*ending);
    if (now - specs.opened >= options_.longest_age + kLongestEnding) specs.stream->CutIfStuck();
  } else if (known.ok() && !specs.sent) {
    SetKnown(specs.known);
    specs.stream->Send(specs.response);
    specs.sent = true;
  } else if (absl::IsNotFound(known)) {
    return specs.opened + WaitingCalls::kPatience;
  }
  return now + kLongestWait;
}

Duration ActivationStreams::Turn() {
  std::vector<std::shared_ptr<Activity>> activities;
  std::vector<std::shared_ptr<Specs>> all_specs;
  const SteadyTime now = clock_.Now();
  const bool opened = opened_.exchange(false);
  if (!opened && looked_ && now - *looked_ < options_.least_interval) {
    return *looked_ + options_.least_interval - now;
  }
  looked_ = now;
  {
    base::MutexLock lock(mutex_);
    activities.reserve(activities_.size());
    for (const auto& [key, activity] : activities_) activities.push_back(activity);
    all_specs.reserve(specs_.size());
    for (const auto& [key, specs] : specs_) all_specs.push_back(specs);
  }
  SteadyTime next = now + kLongestWait;
  for (const auto& activity : activities) next = std::min(next, Advance(*activity, now));
  for (const auto& specs : all_specs) next = std::min(next, Advance(*specs, now));
  return next - now;
}

base::ThreadHealth ActivationStreams::Health() const {
  return thread_.Health(std::chrono::steady_clock::now());
}

}  // namespace kgs::scaler
