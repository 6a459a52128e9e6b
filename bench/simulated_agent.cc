// SPDX-License-Identifier: Apache-2.0
#include "bench/simulated_agent.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <cstdio>
#include <string>

#include "base/log.h"
#include "bench/answer_check.h"
#include "catalogue/metrics.h"

namespace kgs::bench {
namespace {

namespace pb = kedagpuscaler::fleet::v1;

constexpr int kPingIntervalMs = 10000;
constexpr int kPingTimeoutMs = 5000;
/// From taking a snapshot to handing it to the stream.
constexpr int64_t kTakenBeforeNs = 400000;

std::shared_ptr<grpc::Channel> ConnectionTo(int port) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kPingIntervalMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPingTimeoutMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  return grpc::CreateCustomChannel("ipv4:127.0.0.1:" + std::to_string(port),
                                   grpc::InsecureChannelCredentials(), arguments);
}

int64_t Nanoseconds(base::SteadyTime time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

int64_t UnixMilliseconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

/// Lanes read one GPU's metrics one after the other, and the GPUs beside each other.
int64_t ReadBeforeTakenNs(int gpu, int metric) {
  return 20000 + 7919 * gpu + 41000 * (static_cast<int64_t>(model::kMetricCount) - metric);
}

}  // namespace

SimulatedAgent::SimulatedAgent(const SimulatedFleet& fleet, int node, base::SteadyTime start,
                               int port, StreamCounts& counts)
    : fleet_(fleet),
      node_(node),
      start_(start),
      counts_(counts),
      stub_(pb::Fleet::NewStub(ConnectionTo(port))) {}

void SimulatedAgent::Connect() {
  writing_ = true;
  pb::Hello& hello = *sending_.mutable_hello();
  hello.set_node(SimulatedFleet::NodeName(node_));
  hello.set_boot_id(SimulatedFleet::NodeName(node_) + "-" + std::to_string(Nanoseconds(start_)));
  hello.set_version("bench");
  stub_->async()->Connect(&context_, this);
  // Send writes from outside of gRPC's calls to us.
  AddHold();
  StartRead(&read_);
  StartWrite(&sending_);
  StartCall();
}

void SimulatedAgent::Send(int64_t second) {
  if (!connected_ || writing_.exchange(true)) {
    ++counts_.skipped;
    return;
  }
  pb::Report& report = *sending_.mutable_report();
  report.set_sequence(++sequence_);
  report.set_snapshot_sequence(static_cast<uint64_t>(second) + 1);
  if (sequence_ == 1) {
    FillLayout(*report.mutable_layout());
    report.set_listed_ns(Nanoseconds(start_));
    report.set_listed_unix_ms(UnixMilliseconds());
  } else {
    report.clear_layout();
  }
  FillValues(second, report);
  const int64_t now = Nanoseconds(std::chrono::steady_clock::now());
  report.set_sent_ns(now);
  report.set_taken_ns(now - kTakenBeforeNs);
  StartWrite(&sending_);
}

void SimulatedAgent::FillValues(int64_t second, pb::Report& report) const {
  constexpr int kMetrics = static_cast<int>(model::kMetricCount);
  for (int gpu = 0; gpu < kGpusPerNode; ++gpu) {
    if (report.gpus_size() <= gpu) {
      pb::GpuValues& added = *report.add_gpus();
      for (int metric = 0; metric < kMetrics; ++metric) {
        added.add_values(0);
        added.add_before_taken_ns(ReadBeforeTakenNs(gpu, metric));
      }
    }
    pb::GpuValues& values = *report.mutable_gpus(gpu);
    for (int metric = 0; metric < kMetrics; ++metric) {
      values.set_values(metric, ValueOf(node_, gpu, metric, second));
    }
  }
}

void SimulatedAgent::FillLayout(pb::Layout& layout) const {
  for (const catalogue::Metric& metric : catalogue::Metrics()) {
    layout.add_metrics(std::string(metric.name));
  }
  layout.set_max_reading_age_ms(static_cast<uint32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(kLongestReadingAge).count()));
  pb::Source& source = *layout.add_sources();
  source.set_backend("nvml");
  source.set_open(true);
  source.set_driver_version("550.54.15");
  for (int i = 0; i < kGpusPerNode; ++i) {
    pb::Gpu& gpu = *layout.add_gpus();
    gpu.set_index(i);
    gpu.set_uuid(SimulatedFleet::GpuUuid(node_, i));
    gpu.set_name("NVIDIA H100 80GB HBM3");
    gpu.set_minor_number(i);
    char address[32];
    std::snprintf(address, sizeof address, "00000000:%02X:00.0", 0x10 + 0x11 * i);
    gpu.set_pci_bus_id(address);
  }
  layout.set_pods_listed(true);
  for (const int index : fleet_.PodsOn(node_)) {
    const SimulatedPod& held = fleet_.pods()[static_cast<size_t>(index)];
    pb::Pod& pod = *layout.add_pods();
    pod.set_namespace_(kFleetNamespace);
    pod.set_name(fleet_.PodName(index));
    for (int i = 0; i < held.gpus; ++i) {
      pb::HeldDevice& device = *pod.add_devices();
      device.set_gpu(static_cast<uint32_t>(held.first_gpu + i));
      if (held.sharers > 1) device.set_all_shares(static_cast<uint32_t>(held.sharers));
    }
  }
}

void SimulatedAgent::OnReadDone(bool ok) {
  if (!ok) return;
  if (!connected_.exchange(true)) ++counts_.connected;
  StartRead(&read_);
}

void SimulatedAgent::OnWriteDone(bool ok) {
  if (ok && sending_.has_report()) {
    ++counts_.sent;
    counts_.bytes += sending_.GetCachedSize() > 0 ? sending_.GetCachedSize() : 0;
  }
  writing_ = !ok;
}

void SimulatedAgent::OnDone(const grpc::Status& status) {
  if (connected_.exchange(false)) --counts_.connected;
  ++counts_.failed;
  base::LogError("a stream has ended",
                 {{"node", SimulatedFleet::NodeName(node_)}, {"reason", status.error_message()}});
}

}  // namespace kgs::bench
