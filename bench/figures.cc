// SPDX-License-Identifier: Apache-2.0
#include "bench/figures.h"

#include <grpcpp/grpcpp.h>
#include <sys/utsname.h>

#include <cstdio>
#include <fstream>
#include <thread>

namespace kgs::bench {

using nlohmann::ordered_json;

namespace {

std::string CpuModel() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

}  // namespace

std::string Format(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

ordered_json GoalsJson(const std::vector<Figure>& figures) {
  ordered_json goals = ordered_json::array();
  for (const Figure& figure : figures) {
    if (figure.goal.empty()) continue;
    goals.push_back({{"figure", figure.name},
                     {"value", figure.value},
                     {"goal", figure.goal},
                     {"met", figure.met}});
  }
  return goals;
}

std::string FigureTable(const std::string& name_heading, const std::string& value_heading,
                        const std::vector<Figure>& figures) {
  std::string table;
  const auto add = [&](const std::string& figure, const std::string& value, const std::string& goal,
                       const std::string& met) {
    char line[160];
    std::snprintf(line, sizeof line, "%-34s %-20s %-14s %s", figure.c_str(), value.c_str(),
                  goal.c_str(), met.c_str());
    table += line;
    table.erase(table.find_last_not_of(' ') + 1);
    table += "\n";
  };
  add(name_heading, value_heading, "goal", "");
  for (const Figure& figure : figures) {
    add(figure.name, figure.value, figure.goal,
        figure.goal.empty() ? ""
        : figure.met        ? "met"
                            : "MISSED");
  }
  return table;
}

ordered_json MachineJson() {
  utsname system{};
  uname(&system);
  return {{"cpu", CpuModel()},
          {"cores", std::thread::hardware_concurrency()},
          {"kernel", std::string(system.sysname) + " " + system.release + " " + system.machine},
#if defined(__clang__)
          {"compiler", "clang " __clang_version__},
#else
          {"compiler", "g++ " __VERSION__},
#endif
          {"grpc", grpc::Version()}};
}

}  // namespace kgs::bench
