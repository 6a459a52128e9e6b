// SPDX-License-Identifier: Apache-2.0
#include "scaler/service.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "fleet/peer.h"
#include "scaler/status.h"

namespace kgs::scaler {
namespace {

using externalscaler::GetMetricSpecResponse;
using externalscaler::GetMetricsRequest;
using externalscaler::GetMetricsResponse;
using externalscaler::IsActiveResponse;
using externalscaler::ScaledObjectRef;
using telemetry::Method;

/// So many different warnings are remembered; then all are forgotten and may be said again.
constexpr size_t kMostWarned = 1024;
constexpr int kMostWarningsAMinute = 100;
/// Kubernetes' own limit for either.
constexpr size_t kLongestName = 253;

void FillSpecs(const Specs& specs, GetMetricSpecResponse* response) {
  for (const trigger::TriggerSpec& spec : specs) {
    externalscaler::MetricSpec* metric = response->add_metricspecs();
    metric->set_metricname(spec.metric_name);
    metric->set_targetsize(IntegerTarget(spec.target));
    metric->set_targetsizefloat(spec.target);
  }
}

/// Without the s0- that the HPA's names begin with; KEDA takes it off itself.
std::string_view WithoutIndex(std::string_view name) {
  const size_t digits = name.substr(0, 1) == "s" ? name.find_first_not_of("0123456789", 1) : 0;
  if (digits == name.npos || digits < 2 || name[digits] != '-') return name;
  return name.substr(digits + 1);
}

/// The one that \p name means. With a single one there is no doubt.
absl::StatusOr<size_t> PlaceOf(const Specs& specs, std::string_view name) {
  if (specs.size() == 1) return 0;
  for (const std::string_view tried : {name, WithoutIndex(name)}) {
    for (size_t place = 0; place < specs.size(); ++place) {
      if (base::LowerCase(specs[place].metric_name) == base::LowerCase(tried)) return place;
    }
  }
  std::vector<std::string> names;
  for (const trigger::TriggerSpec& spec : specs) names.push_back(spec.metric_name);
  return absl::InvalidArgumentError(
      "metricName " + base::QuoteForMessage(name) + ": " +
      (specs.front().metric_name_hidden
           ? "none of this trigger's"
           : "the metrics of this trigger are " + base::JoinWithAnd(names)));
}

grpc::ServerUnaryReactor* FinishUnary(grpc::CallbackServerContext* context, grpc::Status status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(std::move(status));
  return reactor;
}

/// A stream that ends before its first message.
template <typename Message>
grpc::ServerWriteReactor<Message>* RefusedStream(const grpc::CallbackServerContext& context,
                                                 const grpc::Status& status) {
  auto stream = PushStream<Message>::Make(context, [](PushStream<Message>*) {});
  stream->End(status);
  return stream.get();
}

}  // namespace

int64_t IntegerTarget(double target) { return std::max<int64_t>(1, std::llround(target)); }

int64_t IntegerValue(double value, double target) {
  // Half of what an int64 holds, and exact as a double.
  constexpr double kMost = 4611686018427387904.0;
  const double scaled = value * static_cast<double>(IntegerTarget(target)) / target;
  return std::llround(std::clamp(scaled, 0.0, kMost));
}

Service::Service(Answers& answers, ServiceOptions options, const base::Clock& clock,
                 telemetry::ScalerCounters& counters)
    : answers_(answers),
      options_(options),
      clock_(clock),
      counters_(counters),
      streams_(answers, options.streams, clock, counters),
      waiting_(clock) {}

absl::StatusOr<TriggerCache::Specs> Service::Parse(const ScaledObjectRef& object,
                                                   size_t request_bytes) {
  if (request_bytes > options_.most_request_bytes) {
    counters_.limits.Add(telemetry::Limit::kRequestBytes);
    return absl::ResourceExhaustedError(
        "a request of " + std::to_string(request_bytes) + " bytes, at most " +
        std::to_string(options_.most_request_bytes) + " are read (--max-request-bytes)");
  }
  if (TriggerCache::Specs known = triggers_.Find(object.scalermetadata())) return known;
  const trigger::Metadata metadata(object.scalermetadata().begin(), object.scalermetadata().end());
  auto parsed = trigger::ParseTrigger(metadata, options_.parse);
  if (!parsed.ok()) {
    if (const auto limit = trigger::BeyondLimit(metadata, options_.parse)) {
      counters_.limits.Add(*limit);
    }
    return parsed.status();
  }
  auto specs = std::make_shared<const Specs>(std::move(parsed->specs));
  for (const std::string& warning : parsed->warnings) WarnOnce(object, warning);
  // A warning is said for each object, so metadata that has one is looked at each time.
  if (parsed->warnings.empty()) triggers_.Put(object.scalermetadata(), specs);
  return specs;
}

void Service::Answer(Method method, const ScaledObjectRef& object, size_t request_bytes, Fill fill,
                     grpc::ServerUnaryReactor* reactor) {
  const auto specs = Parse(object, request_bytes);
  absl::Status status = specs.status();
  if (status.ok()) {
    status = fill(**specs);
    if (absl::IsNotFound(status)) {
      answers_.Refresh();
      // The request and the response are there until the call is finished.
      const bool waits = waiting_.Add([this, method, specs = *specs, fill, reactor](bool last) {
        const absl::Status again = fill(*specs);
        if (absl::IsNotFound(again) && !last) return false;
        reactor->Finish(Finish(method, again));
        return true;
      });
      if (waits) return;
    }
  }
  reactor->Finish(Finish(method, status));
}

absl::StatusOr<AskedTrigger> Service::Ask(const grpc::CallbackServerContext& context,
                                          const ScaledObjectRef& object) {
  auto specs = Parse(object, object.ByteSizeLong());
  if (!specs.ok()) return specs.status();
  AskedTrigger asked{object, *std::move(specs)};
  asked.peer = fleet::HostOfPeer(context.peer());
  const absl::Status found = answers_.Check(asked.AsQuestion());
  if (absl::IsResourceExhausted(found)) return found;
  asked.known = !absl::IsNotFound(found);
  if (!asked.known) answers_.Refresh();
  return asked;
}

grpc::Status Service::Finish(Method method, const absl::Status& status) {
  const auto index = static_cast<size_t>(method);
  counters_.requests[index].Add();
  if (!status.ok()) counters_.errors[index].Add();
  return ToGrpcStatus(status);
}

void Service::WarnOnce(const ScaledObjectRef& object, const std::string& warning) {
  // Whoever reaches the port chooses these.
  const std::string where = base::Truncate(object.namespace_(), kLongestName) + "/" +
                            base::Truncate(object.name(), kLongestName);
  {
    const base::SteadyTime now = clock_.Now();
    base::MutexLock lock(warned_mutex_);
    if (now - warning_minute_ >= std::chrono::minutes(1)) {
      warning_minute_ = now;
      warnings_in_minute_ = 0;
    }
    if (++warnings_in_minute_ > kMostWarningsAMinute) return;
    if (warned_.size() >= kMostWarned) warned_.clear();
    if (!warned_.insert(where + " " + warning).second) return;
  }
  base::LogWarn("trigger metadata", {{"object", where}, {"warning", warning}});
}

grpc::ServerUnaryReactor* Service::IsActive(grpc::CallbackServerContext* context,
                                            const ScaledObjectRef* request,
                                            IsActiveResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  Answer(
      Method::kIsActive, *request, request->ByteSizeLong(),
      [this, request, response](const Specs& specs) {
        const auto active = AnyActive(answers_, *request, specs);
        if (active.ok()) response->set_result(*active);
        return active.status();
      },
      reactor);
  return reactor;
}

grpc::ServerUnaryReactor* Service::GetMetricSpec(grpc::CallbackServerContext* context,
                                                 const ScaledObjectRef* request,
                                                 GetMetricSpecResponse* response) {
  const auto specs = Parse(*request, request->ByteSizeLong());
  if (specs.ok()) FillSpecs(**specs, response);
  return FinishUnary(context, Finish(Method::kGetMetricSpec, specs.status()));
}

grpc::ServerUnaryReactor* Service::GetMetrics(grpc::CallbackServerContext* context,
                                              const GetMetricsRequest* request,
                                              GetMetricsResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  Answer(
      Method::kGetMetrics, request->scaledobjectref(), request->ByteSizeLong(),
      [this, request, response](const Specs& specs) {
        const auto place = PlaceOf(specs, request->metricname());
        if (!place.ok()) return place.status();
        const trigger::TriggerSpec& spec = specs[*place];
        const auto value = answers_.Value({request->scaledobjectref(), spec, *place});
        if (!value.ok()) return value.status();
        externalscaler::MetricValue* metric = response->add_metricvalues();
        // By whatever name KEDA asked.
        metric->set_metricname(request->metricname().empty() ? spec.metric_name
                                                             : request->metricname());
        metric->set_metricvalue(IntegerValue(*value, spec.target));
        metric->set_metricvaluefloat(*value);
        return absl::OkStatus();
      },
      reactor);
  return reactor;
}

grpc::ServerWriteReactor<IsActiveResponse>* Service::StreamIsActive(
    grpc::CallbackServerContext* context, const ScaledObjectRef* request) {
  auto asked = Ask(*context, *request);
  const grpc::Status status = Finish(Method::kStreamIsActive, asked.status());
  if (!status.ok()) return RefusedStream<IsActiveResponse>(*context, status);
  return streams_.OpenActivity(*context, *std::move(asked));
}

grpc::ServerWriteReactor<GetMetricSpecResponse>* Service::StreamMetricSpec(
    grpc::CallbackServerContext* context, const ScaledObjectRef* request) {
  auto asked = Ask(*context, *request);
  const grpc::Status status = Finish(Method::kStreamMetricSpec, asked.status());
  if (!status.ok()) return RefusedStream<GetMetricSpecResponse>(*context, status);
  GetMetricSpecResponse response;
  FillSpecs(*asked->specs, &response);
  return streams_.OpenSpecs(*context, *std::move(asked), std::move(response));
}

}  // namespace kgs::scaler
