// SPDX-License-Identifier: Apache-2.0
//
// KEDA's five RPCs. Each reads the latest snapshot and computes; none waits for a device.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "externalscaler.grpc.pb.h"
#include "model/node_snapshot.h"
#include "scaler/activation_streams.h"
#include "scaler/trigger_cache.h"
#include "telemetry/counters.h"
#include "trigger/trigger.h"

namespace kgs::scaler {

struct ServiceOptions {
  base::Duration max_reading_age = std::chrono::seconds(3);
  trigger::UnknownKeys unknown_keys = trigger::UnknownKeys::kRefuse;
  StreamOptions streams;
};

/// Called by gRPC on its own threads, many at a time.
class Service final : public externalscaler::ExternalScaler::CallbackService {
 public:
  /// The latest snapshot, or null before the first. Must not block.
  using LatestSnapshot = std::function<std::shared_ptr<const model::NodeSnapshot>()>;

  Service(LatestSnapshot latest, ServiceOptions options, const base::Clock& clock,
          telemetry::ScalerCounters& counters);

  ActivationStreams& streams() { return streams_; }

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
  absl::StatusOr<TriggerCache::Spec> Parse(const externalscaler::ScaledObjectRef& object);
  absl::StatusOr<bool> Activity(const trigger::TriggerSpec& spec) const;
  grpc::Status Finish(telemetry::Method method, const absl::Status& status);
  void WarnOnce(const externalscaler::ScaledObjectRef& object, const std::string& warning);

  const LatestSnapshot latest_;
  const ServiceOptions options_;
  const base::Clock& clock_;
  telemetry::ScalerCounters& counters_;
  ActivationStreams streams_;
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
