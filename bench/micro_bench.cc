// SPDX-License-Identifier: Apache-2.0
//
// The steps of a call, of a sampling round and of a scrape, each on its own, on a node with eight
// fake GPUs. FAKE_NVML_SCRIPT in the environment says what they show.
//
// Usage: micro_bench [--strict] [--benchmark_...]; with --strict the exit status is 1 where a goal
// is missed.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "base/log.h"
#include "bench/figures.h"
#include "bench/vllm_page.h"
#include "decision/node_decision.h"
#include "engine/dialects.h"
#include "engine/engine_rates.h"
#include "engine/exposition_reader.h"
#include "engine/page_reading.h"
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
      !decision::NodeValue(parsed->main(), node.snapshot.get(), now, kMaxReadingAge).ok()) {
    state.SkipWithError("there is no value");
    return;
  }
  while (state.KeepRunning()) {
    benchmark::DoNotOptimize(
        decision::NodeValue(parsed->main(), node.snapshot.get(), now, kMaxReadingAge));
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

/// Takes all samples of a page and keeps one number.
class SumOfSamples final : public engine::ExpositionVisitor {
 public:
  void OnFamily(std::string_view, engine::FamilyType) override {}
  void OnSample(const engine::Sample& sample) override { sum += sample.value; }
  void OnMalformed(std::string_view, size_t, const char*) override { malformed = true; }

  double sum = 0;
  bool malformed = false;
};

/// An engine's page as it comes from a socket, in pieces of 16 KiB.
void EnginePage(benchmark::State& state) {
  constexpr size_t kPiece = 16384;
  const std::string page = VllmPage();
  while (state.KeepRunning()) {
    SumOfSamples visitor;
    engine::ExpositionReader reader(engine::Format::kText, visitor);
    bool ok = true;
    for (size_t at = 0; at < page.size(); at += kPiece) {
      ok = ok && reader.Feed(std::string_view(page).substr(at, kPiece)).ok();
    }
    if (!ok || !reader.Finish(engine::BodyEnd::kKnown).ok() || visitor.malformed) {
      state.SkipWithError("the page was not read");
      return;
    }
    benchmark::DoNotOptimize(visitor.sum);
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * page.size()));
}
BENCHMARK(EnginePage)->Unit(benchmark::kMicrosecond);

/// The same page, for all that the preset of vLLM reads of it.
void EngineSignals(benchmark::State& state) {
  const std::string page = VllmPage();
  const engine::PageQuery query(engine::AllSignals(*engine::FindDialect("vllm")));
  while (state.KeepRunning()) {
    engine::PageReader reader(query, engine::Format::kText, 0);
    if (!reader.Feed(page).ok()) {
      state.SkipWithError("the page was not read");
      return;
    }
    const auto reading = reader.Finish(engine::BodyEnd::kKnown, base::SteadyTime{});
    if (!reading.ok() || !engine::EngineValues(query, nullptr, *reading)[0].has_value()) {
      state.SkipWithError("there is no value");
      return;
    }
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * page.size()));
}
BENCHMARK(EngineSignals)->Unit(benchmark::kMicrosecond);

constexpr double kLeastEnginePageBytesPerSecond = 200e6;

/// The console's table, and the figures that have a goal.
class Reporter final : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    ConsoleReporter::ReportRuns(runs);
    for (const Run& run : runs) {
      if (!run.benchmark_name().starts_with("Engine")) continue;
      const auto found = run.counters.find("bytes_per_second");
      // A benchmark that failed has no rate, and misses its goal.
      const double rate = found == run.counters.end() ? 0 : found->second.value;
      figures.push_back({run.benchmark_name() + ", MB/s of one core", Format("%.0f", rate / 1e6),
                         "at least 200", rate >= kLeastEnginePageBytesPerSecond});
    }
  }

  std::vector<Figure> figures;
};

/// Whether every goal is met, and there is one.
bool GoalsMet(const std::vector<Figure>& figures) {
  bool met = !figures.empty();
  for (const Figure& figure : figures) met = met && figure.met;
  return met;
}

/// Takes --strict out of the arguments, which google-benchmark does not know.
bool TakeStrict(int& argc, char** argv) {
  int kept = 0;
  bool strict = false;
  for (int i = 0; i < argc; ++i) {
    if (std::strcmp(argv[i], "--strict") == 0) {
      strict = true;
    } else {
      argv[kept++] = argv[i];
    }
  }
  argc = kept;
  return strict;
}

}  // namespace
}  // namespace kgs::bench

int main(int argc, char** argv) {
  kgs::base::ConfigureLog(kgs::base::LogLevel::kWarn, kgs::base::LogFormat::kText);
  const bool strict = kgs::bench::TakeStrict(argc, argv);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  kgs::bench::Reporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  benchmark::Shutdown();
  std::fputs(kgs::bench::FigureTable("Single steps", "measured", reporter.figures).c_str(), stdout);
  return strict && !kgs::bench::GoalsMet(reporter.figures) ? 1 : 0;
}
