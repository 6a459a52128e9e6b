// SPDX-License-Identifier: Apache-2.0
//
// The steps of a call, of a sampling round and of a scrape, each on its own, on a node with eight
// fake GPUs. FAKE_NVML_SCRIPT in the environment says what they show.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "base/log.h"
#include "decision/node_decision.h"
#include "gpu/backends.h"
#include "http/metrics_page.h"
#include "sampling/sampler.h"
#include "telemetry/counters.h"
#include "trigger/trigger.h"

namespace kgs::bench {
namespace {

constexpr auto kMaxReadingAge = std::chrono::seconds(3);

trigger::Metadata TypicalMetadata() {
  return {{"scalerAddress", "keda-gpu-scaler.keda.svc.cluster.local:6000"},
          {"profile", "vllm-inference"},
          {"targetValue", "75"},
          {"activationThreshold", "5"},
          {"gpuIndex", "-1"},
          {"aggregation", "max"}};
}

/// A sampler over the fake driver, read once.
struct Node {
  static std::vector<std::unique_ptr<gpu::Backend>> Backends(const base::Clock& clock) {
    auto backends = gpu::MakeBackends({.backend = "nvml", .nvml_library = KGS_FAKE_NVML}, clock);
    if (!backends.ok()) std::abort();
    return *std::move(backends);
  }

  Node() : sampler(Backends(clock), {}, clock, counters, nullptr) {
    sampler.RunRound();
    snapshot = sampler.Latest();
    if (snapshot->gpus.size() != 8) {
      std::fprintf(stderr, "micro_bench: FAKE_NVML_SCRIPT must name a script of 8 GPUs\n");
      std::abort();
    }
  }

  base::SteadyClock clock;
  telemetry::SamplingCounters counters;
  telemetry::ScalerCounters scaler_counters;
  sampling::Sampler sampler;
  std::shared_ptr<const model::NodeSnapshot> snapshot;
};

void ParseTrigger(benchmark::State& state) {
  const trigger::Metadata metadata = TypicalMetadata();
  while (state.KeepRunning()) {
    benchmark::DoNotOptimize(trigger::ParseTrigger(metadata, trigger::UnknownKeys::kRefuse));
  }
}
BENCHMARK(ParseTrigger);

void NodeValue(benchmark::State& state) {
  const Node node;
  const auto parsed = trigger::ParseTrigger(TypicalMetadata(), trigger::UnknownKeys::kRefuse);
  // The moment of the snapshot: its readings do not go stale under the benchmark.
  const base::SteadyTime now = node.snapshot->taken;
  if (!parsed.ok() ||
      !decision::NodeValue(parsed->spec, node.snapshot.get(), now, kMaxReadingAge).ok()) {
    state.SkipWithError("there is no value");
    return;
  }
  while (state.KeepRunning()) {
    benchmark::DoNotOptimize(
        decision::NodeValue(parsed->spec, node.snapshot.get(), now, kMaxReadingAge));
  }
}
BENCHMARK(NodeValue);

/// CPU time is that of all lanes together; real time is until the snapshot is out.
void SamplingRound(benchmark::State& state) {
  Node node;
  while (state.KeepRunning()) node.sampler.RunRound();
}
BENCHMARK(SamplingRound)->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMicrosecond);

void MetricsPage(benchmark::State& state) {
  const Node node;
  http::MetricsInput input{node.snapshot->taken};
  input.node = http::NodeMetrics{node.snapshot, kMaxReadingAge, "", &node.counters, {}};
  input.scaler = &node.scaler_counters;
  while (state.KeepRunning()) benchmark::DoNotOptimize(http::MetricsPage(input));
}
BENCHMARK(MetricsPage)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace kgs::bench

int main(int argc, char** argv) {
  kgs::base::ConfigureLog(kgs::base::LogLevel::kWarn, kgs::base::LogFormat::kText);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
