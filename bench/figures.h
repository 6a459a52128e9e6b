// SPDX-License-Identifier: Apache-2.0
//
// What the reports of all benchmarks have in common. Pure but for MachineJson.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace kgs::bench {

struct Figure {
  std::string name;
  std::string value;
  /// Empty where there is none.
  std::string goal;
  bool met = true;
};

/// \p format takes one double.
std::string Format(const char* format, double value);

/// Those that have a goal, as {figure, value, goal, met}.
nlohmann::ordered_json GoalsJson(const std::vector<Figure>& figures);

/// A line each, with the goal beside it.
std::string FigureTable(const std::string& name_heading, const std::string& value_heading,
                        const std::vector<Figure>& figures);

/// CPU, cores, kernel, compiler, gRPC.
nlohmann::ordered_json MachineJson();

}  // namespace kgs::bench
