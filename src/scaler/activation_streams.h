// SPDX-License-Identifier: Apache-2.0
//
// The open streams of triggers of type external-push.
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/thread.h"
#include "externalscaler.pb.h"
#include "scaler/push_stream.h"
#include "telemetry/counters.h"
#include "trigger/trigger.h"

namespace kgs::scaler {

struct StreamOptions {
  /// Streams of either kind; one more is RESOURCE_EXHAUSTED.
  size_t most_streams = 10000;
  /// A stream ends with OK at this age. KEDA comes back 2 s later, and only such an end makes it
  /// forget the wait (up to 60 s) that an earlier failure left it with.
  base::Duration longest_age = std::chrono::minutes(5);
};

/// Keeps every stream told of its trigger's activity: at once, at each change, and again every
/// poll_interval. While the activity is unknown a stream says nothing: KEDA holds what it knows.
/// All members may be called from any thread.
class ActivationStreams {
 public:
  using ActivityStream = PushStream<externalscaler::IsActiveResponse>;
  using SpecStream = PushStream<externalscaler::GetMetricSpecResponse>;
  /// The activity now, or why it is unknown. Must not block.
  using Evaluate = std::function<absl::StatusOr<bool>(const trigger::TriggerSpec&)>;

  ActivationStreams(Evaluate evaluate, StreamOptions options, const base::Clock& clock,
                    telemetry::ScalerCounters& counters);
  /// The server must have ended: no stream may be left.
  ~ActivationStreams() = default;

  /// What to hand to gRPC for StreamIsActive.
  ActivityStream* OpenActivity(const trigger::TriggerSpec& spec);
  /// For StreamMetricSpec: \p specs once, since they come from metadata that cannot change.
  SpecStream* OpenSpecs(externalscaler::GetMetricSpecResponse specs);

  /// Starts the thread that watches the streams. Until then Turn may be called by hand.
  void Start();
  /// There is a new snapshot to evaluate.
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
    Activity(std::shared_ptr<ActivityStream> opened_stream, trigger::TriggerSpec opened_spec,
             base::SteadyTime now)
        : stream(std::move(opened_stream)), spec(std::move(opened_spec)), opened(now) {}

    const std::shared_ptr<ActivityStream> stream;
    const trigger::TriggerSpec spec;
    const base::SteadyTime opened;
    // Only Turn touches these.
    std::optional<bool> last_sent;
    base::SteadyTime next_repeat;
  };
  struct Specs {
    std::shared_ptr<SpecStream> stream;
    base::SteadyTime opened;
  };

  /// What a new stream ends with at once; nothing where it may stay.
  std::optional<grpc::Status> Refusal() const KGS_REQUIRES(mutex_);
  void CountRefusal(telemetry::Method method, const grpc::Status& refusal);
  void Remove(const void* stream);

  const Evaluate evaluate_;
  const StreamOptions options_;
  const base::Clock& clock_;
  telemetry::ScalerCounters& counters_;
  mutable base::Mutex mutex_;
  std::map<const void*, std::shared_ptr<Activity>> activities_ KGS_GUARDED_BY(mutex_);
  std::map<const void*, Specs> specs_ KGS_GUARDED_BY(mutex_);
  bool ending_ KGS_GUARDED_BY(mutex_) = false;
  base::LoopThread thread_;
};

}  // namespace kgs::scaler
