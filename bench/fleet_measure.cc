// SPDX-License-Identifier: Apache-2.0
#include "bench/fleet_measure.h"

#include <absl/status/status.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <optional>
#include <thread>
#include <utility>

#include "bench/fleet_setup.h"

namespace kgs::bench {
namespace {

using base::SteadyTime;

constexpr int kLeastNodes = 100;
/// A smaller fleet is chosen with this much room below the limit.
constexpr double kRoom = 0.9;

double OurCpuSeconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// Of the whole machine since it started, in its own ticks.
struct MachineTicks {
  double busy = 0;
  double all = 0;
};

MachineTicks ReadMachineTicks() {
  // user, nice, system, idle, iowait, irq, softirq, steal.
  std::ifstream stat("/proc/stat");
  std::string name;
  stat >> name;
  MachineTicks ticks;
  double value = 0;
  for (int field = 0; field < 8 && stat >> value; ++field) {
    ticks.all += value;
    if (field != 3 && field != 4) ticks.busy += value;
  }
  return ticks;
}

/// What is read before and after a window.
struct Counters {
  SteadyTime at;
  SentReports reports;
  double server_cpu = 0;
  double agents_cpu = 0;
  double bench_cpu = 0;
  MachineTicks machine;
};

absl::StatusOr<Counters> Read(const FleetSetup& setup, const std::string& server) {
  const auto sent = setup.Sent(server);
  if (!sent.ok()) return sent.status();
  Counters counters;
  counters.at = std::chrono::steady_clock::now();
  counters.reports = *sent;
  const double hub = setup.hub().CpuSeconds();
  const double bare = setup.bare().CpuSeconds();
  counters.server_cpu = server == kHub ? hub : bare;
  counters.agents_cpu = setup.agents().CpuSeconds();
  counters.bench_cpu = hub + bare + counters.agents_cpu + OurCpuSeconds();
  counters.machine = ReadMachineTicks();
  return counters;
}

absl::StatusOr<ReportCost> MeasureReports(FleetSetup& setup, const FleetPlan& plan,
                                          const std::string& server) {
  if (absl::Status status = setup.ReportTo(server); !status.ok()) return status;
  std::this_thread::sleep_for(plan.settle);
  const auto before = Read(setup, server);
  if (!before.ok()) return before.status();
  std::this_thread::sleep_for(plan.window);
  const auto after = Read(setup, server);
  if (!after.ok()) return after.status();
  const double cores = std::thread::hardware_concurrency();
  ReportCost cost;
  cost.seconds = base::Seconds(after->at - before->at);
  cost.reports = after->reports.sent - before->reports.sent;
  cost.bytes = after->reports.bytes - before->reports.bytes;
  cost.server_cpu_seconds = after->server_cpu - before->server_cpu;
  cost.agents_cpu_seconds = after->agents_cpu - before->agents_cpu;
  cost.bench_cpu_percent = 100 * (after->bench_cpu - before->bench_cpu) / cost.seconds / cores;
  cost.machine_cpu_percent = 100 * (after->machine.busy - before->machine.busy) /
                             (after->machine.all - before->machine.all);
  // A machine that cannot keep up would make the servers look cheap.
  const double due = setup.fleet().nodes() * cost.seconds;
  if (static_cast<double>(cost.reports) < 0.98 * due) {
    return absl::ResourceExhaustedError("of " + std::to_string(static_cast<int>(due)) +
                                        " reports only " + std::to_string(cost.reports) +
                                        " were sent: the machine is too slow, or busy");
  }
  return cost;
}

absl::StatusOr<FleetRound> MeasureRound(FleetSetup& setup, const FleetPlan& plan) {
  FleetRound round;
  for (const auto& [server, cost] : {std::pair(kHub, &round.hub), std::pair(kBare, &round.bare)}) {
    const auto measured = MeasureReports(setup, plan, server);
    if (!measured.ok()) return measured.status();
    *cost = *measured;
  }
  return round;
}

absl::Status ReadMemory(const FleetSetup& setup, Memory MemoryGrowth::* when,
                        FleetMeasurements& measurements) {
  const auto hub = setup.hub().ReadMemory();
  if (!hub.ok()) return hub.status();
  const auto bare = setup.bare().ReadMemory();
  if (!bare.ok()) return bare.status();
  measurements.hub.*when = *hub;
  measurements.bare.*when = *bare;
  return absl::OkStatus();
}

/// What left the agents has arrived: a hub that dropped reports would look cheap.
absl::Status CheckAllArrived(const FleetSetup& setup) {
  const auto sent = setup.Sent(kHub);
  if (!sent.ok()) return sent.status();
  const auto received = setup.HubReports();
  if (!received.ok()) return received.status();
  if (*received == static_cast<double>(sent->sent)) return absl::OkStatus();
  return absl::InternalError("the agents sent " + std::to_string(sent->sent) +
                             " reports, the hub says it received " +
                             std::to_string(static_cast<int64_t>(*received)));
}

absl::Status MeasureLookups(FleetSetup& setup, const FleetPlan& plan,
                            FleetMeasurements& measurements) {
  Lookups lookups(setup.fleet(), setup.start(), setup.hub().port());
  if (absl::Status status = setup.ReportTo(kHub); !status.ok()) return status;
  std::this_thread::sleep_for(plan.settle);
  auto result = lookups.Run(plan.lookups, plan.lookup_interval, std::nullopt);
  if (!result.ok()) return result.status();
  measurements.under_load = *result;
  if (absl::Status status = setup.ReportTo(kNobody); !status.ok()) return status;
  const SteadyTime paused = std::chrono::steady_clock::now();
  result = lookups.Run(plan.quiet, base::Duration::zero(), paused);
  if (!result.ok()) return result.status();
  measurements.quiet = *result;
  return CheckAllArrived(setup);
}

void Say(const std::string& what) {
  std::printf("%s\n", what.c_str());
  std::fflush(stdout);
}

std::string Percent(double value) { return std::to_string(static_cast<int>(value + 0.5)) + " %"; }

/// \p too_busy is set, and the rest left out, where the first round takes more CPU than allowed.
absl::StatusOr<FleetMeasurements> MeasureFleet(const FleetPrograms& programs, const FleetPlan& plan,
                                               int nodes, std::optional<double>* too_busy) {
  FleetMeasurements measurements;
  measurements.nodes = nodes;
  const SteadyTime began = std::chrono::steady_clock::now();
  auto setup = FleetSetup::Start(programs, nodes);
  if (!setup.ok()) return setup.status();
  const SteadyTime synced = std::chrono::steady_clock::now();
  measurements.sync_seconds = base::Seconds(synced - began);
  absl::Status status = ReadMemory(**setup, &MemoryGrowth::before, measurements);
  if (status.ok()) status = (*setup)->Connect();
  if (!status.ok()) return status;
  measurements.connect_seconds = base::Seconds(std::chrono::steady_clock::now() - synced);
  for (int i = 0; i < plan.rounds; ++i) {
    const auto round = MeasureRound(**setup, plan);
    if (!round.ok()) return round.status();
    measurements.rounds.push_back(*round);
    const double percent = round->hub.bench_cpu_percent;
    Say(std::to_string(nodes) + " nodes, round " + std::to_string(i + 1) + " of " +
        std::to_string(plan.rounds) + ": total CPU " + Percent(percent) + " of the machine");
    if (i > 0 || percent <= plan.most_cpu_percent) continue;
    *too_busy = percent;
    return measurements;
  }
  status = ReadMemory(**setup, &MemoryGrowth::after, measurements);
  if (status.ok()) status = MeasureLookups(**setup, plan, measurements);
  if (!status.ok()) return status;
  return measurements;
}

}  // namespace

absl::StatusOr<std::vector<FleetMeasurements>> MeasureFleets(const FleetPrograms& programs,
                                                             const FleetPlan& plan) {
  std::vector<FleetMeasurements> fleets;
  int nodes = plan.most_nodes;
  while (fleets.size() < 3) {
    std::optional<double> too_busy;
    auto fleet = MeasureFleet(programs, plan, nodes, &too_busy);
    if (!fleet.ok()) return fleet.status();
    if (!too_busy || !fleets.empty()) {
      fleets.insert(fleets.begin(), *std::move(fleet));
      nodes /= 2;
      continue;
    }
    nodes = static_cast<int>(nodes * kRoom * plan.most_cpu_percent / *too_busy / 100) * 100;
    if (nodes < kLeastNodes * 4) {
      return absl::ResourceExhaustedError("the machine is too slow, or busy, for any fleet");
    }
  }
  return fleets;
}

}  // namespace kgs::bench
