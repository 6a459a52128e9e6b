// SPDX-License-Identifier: Apache-2.0
//
// KEDA's five RPCs. Each computes from what is known; none waits for a device. One whose trigger is
// not known to Kubernetes waits for under a second, since KEDA may ask before we have heard of it.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "externalscaler.grpc.pb.h"
#include "scaler/activation_streams.h"
#include "scaler/answers.h"
#include "scaler/trigger_cache.h"
#include "scaler/waiting_calls.h"
#include "telemetry/counters.h"
#include "trigger/trigger.h"

namespace kgs::scaler {

struct ServiceOptions {
  trigger::ParseOptions parse = {};
  /// Of one request; more is RESOURCE_EXHAUSTED.
  size_t most_request_bytes = size_t{256} << 10;
  StreamOptions streams;
};

/// Called by gRPC on its own threads, many at a time.
class Service final : public externalscaler::ExternalScaler::CallbackService {
 public:
  Service(Answers& answers, ServiceOptions options, const base::Clock& clock,
          telemetry::ScalerCounters& counters);

  ActivationStreams& streams() { return streams_; }
  WaitingCalls& waiting() { return waiting_; }

  grpc::ServerUnaryReactor* IsActive(grpc::CallbackServerContext* context,
                                     const externalscaler::ScaledObjectRef* request,
                                     externalscaler::IsActiveResponse* response) override;
  grpc::ServerWriteReactor<externalscaler::IsActiveResponse>* StreamIsActive(
      grpc::CallbackServerContext* context,
      const externalscaler::ScaledObjectRef* request) override;
  grpc::ServerUnaryReactor* GetMetricSpec(grpc::CallbackServerContext* context,
                                          const externalscaler::ScaledObjectRef* request,
                                          externalscaler::GetMetricSpecResponse* response) override;
  grpc::ServerUnaryReactor* GetMetrics(grpc::CallbackServerContext* context,
                                       const externalscaler::GetMetricsRequest* request,
                                       externalscaler::GetMetricsResponse* response) override;
  grpc::ServerWriteReactor<externalscaler::GetMetricSpecResponse>* StreamMetricSpec(
      grpc::CallbackServerContext* context,
      const externalscaler::ScaledObjectRef* request) override;

 private:
  /// Fills in the response for a trigger with these numbers, or says why not.
  using Fill = std::function<absl::Status(const Specs&)>;

  /// \p request_bytes: of the request that \p object is of.
  absl::StatusOr<TriggerCache::Specs> Parse(const externalscaler::ScaledObjectRef& object,
                                            size_t request_bytes);
  /// Finishes \p reactor with what \p fill says of \p object, now or once its trigger is known.
  void Answer(telemetry::Method method, const externalscaler::ScaledObjectRef& object,
              size_t request_bytes, Fill fill, grpc::ServerUnaryReactor* reactor);
  absl::StatusOr<AskedTrigger> Ask(const grpc::CallbackServerContext& context,
                                   const externalscaler::ScaledObjectRef& object);
  grpc::Status Finish(telemetry::Method method, const absl::Status& status);
  void WarnOnce(const externalscaler::ScaledObjectRef& object, const std::string& warning);

  Answers& answers_;
  const ServiceOptions options_;
  const base::Clock& clock_;
  telemetry::ScalerCounters& counters_;
  ActivationStreams streams_;
  WaitingCalls waiting_;
  TriggerCache triggers_;
  base::Mutex warned_mutex_;
  std::set<std::string> warned_ KGS_GUARDED_BY(warned_mutex_);
  base::SteadyTime warning_minute_ KGS_GUARDED_BY(warned_mutex_);
  int warnings_in_minute_ KGS_GUARDED_BY(warned_mutex_) = 0;
};

/// How a value and its target travel: as doubles, and as integers of the same ratio for KEDA before
/// 2.17, which reads nothing else. Never negative, never beyond an int64.
int64_t IntegerTarget(double target);
int64_t IntegerValue(double value, double target);

}  // namespace kgs::scaler
