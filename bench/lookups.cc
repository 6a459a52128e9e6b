// SPDX-License-Identifier: Apache-2.0
#include "bench/lookups.h"

#include <absl/status/status.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <string>
#include <thread>

#include "base/strings.h"
#include "bench/answer_check.h"
#include "bench/percentile.h"
#include "bench/simulated_api_server.h"

namespace kgs::bench {
namespace {

using base::Duration;
using base::SteadyTime;

constexpr auto kCallDeadline = std::chrono::seconds(5);

std::shared_ptr<grpc::Channel> ConnectionTo(int port) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port),
                                   grpc::InsecureChannelCredentials(), arguments);
}

externalscaler::GetMetricsRequest RequestFor(int workload) {
  externalscaler::GetMetricsRequest request;
  request.set_metricname("keda_gpu_metric");
  externalscaler::ScaledObjectRef& object = *request.mutable_scaledobjectref();
  object.set_name(SimulatedFleet::WorkloadName(workload));
  object.set_namespace_(kFleetNamespace);
  auto& metadata = *object.mutable_scalermetadata();
  for (const auto& [key, value] : kTriggerMetadata) metadata[key] = value;
  return request;
}

LookupTimes TimesOf(std::vector<Duration>& latencies) {
  LookupTimes times;
  times.calls = latencies.size();
  if (latencies.empty()) return times;
  times.p50_ms = PercentileMs(latencies, 0.50);
  times.p99_ms = PercentileMs(latencies, 0.99);
  return times;
}

}  // namespace

Lookups::Lookups(const SimulatedFleet& fleet, SteadyTime start, int port)
    : fleet_(fleet),
      start_(start),
      stub_(externalscaler::ExternalScaler::NewStub(ConnectionTo(port))) {}

absl::StatusOr<Duration> Lookups::Ask(int workload, std::optional<SteadyTime> last_report,
                                      LookupResult& result) {
  const externalscaler::GetMetricsRequest request = RequestFor(workload);
  externalscaler::GetMetricsResponse response;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kCallDeadline);
  const SteadyTime asked = std::chrono::steady_clock::now();
  const grpc::Status status = stub_->GetMetrics(&context, request, &response);
  const SteadyTime answered = std::chrono::steady_clock::now();
  const std::string name = SimulatedFleet::WorkloadName(workload);
  if (!status.ok()) {
    return absl::UnavailableError("GetMetrics of " + name + " failed: " + status.error_message());
  }
  if (response.metricvalues_size() != 1) {
    return absl::InternalError("GetMetrics of " + name + " was not answered by one value");
  }
  const double answer = response.metricvalues(0).metricvaluefloat();
  const auto check = [&](double value) {
    const auto since_start = [&](SteadyTime at) {
      return (last_report ? std::min(at, *last_report) : at) - start_;
    };
    return CheckAnswer(fleet_, workload, value, since_start(asked), since_start(answered));
  };
  const Verdict verdict = check(answer);
  if (verdict == Verdict::kWrong) {
    return absl::InternalError("the answer for " + name +
                               " is wrong: " + base::FormatNumber(answer));
  }
  // Off by the least that one GPU can differ from another.
  if (check(answer + kValueResolution) != Verdict::kWrong) {
    return absl::InternalError("the check of " + name + " lets a wrong answer pass");
  }
  ++(verdict == Verdict::kRight ? result.answers_right : result.answers_late);
  return answered - asked;
}

absl::StatusOr<LookupResult> Lookups::Run(Duration duration, Duration interval,
                                          std::optional<SteadyTime> last_report) {
  LookupResult result;
  std::vector<Duration> large;
  std::vector<Duration> small;
  std::vector<Duration> others;
  SteadyTime next = std::chrono::steady_clock::now();
  const SteadyTime end = next + duration;
  const auto ask = [&](int workload, std::vector<Duration>& latencies) {
    if (interval > Duration::zero()) std::this_thread::sleep_until(next);
    next = std::max(next + interval, std::chrono::steady_clock::now());
    const auto latency = Ask(workload, last_report, result);
    if (latency.ok()) latencies.push_back(*latency);
    return latency.status();
  };
  while (std::chrono::steady_clock::now() < end) {
    absl::Status status = ask(kLargeWorkload, large);
    if (status.ok()) status = ask(kSmallWorkload, small);
    if (status.ok()) status = ask(next_other_, others);
    if (!status.ok()) return status;
    next_other_ = next_other_ + 1 < kWorkloads ? next_other_ + 1 : kSmallWorkload + 1;
  }
  result.large = TimesOf(large);
  result.small = TimesOf(small);
  result.others = TimesOf(others);
  return result;
}

}  // namespace kgs::bench
