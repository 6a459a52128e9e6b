// SPDX-License-Identifier: Apache-2.0
#include "bench/load.h"

#include <absl/status/status.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <time.h>

#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "bench/percentile.h"
#include "externalscaler.pb.h"

namespace kgs::bench {
namespace {

using base::Duration;
using base::SteadyTime;
using std::chrono::milliseconds;

constexpr char kMethod[] = "/externalscaler.ExternalScaler/GetMetrics";
constexpr auto kCallDeadline = std::chrono::seconds(10);

grpc::ByteBuffer Request() {
  externalscaler::GetMetricsRequest request;
  request.set_metricname("keda_gpu_vllm_inference");
  externalscaler::ScaledObjectRef& object = *request.mutable_scaledobjectref();
  object.set_name("llama-3-70b");
  object.set_namespace_("inference");
  const std::pair<const char*, const char*> metadata[] = {
      {"scalerAddress", "keda-gpu-scaler.keda.svc.cluster.local:6000"},
      {"profile", "vllm-inference"},
      {"targetValue", "75"},
      {"activationThreshold", "5"},
      {"gpuIndex", "-1"},
      {"aggregation", "max"},
  };
  for (const auto& [key, value] : metadata) object.mutable_scalermetadata()->insert({key, value});
  const grpc::Slice slice(request.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

absl::Status CheckAnswer(const grpc::Status& status, const grpc::ByteBuffer& answer) {
  if (!status.ok()) {
    return absl::UnavailableError("GetMetrics failed: " + status.error_message());
  }
  grpc::Slice slice;
  externalscaler::GetMetricsResponse response;
  if (!answer.DumpToSingleSlice(&slice).ok() ||
      !response.ParseFromArray(slice.begin(), static_cast<int>(slice.size())) ||
      response.metricvalues_size() != 1) {
    return absl::InternalError("GetMetrics was not answered by one metric value");
  }
  return absl::OkStatus();
}

double ProcessCpuSeconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// One place in the closed loop.
struct Slot {
  std::optional<grpc::ClientContext> context;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
  grpc::ByteBuffer answer;
  grpc::Status status;
  SteadyTime began;
};

class ClosedLoop {
 public:
  ClosedLoop(grpc::GenericStub& stub, const grpc::ByteBuffer& request, int concurrent_calls)
      : stub_(stub), request_(request), slots_(static_cast<size_t>(concurrent_calls)) {}

  /// Returns when every call has ended. The latencies of all.
  absl::StatusOr<std::vector<Duration>> Run(SteadyTime end) {
    absl::Status status;
    std::vector<Duration> latencies;
    for (Slot& slot : slots_) Begin(slot);
    void* tag = nullptr;
    bool ok = false;
    for (size_t under_way = slots_.size(); under_way > 0 && queue_.Next(&tag, &ok);) {
      auto& slot = *static_cast<Slot*>(tag);
      const SteadyTime now = std::chrono::steady_clock::now();
      latencies.push_back(now - slot.began);
      if (status.ok()) status = CheckAnswer(slot.status, slot.answer);
      if (now < end && status.ok()) {
        Begin(slot);
      } else {
        --under_way;
      }
    }
    if (!status.ok()) return status;
    return latencies;
  }

 private:
  void Begin(Slot& slot) {
    slot.reader.reset();
    slot.context.emplace();
    slot.answer.Clear();
    slot.context->set_deadline(std::chrono::system_clock::now() + kCallDeadline);
    slot.began = std::chrono::steady_clock::now();
    slot.reader = stub_.PrepareUnaryCall(&*slot.context, kMethod, request_, &queue_);
    slot.reader->StartCall();
    slot.reader->Finish(&slot.answer, &slot.status, &slot);
  }

  grpc::GenericStub& stub_;
  const grpc::ByteBuffer& request_;
  grpc::CompletionQueue queue_;
  std::vector<Slot> slots_;
};

/// Whatever proxy the machine is set to.
grpc::ChannelArguments DirectChannel() {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return arguments;
}

}  // namespace

LoadGenerator::LoadGenerator(int port)
    : stub_(grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port),
                                      grpc::InsecureChannelCredentials(), DirectChannel())),
      request_(Request()) {}

absl::StatusOr<LoadResult> LoadGenerator::Run(int concurrent_calls, Duration duration) {
  const double cpu_before = ProcessCpuSeconds();
  const SteadyTime began = std::chrono::steady_clock::now();
  auto latencies = ClosedLoop(stub_, request_, concurrent_calls).Run(began + duration);
  if (!latencies.ok()) return latencies.status();
  const double seconds = base::Seconds(std::chrono::steady_clock::now() - began);
  LoadResult result;
  result.calls = latencies->size();
  result.calls_per_second = static_cast<double>(latencies->size()) / seconds;
  result.p50_ms = PercentileMs(*latencies, 0.50);
  result.p99_ms = PercentileMs(*latencies, 0.99);
  result.client_cpu_percent = 100 * (ProcessCpuSeconds() - cpu_before) / seconds;
  return result;
}

absl::Status LoadGenerator::WaitUntilAnswering(Duration patience) {
  const SteadyTime end = std::chrono::steady_clock::now() + patience;
  while (true) {
    const auto tried = Run(1, Duration::zero());
    if (tried.ok()) return absl::OkStatus();
    if (std::chrono::steady_clock::now() >= end) return tried.status();
    std::this_thread::sleep_for(milliseconds(50));
  }
}

}  // namespace kgs::bench
