// SPDX-License-Identifier: Apache-2.0
#include "base/yaml_reader.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace kgs::base {
namespace {

constexpr size_t kMostProblemsShown = 8;
constexpr size_t kLongestText = 96;

std::string Child(const std::string& path, const std::string& key) {
  return path.empty() ? key : path + "." + key;
}

std::string UnknownKey(const std::string& key, const std::vector<std::string_view>& known) {
  std::string what = "unknown key " + QuoteForMessage(key);
  const std::string nearest = NearestWord(key, known);
  if (!nearest.empty()) what += ", did you mean " + nearest + "?";
  return what + " (accepted: " + JoinWithAnd(std::vector<std::string>(known.begin(), known.end())) +
         ")";
}

}  // namespace

std::optional<std::string> PlainScalar(const YAML::Node& node) {
  // yaml-cpp's tag for a scalar in quotes is "!", for a plain one "?".
  if (!node.IsScalar() || node.Tag() == "!") return std::nullopt;
  return node.Scalar();
}

std::string Describe(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Scalar:
      return QuoteForMessage(node.Scalar()) + (node.Tag() == "!" ? " in quotes" : "");
    case YAML::NodeType::Sequence:
      return "a list";
    case YAML::NodeType::Map:
      return "a map";
    default:
      return "nothing";
  }
}

void YamlReader::Problem(const YAML::Node& at, const std::string& path, const std::string& what) {
  std::string problem = file_ + ":" + std::to_string(std::max(at.Mark().line, 0) + 1) + ": ";
  if (!path.empty()) problem += path + ": ";
  problems_.push_back(problem + what);
}

absl::Status YamlReader::status() const {
  if (problems_.empty()) return absl::OkStatus();
  std::string message;
  for (size_t i = 0; i < std::min(problems_.size(), kMostProblemsShown); ++i) {
    if (i > 0) message += "; ";
    message += problems_[i];
  }
  if (problems_.size() > kMostProblemsShown) {
    message += "; and " + std::to_string(problems_.size() - kMostProblemsShown) + " more";
  }
  return absl::InvalidArgumentError(message);
}

std::map<std::string, YAML::Node> YamlReader::Map(const YAML::Node& node, const std::string& path,
                                                  const std::vector<std::string_view>& known) {
  std::map<std::string, YAML::Node> values;
  if (!node.IsMap()) {
    Problem(node, path,
            "is " + Describe(node) + ", accepted: a map of " +
                JoinWithAnd(std::vector<std::string>(known.begin(), known.end())));
    return values;
  }
  for (const auto& entry : node) {
    const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : Describe(entry.first);
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      Problem(entry.first, path, UnknownKey(key, known));
    } else if (!values.emplace(key, entry.second).second) {
      Problem(entry.first, Child(path, key), "is given twice");
    }
  }
  return values;
}

std::optional<double> YamlReader::Number(const YAML::Node& node, const std::string& path,
                                         double low, double high, const std::string& accepted) {
  const auto text = PlainScalar(node);
  const auto number = text ? ParseDouble(*text) : std::nullopt;
  // A comparison with NaN is false.
  if (number && low <= *number && *number <= high) return number;
  Problem(node, path, "is " + Describe(node) + ", accepted: " + accepted);
  return std::nullopt;
}

std::optional<base::Duration> YamlReader::Duration(const YAML::Node& node,
                                                   const std::string& path) {
  const auto duration = node.IsScalar() ? ParseDuration(node.Scalar()) : std::nullopt;
  if (!duration) {
    Problem(node, path,
            "is " + Describe(node) + ", accepted: a duration such as 500ms, 30s or 1m30s");
  }
  return duration;
}

std::optional<bool> YamlReader::Bool(const YAML::Node& node, const std::string& path) {
  const auto text = PlainScalar(node);
  if (text == "true") return true;
  if (text == "false") return false;
  Problem(node, path, "is " + Describe(node) + ", accepted: true and false");
  return std::nullopt;
}

std::optional<std::string> YamlReader::Text(const YAML::Node& node, const std::string& path) {
  if (node.IsScalar() && !node.Scalar().empty() && node.Scalar().size() <= kLongestText &&
      OneLine(node.Scalar()) == node.Scalar()) {
    return node.Scalar();
  }
  Problem(node, path, "is " + Describe(node) + ", accepted: text of 1 to 96 bytes on one line");
  return std::nullopt;
}

}  // namespace kgs::base
