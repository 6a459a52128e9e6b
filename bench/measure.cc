// SPDX-License-Identifier: Apache-2.0
#include "bench/measure.h"

#include <absl/status/status.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <thread>

namespace kgs::bench {
namespace {

using std::chrono::seconds;

/// A scaler that was stopped has stale readings until it has sampled again.
constexpr auto kAnswerPatience = seconds(10);

/// Of the threads that sampling/ names: the beat, the driver's lane and one lane a GPU.
bool IsSamplerThread(const std::string& name) {
  return name == "sampler" || name == "nvml" || name.starts_with("nvml-");
}

/// One server and the connection to it. Stopped except while it is measured, so that the other has
/// the machine to itself.
class Side {
 public:
  explicit Side(ServerProcess& server) : server_(server), load_(server.port()) {}

  absl::Status Measure(int concurrent_calls, base::Duration warm_up, base::Duration duration,
                       LoadResult& result, double& cpu_us) {
    server_.Resume();
    absl::Status status = load_.WaitUntilAnswering(kAnswerPatience);
    if (status.ok()) status = load_.Run(concurrent_calls, warm_up).status();
    if (status.ok()) {
      const double cpu_before = server_.CpuSeconds();
      auto measured = load_.Run(concurrent_calls, duration);
      const double cpu = server_.CpuSeconds() - cpu_before;
      status = measured.status();
      if (status.ok()) {
        result = *measured;
        cpu_us = cpu / static_cast<double>(result.calls) * 1e6;
      }
    }
    server_.Pause();
    return status;
  }

 private:
  ServerProcess& server_;
  LoadGenerator load_;
};

absl::Status MeasureRound(Side& real, Side& empty, const Plan& plan, Measurements& measurements) {
  for (const auto& [concurrent_calls, duration] : plan.load) {
    Round round;
    absl::Status status =
        real.Measure(concurrent_calls, plan.warm_up, duration, round.real, round.real_cpu_us);
    if (!status.ok()) return status;
    status =
        empty.Measure(concurrent_calls, plan.warm_up, duration, round.empty, round.empty_cpu_us);
    if (!status.ok()) return status;
    measurements.rounds[concurrent_calls].push_back(round);
  }
  return absl::OkStatus();
}

absl::Status MeasureMemory(const Servers& servers, Measurements& measurements) {
  const auto real = servers.real.ReadMemory();
  if (!real.ok()) return real.status();
  const auto empty = servers.empty.ReadMemory();
  if (!empty.ok()) return empty.status();
  measurements.real_memory = *real;
  measurements.empty_memory = *empty;
  return absl::OkStatus();
}

absl::StatusOr<SamplerCpu> MeasureSampler(ServerProcess& real, base::Duration window) {
  real.Resume();
  // What the load left behind is done by then.
  std::this_thread::sleep_for(seconds(2));
  const auto threads_before = real.ThreadCpuSeconds();
  const double process_before = real.CpuSeconds();
  const base::SteadyTime began = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(window);
  const auto threads_after = real.ThreadCpuSeconds();
  const double process_after = real.CpuSeconds();
  SamplerCpu cpu;
  cpu.window_seconds = base::Seconds(std::chrono::steady_clock::now() - began);
  cpu.process_percent = 100 * (process_after - process_before) / cpu.window_seconds;
  for (const auto& [name, after] : threads_after) {
    const auto before = threads_before.find(name);
    if (!IsSamplerThread(name) || before == threads_before.end()) continue;
    cpu.threads[name] = 100 * (after - before->second) / cpu.window_seconds;
    cpu.percent += cpu.threads[name];
  }
  // Names that have changed, or a kernel without schedstat, would make it look free.
  if (cpu.threads.count("sampler") == 0 || cpu.threads.size() < 3 || cpu.percent <= 0) {
    return absl::UnavailableError("the CPU time of the sampler's threads cannot be read");
  }
  return cpu;
}

}  // namespace

absl::Status CheckLinkedAlike(const Servers& servers, const std::string& driver) {
  auto real = servers.real.SharedLibraries();
  const auto empty = servers.empty.SharedLibraries();
  real.erase(driver);
  std::vector<std::string> different;
  std::set_symmetric_difference(real.begin(), real.end(), empty.begin(), empty.end(),
                                std::back_inserter(different));
  if (real.empty()) return absl::UnavailableError("the shared libraries cannot be read");
  if (different.empty()) return absl::OkStatus();
  std::string names;
  for (const std::string& name : different) names += " " + name;
  return absl::FailedPreconditionError("only one of the two servers loads" + names);
}

absl::StatusOr<Measurements> Measure(const Servers& servers, const Plan& plan) {
  Measurements measurements;
  Side real(servers.real);
  Side empty(servers.empty);
  // Never both at once: the first measurement would have company.
  servers.empty.Pause();
  for (int round = 1; round <= plan.rounds; ++round) {
    std::printf("round %d of %d\n", round, plan.rounds);
    std::fflush(stdout);
    if (auto status = MeasureRound(real, empty, plan, measurements); !status.ok()) return status;
  }
  if (auto status = MeasureMemory(servers, measurements); !status.ok()) return status;
  std::printf("sampler alone for %.0f s\n\n", base::Seconds(plan.idle));
  std::fflush(stdout);
  auto sampler = MeasureSampler(servers.real, plan.idle);
  if (!sampler.ok()) return sampler.status();
  measurements.sampler = *std::move(sampler);
  return measurements;
}

}  // namespace kgs::bench
