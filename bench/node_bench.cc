// SPDX-License-Identifier: Apache-2.0
//
// Measures the scaler on a node with eight fake GPUs against a server that does nothing, both as
// processes of their own. scripts/bench calls it; docs/benchmarks.md says what the figures mean.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "bench/measure.h"
#include "bench/report.h"
#include "bench/server_process.h"

namespace kgs::bench {
namespace {

struct Arguments {
  std::string scaler;
  std::string empty_server;
  std::string nvml;
  std::string gpus;
  std::string out = "node.json";
  bool quick = false;
  bool strict = false;
};

Plan QuickPlan() {
  Plan plan;
  plan.load = {{1, std::chrono::milliseconds(700)}, {16, std::chrono::milliseconds(1500)}};
  plan.idle = std::chrono::seconds(5);
  return plan;
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "node_bench: %s\n", std::string(status.message()).c_str());
  return 2;
}

int Run(const Arguments& arguments) {
  // Before gRPC runs in this process: its threads do not survive a fork.
  auto real = ServerProcess::Start(
      {arguments.scaler, "--port", "auto", "--metrics-port", "auto", "--probe-port", "auto",
       "--gpu-backend", "nvml", "--nvml-library", arguments.nvml},
      {"FAKE_NVML_SCRIPT=" + arguments.gpus}, arguments.out + ".scaler.log");
  if (!real.ok()) return Fail(real.status());
  auto empty =
      ServerProcess::Start({arguments.empty_server}, {}, arguments.out + ".empty_server.log");
  if (!empty.ok()) return Fail(empty.status());
  const Servers servers{**real, **empty};

  const std::string driver = std::filesystem::path(arguments.nvml).filename();
  if (const auto status = CheckLinkedAlike(servers, driver); !status.ok()) return Fail(status);
  const auto measurements = Measure(servers, arguments.quick ? QuickPlan() : Plan());
  if (!measurements.ok()) return Fail(measurements.status());

  const nlohmann::ordered_json report = Report(*measurements, arguments.quick);
  std::ofstream file(arguments.out);
  file << report.dump(2) << "\n";
  if (!file.flush()) return Fail(absl::UnavailableError("cannot write " + arguments.out));
  std::printf("%s\nwritten to %s\n", Table(report).c_str(), arguments.out.c_str());
  bool all_met = true;
  for (const auto& goal : report["goals"]) all_met &= goal["met"].get<bool>();
  if (!all_met) std::printf("Not every goal is met.\n");
  return all_met || !arguments.strict ? 0 : 1;
}

}  // namespace
}  // namespace kgs::bench

int main(int argc, char** argv) {
  kgs::bench::Arguments arguments;
  CLI::App cli("Measures the scaler against a server that does nothing.", "node_bench");
  cli.add_option("--scaler", arguments.scaler, "The scaler's binary")->required();
  cli.add_option("--empty-server", arguments.empty_server, "The empty server's binary")->required();
  cli.add_option("--nvml", arguments.nvml, "The fake NVML library")->required();
  cli.add_option("--gpus", arguments.gpus, "What the fake library plays")->required();
  cli.add_option("--out", arguments.out, "The JSON file to write; logs go beside it");
  cli.add_flag("--quick", arguments.quick, "Short rounds, for trying: the figures mean little");
  cli.add_flag("--strict", arguments.strict, "Exit with status 1 where a goal is missed");
  CLI11_PARSE(cli, argc, argv);
  return kgs::bench::Run(arguments);
}
