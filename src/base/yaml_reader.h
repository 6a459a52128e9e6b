// SPDX-License-Identifier: Apache-2.0
//
// Typed reads from a YAML tree that collect what is wrong, with its line, instead of stopping at
// the first mistake. One use, one thread. yaml-cpp throws on malformed text only in Load(); these
// helpers ask before they convert.
#pragma once

#include <absl/status/status.h>
#include <yaml-cpp/yaml.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace kgs::base {

class YamlReader {
 public:
  /// \p file is named in errors.
  explicit YamlReader(std::string file) : file_(std::move(file)) {}

  /// Notes that \p what is wrong with the value of \p path, which stands at \p at.
  void Problem(const YAML::Node& at, const std::string& path, const std::string& what);
  /// OK, or INVALID_ARGUMENT with all problems, a bounded number of them in full.
  absl::Status status() const;

  /// The values of a map by key. Keys outside \p known or given twice, and values that are no map,
  /// are problems.
  std::map<std::string, YAML::Node> Map(const YAML::Node& node, const std::string& path,
                                        const std::vector<std::string_view>& known);

  /// Nothing, after a problem that says \p accepted, where \p node is not as the name says.
  std::optional<double> Number(const YAML::Node& node, const std::string& path, double low,
                               double high, const std::string& accepted);
  std::optional<base::Duration> Duration(const YAML::Node& node, const std::string& path);
  std::optional<bool> Bool(const YAML::Node& node, const std::string& path);
  /// Printable, 1 to 96 bytes: what a driver's buffers hold.
  std::optional<std::string> Text(const YAML::Node& node, const std::string& path);

 private:
  const std::string file_;
  std::vector<std::string> problems_;
};

/// The text of a scalar that is written without quotes, else nothing: "80" in quotes is text.
std::optional<std::string> PlainScalar(const YAML::Node& node);

/// \p node for a message: its text, or what kind it is.
std::string Describe(const YAML::Node& node);

}  // namespace kgs::base
