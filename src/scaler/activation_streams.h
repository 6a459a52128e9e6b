// SPDX-License-Identifier: Apache-2.0
//
// The open streams of triggers of type external-push.
#pragma once

#include <absl/status/statusor.h>

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/thread.h"
#include "externalscaler.pb.h"
#include "scaler/answers.h"
#include "scaler/push_stream.h"
#include "telemetry/counters.h"
#include "trigger/trigger.h"

namespace kgs::scaler {

struct StreamOptions {
  /// Streams of either kind; one more is RESOURCE_EXHAUSTED.
  size_t most_streams = 20000;
  /// Of them from one address. KEDA is one, with two streams of each of its push triggers.
  size_t most_of_peer = 10000;
  /// Of them those whose trigger Kubernetes does not know (yet): strangers take no others.
  size_t most_unknown = 256;
  /// Between two looks at all streams, whatever is new.
  base::Duration least_interval{};
  /// A stream ends with OK at this age. KEDA comes back 2 s later, and only such an end makes it
  /// forget the wait (up to 60 s) that an earlier failure left it with.
  base::Duration longest_age = std::chrono::minutes(5);
};

/// What a stream is about.
struct AskedTrigger {
  externalscaler::ScaledObjectRef object;
  std::shared_ptr<const Specs> specs;
  /// Kubernetes has told of it.
  bool known = true;
  /// The address that asks.
  std::string peer = "";

  /// About the first, which stands for all where it matters whether the trigger is known.
  Question AsQuestion() const { return {object, specs->front()}; }
};

/// Keeps every stream told of its trigger's activity: at once, at each change, and again every
/// poll_interval. While the activity is unknown a stream says nothing: KEDA holds what it knows.
/// The stream of a trigger that Kubernetes no longer knows ends with OK, and KEDA asks again; one
/// whose trigger it never knew ends with INVALID_ARGUMENT after WaitingCalls::kPatience.
/// All members may be called from any thread.
class ActivationStreams {
 public:
  using ActivityStream = PushStream<externalscaler::IsActiveResponse>;
  using SpecStream = PushStream<externalscaler::GetMetricSpecResponse>;

  ActivationStreams(const Answers& answers, StreamOptions options, const base::Clock& clock,
                    telemetry::ScalerCounters& counters);
  /// The server must have ended: no stream may be left.
  ~ActivationStreams() = default;

  /// What to hand to gRPC for StreamIsActive, whose context that is.
  ActivityStream* OpenActivity(const grpc::CallbackServerContext& context, AskedTrigger trigger);
  /// For StreamMetricSpec: \p specs once, since they come from metadata that cannot change.
  SpecStream* OpenSpecs(const grpc::CallbackServerContext& context, AskedTrigger trigger,
                        externalscaler::GetMetricSpecResponse specs);

  /// Starts the thread that watches the streams. Until then Turn may be called by hand.
  void Start();
  /// There is something new to evaluate. Cheap while no stream of activity is open.
  void OnSnapshot();
  /// Ends every stream with OK; later ones end at once.
  void EndAll();

  /// Sends what is due and ends what is old. Returns the wait until the next is due. All sends of
  /// activity are made here, on one thread: a newer state is never overtaken by an older one.
  base::Duration Turn();

  /// The thread's pulse.
  base::ThreadHealth Health() const;

 private:
  struct Activity {
    Activity(std::shared_ptr<ActivityStream> opened_stream, AskedTrigger asked,
             base::SteadyTime now)
        : stream(std::move(opened_stream)), trigger(std::move(asked)), opened(now) {}

    const std::shared_ptr<ActivityStream> stream;
    const AskedTrigger trigger;
    const base::SteadyTime opened;
    std::atomic<bool> known{trigger.known};
    // Only Turn touches these.
    std::optional<bool> last_sent;
    base::SteadyTime next_repeat;
  };
  struct Specs {
    Specs(std::shared_ptr<SpecStream> opened_stream, AskedTrigger asked,
          externalscaler::GetMetricSpecResponse specs, base::SteadyTime now)
        : stream(std::move(opened_stream)),
          trigger(std::move(asked)),
          response(std::move(specs)),
          opened(now) {}

    const std::shared_ptr<SpecStream> stream;
    const AskedTrigger trigger;
    const externalscaler::GetMetricSpecResponse response;
    const base::SteadyTime opened;
    std::atomic<bool> known{trigger.known};
    // Only Turn touches this.
    bool sent = false;
  };

  /// What a new stream ends with at once; nothing where it may stay, and then it is counted.
  std::optional<grpc::Status> Admit(const AskedTrigger& trigger) KGS_REQUIRES(mutex_);
  /// Undoes Admit.
  void LetGo(const AskedTrigger& trigger, std::atomic<bool>& known) KGS_REQUIRES(mutex_);
  /// Ends a stream that was not admitted, or has the others' thread look at it.
  template <typename Stream>
  void Begin(Stream& stream, telemetry::Method method, const std::optional<grpc::Status>& refusal);
  /// One less of those whose trigger is not known, where it counts as one.
  void SetKnown(std::atomic<bool>& known);
  void CountRefusal(telemetry::Method method, const grpc::Status& refusal);
  void Remove(const void* stream);
  /// How a stream ends whose trigger is answered with \p status; nothing where it may go on.
  std::optional<grpc::Status> Ending(const absl::Status& status, bool known,
                                     base::Duration age) const;
  /// Returns when the stream is next due.
  base::SteadyTime Advance(Activity& activity, base::SteadyTime now);
  base::SteadyTime Advance(Specs& specs, base::SteadyTime now);

  const Answers& answers_;
  const StreamOptions options_;
  const base::Clock& clock_;
  telemetry::ScalerCounters& counters_;
  mutable base::Mutex mutex_;
  std::map<const void*, std::shared_ptr<Activity>> activities_ KGS_GUARDED_BY(mutex_);
  std::map<const void*, std::shared_ptr<Specs>> specs_ KGS_GUARDED_BY(mutex_);
  std::map<std::string, size_t> of_peer_ KGS_GUARDED_BY(mutex_);
  bool ending_ KGS_GUARDED_BY(mutex_) = false;
  std::atomic<size_t> open_activities_{0};
  std::atomic<size_t> unknown_{0};
  std::atomic<bool> opened_{false};
  /// Of the last look; Turn's alone.
  std::optional<base::SteadyTime> looked_;
  base::LoopThread thread_;
};

}  // namespace kgs::scaler
