// SPDX-License-Identifier: Apache-2.0
//
// Measures a hub under the reports of a simulated fleet against a server that only keeps them, all
// as processes of their own. scripts/bench-fleet calls it; docs/benchmarks.md says what the figures
// mean.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <string>

#include "bench/fleet_measure.h"
#include "bench/fleet_report.h"

namespace kgs::bench {
namespace {

struct Arguments {
  FleetPrograms programs;
  std::string out = "fleet.json";
  bool quick = false;
  bool strict = false;
};

FleetPlan QuickPlan() {
  FleetPlan plan;
  plan.most_nodes = 1000;
  plan.rounds = 1;
  plan.window = std::chrono::seconds(3);
  plan.lookups = std::chrono::seconds(3);
  plan.quiet = std::chrono::milliseconds(500);
  return plan;
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "fleet_bench: %s\n", std::string(status.message()).c_str());
  return 2;
}

/// For us and what we start: the agents have two connections a node.
absl::Status AllowConnections(int nodes) {
  const auto needed = static_cast<rlim_t>(nodes) * 2 + 500;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  if (limit.rlim_max < needed || setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return absl::ResourceExhaustedError("needs " + std::to_string(needed) +
                                        " open files (ulimit -Hn)");
  }
  return absl::OkStatus();
}

int Run(const Arguments& arguments) {
  const FleetPlan plan = arguments.quick ? QuickPlan() : FleetPlan();
  if (const auto status = AllowConnections(plan.most_nodes); !status.ok()) return Fail(status);
  const auto fleets = MeasureFleets(arguments.programs, plan);
  if (!fleets.ok()) return Fail(fleets.status());

  const nlohmann::ordered_json report = FleetReport(*fleets, arguments.quick);
  std::ofstream file(arguments.out);
  file << report.dump(2) << "\n";
  if (!file.flush()) return Fail(absl::UnavailableError("cannot write " + arguments.out));
  std::printf("\n%s\nwritten to %s\n", FleetTable(report).c_str(), arguments.out.c_str());
  bool all_met = true;
  for (const auto& fleet : report) {
    for (const auto& goal : fleet["goals"]) all_met &= goal["met"].get<bool>();
  }
  if (!all_met) std::printf("Not every goal is met.\n");
  return all_met || !arguments.strict ? 0 : 1;
}

}  // namespace
}  // namespace kgs::bench

int main(int argc, char** argv) {
  kgs::bench::Arguments arguments;
  CLI::App cli("Measures a hub under the reports of a simulated fleet.", "fleet_bench");
  cli.add_option("--scaler", arguments.programs.scaler, "The scaler's binary")->required();
  cli.add_option("--bare-server", arguments.programs.bare_server, "The bare server's binary")
      ->required();
  cli.add_option("--agents", arguments.programs.agents, "The simulated agents' binary")->required();
  cli.add_option("--out", arguments.out, "The JSON file to write; logs go beside it");
  cli.add_flag("--quick", arguments.quick, "Short rounds, for trying: the figures mean little");
  cli.add_flag("--strict", arguments.strict, "Exit with status 1 where a goal is missed");
  CLI11_PARSE(cli, argc, argv);
  arguments.programs.out = arguments.out;
  return kgs::bench::Run(arguments);
}
