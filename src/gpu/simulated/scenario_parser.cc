// SPDX-License-Identifier: Apache-2.0
//
// ParseScenario: from YAML to values.
#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "base/yaml_reader.h"
#include "gpu/simulated/scenario.h"

namespace kgs::gpu::simulated {
namespace {

constexpr size_t kMostPoints = 10'000;
constexpr double kHighestMinor = 1'048'575;

/// The range of a quantity, and its words in messages.
struct Range {
  double low;
  double high;
  std::string words;
};

Range UpTo(double high, const std::string& unit) {
  return {0, high, "a number from 0 to " + base::FormatNumber(high) + unit};
}

class Parser {
 public:
  explicit Parser(const std::string& file) : reader_(file) {}

  absl::StatusOr<Scenario> Parse(const YAML::Node& root) {
    Scenario scenario;
    const auto top = reader_.Map(root, "", {"gpus"});
    const auto gpus = top.find("gpus");
    if (root.IsMap() && gpus == top.end()) reader_.Problem(root, "", "gpus is missing");
    if (gpus != top.end()) Gpus(gpus->second, &scenario);
    absl::Status status = reader_.status();
    if (!status.ok()) return status;
    return scenario;
  }

 private:
  using Values = std::map<std::string, YAML::Node>;

  void Gpus(const YAML::Node& list, Scenario* scenario) {
    if (!list.IsSequence() || list.size() > kMostGpus) {
      const bool many = list.IsSequence();
      reader_.Problem(list, "gpus",
                      (many ? "has " + std::to_string(list.size()) + " entries"
                            : "is " + base::Describe(list)) +
                          ", accepted: a list of at most " + std::to_string(kMostGpus) + " GPUs");
      return;
    }
    std::set<std::string> uuids;
    for (size_t i = 0; i < list.size(); ++i) {
      const std::string path = "gpus[" + std::to_string(i) + "]";
      scenario->gpus.push_back(Gpu(list[i], path, static_cast<int>(i)));
      const std::string& uuid = scenario->gpus.back().identity.uuid;
      if (!uuids.insert(uuid).second) {
        reader_.Problem(
            list[i], path + ".uuid",
            base::QuoteForMessage(uuid, 96) + " is another GPU's, accepted: a unique one");
      }
    }
  }

  SimulatedGpu Gpu(const YAML::Node& node, const std::string& path, int index) {
    std::vector<std::string_view> keys = {"name", "uuid", "minor_number", "pci_bus_id",
                                          "memory_total_mib"};
    for (const QuantityRow& row : Quantities()) keys.emplace_back(row.key);
    keys.emplace_back("lost");
    const Values values = reader_.Map(node, path, keys);
    SimulatedGpu gpu;
    gpu.identity = Identity(values, path, index);
    double most_memory = kMostMemoryMib;
    if (const auto total = values.find("memory_total_mib"); total != values.end()) {
      gpu.memory_total_mib =
          reader_.Number(total->second, path + ".memory_total_mib", 1, kMostMemoryMib,
                         "a number from 1 to " + base::FormatNumber(kMostMemoryMib) + " (MiB)");
      most_memory = gpu.memory_total_mib.value_or(kMostMemoryMib);
    }
    Range memory = UpTo(most_memory, " (MiB)");
    if (gpu.memory_total_mib) memory.words += ", its memory_total_mib";
    for (const QuantityRow& row : Quantities()) {
      const bool is_memory = row.metric == model::MetricId::kMemoryUsedMib;
      const Range range =
          is_memory ? memory : UpTo(row.highest, " (" + std::string(row.unit) + ")");
      gpu.quantities[model::Index(row.metric)] = QuantityOf(values, path, row.key, range);
    }
    if (const auto lost = values.find("lost"); lost != values.end()) {
      gpu.lost = Lost(lost->second, path + ".lost");
    }
    return gpu;
  }

  model::GpuIdentity Identity(const Values& values, const std::string& path, int index) {
    std::array<char, 64> buffer{};
    model::GpuIdentity identity;
    identity.index = index;
    std::snprintf(buffer.data(), buffer.size(), "GPU-51500000-0000-4000-8000-%012x",
                  static_cast<unsigned>(index));
    identity.uuid = TextOr(values, path, "uuid", buffer.data());
    identity.name = TextOr(values, path, "name", "Simulated GPU");
    std::snprintf(buffer.data(), buffer.size(), "%08X:%02X:00.0",
                  static_cast<unsigned>(index) / 256, static_cast<unsigned>(index) % 256);
    identity.pci_bus_id = TextOr(values, path, "pci_bus_id", buffer.data());
    identity.minor_number = index;
    if (const auto minor = values.find("minor_number"); minor != values.end()) {
      identity.minor_number = MinorNumber(minor->second, path + ".minor_number");
    }
    return identity;
  }

  std::optional<int> MinorNumber(const YAML::Node& node, const std::string& path) {
    const std::string accepted = "a whole number from 0 to " + base::FormatNumber(kHighestMinor);
    const auto number = reader_.Number(node, path, 0, kHighestMinor, accepted);
    if (!number) return std::nullopt;
    const int whole = static_cast<int>(*number);
    if (whole != *number)
      reader_.Problem(node, path, "is " + base::Describe(node) + ", accepted: " + accepted);
    return whole;
  }

  std::string TextOr(const Values& values, const std::string& path, const std::string& key,
                     const std::string& fallback) {
    const auto value = values.find(key);
    if (value == values.end()) return fallback;
    return reader_.Text(value->second, path + "." + key).value_or(fallback);
  }

  Quantity QuantityOf(const Values& values, const std::string& gpu_path, const std::string& key,
                      const Range& range) {
    const auto value = values.find(key);
    if (value == values.end()) return Unsupported{};
    const YAML::Node& node = value->second;
    const std::string path = gpu_path + "." + key;
    if (base::PlainScalar(node) == "unsupported") return Unsupported{};
    const std::string forms =
        range.words + ", unsupported, {failed: REASON}, {points: ...} and {wave: ...}";
    if (!node.IsMap()) {
      const auto number = reader_.Number(node, path, range.low, range.high, forms);
      return Curve(Constant{number.value_or(range.low)});
    }
    const Values form = reader_.Map(node, path, {"failed", "points", "loop", "shape", "wave"});
    const bool points = form.contains("points");
    const size_t kinds = form.count("failed") + form.count("points") + form.count("wave");
    if (kinds != 1 || (!points && form.size() != 1)) {
      reader_.Problem(node, path,
                      "accepted: exactly one of failed, points and wave; loop and shape go with "
                      "points");
      return Unsupported{};
    }
    if (points) return Curve(PointsOf(form, path, range));
    if (form.contains("wave")) return Curve(WaveOf(form.at("wave"), path + ".wave", range));
    return Failed{reader_.Text(form.at("failed"), path + ".failed").value_or("")};
  }

  Points PointsOf(const Values& form, const std::string& path, const Range& range) {
    Points curve;
    const YAML::Node& list = form.at("points");
    const std::string list_path = path + ".points";
    if (!list.IsSequence() || list.size() == 0 || list.size() > kMostPoints) {
      reader_.Problem(list, list_path,
                      "accepted: a list of 1 to " + base::FormatNumber(kMostPoints) +
                          " points such as [30s, 90]");
      return Points{.points = {{}}, .shape = {}, .loop = false};
    }
    for (size_t i = 0; i < list.size(); ++i) {
      const std::string point_path = list_path + "[" + std::to_string(i) + "]";
      curve.points.push_back(PointOf(list[i], point_path, range));
      if (i > 0 && curve.points[i].at <= curve.points[i - 1].at) {
        reader_.Problem(list[i], point_path, "accepted: a time after that of the point before");
      }
    }
    if (const auto shape = form.find("shape"); shape != form.end()) {
      curve.shape = ShapeOf(shape->second, path + ".shape");
    }
    if (const auto loop = form.find("loop"); loop != form.end()) {
      curve.loop = reader_.Bool(loop->second, path + ".loop").value_or(false);
      if (curve.loop && curve.points.back().at <= base::Duration::zero()) {
        reader_.Problem(list, list_path, "accepted with loop: a last point later than 0s");
      }
    }
    return curve;
  }

  Points::Point PointOf(const YAML::Node& node, const std::string& path, const Range& range) {
    if (!node.IsSequence() || node.size() != 2) {
      reader_.Problem(node, path,
                      "is " + base::Describe(node) + ", accepted: [TIME, VALUE] such as [30s, 90]");
      return {};
    }
    const auto at = reader_.Duration(node[0], path + "[0]");
    const auto value = reader_.Number(node[1], path + "[1]", range.low, range.high, range.words);
    return {at.value_or(base::Duration::zero()), value.value_or(range.low)};
  }

  Points::Shape ShapeOf(const YAML::Node& node, const std::string& path) {
    const auto text = base::PlainScalar(node);
    if (text != "linear" && text != "step") {
      reader_.Problem(node, path, "is " + base::Describe(node) + ", accepted: linear and step");
    }
    return text == "step" ? Points::Shape::kStep : Points::Shape::kLinear;
  }

  Wave WaveOf(const YAML::Node& node, const std::string& path, const Range& range) {
    const Values values = reader_.Map(node, path, {"low", "high", "period", "phase"});
    for (const char* key : {"low", "high", "period"}) {
      if (node.IsMap() && !values.contains(key)) {
        reader_.Problem(node, path, std::string(key) + " is missing");
      }
    }
    const auto number = [&](const char* key) {
      const auto value = values.find(key);
      if (value == values.end()) return range.low;
      return reader_.Number(value->second, path + "." + key, range.low, range.high, range.words)
          .value_or(range.low);
    };
    const auto duration = [&](const char* key) {
      const auto value = values.find(key);
      if (value == values.end()) return base::Duration::zero();
      return reader_.Duration(value->second, path + "." + key).value_or(base::Duration::zero());
    };
    const Wave wave{number("low"), number("high"), duration("period"), duration("phase")};
    if (wave.low > wave.high) reader_.Problem(node, path, "accepted: a low of at most high");
    if (const auto period = values.find("period");
        period != values.end() && wave.period <= base::Duration::zero()) {
      reader_.Problem(period->second, path + ".period", "accepted: more than 0s");
    }
    return wave;
  }

  std::optional<LostSpan> Lost(const YAML::Node& node, const std::string& path) {
    if (!node.IsMap()) {
      return reader_.Bool(node, path).value_or(false) ? std::optional(LostSpan{}) : std::nullopt;
    }
    const Values values = reader_.Map(node, path, {"from", "until"});
    LostSpan span;
    if (const auto from = values.find("from"); from != values.end()) {
      span.from = reader_.Duration(from->second, path + ".from").value_or(span.from);
    }
    if (const auto until = values.find("until"); until != values.end()) {
      span.until = reader_.Duration(until->second, path + ".until").value_or(span.until);
    }
    if (values.empty())
      reader_.Problem(node, path, "accepted: true, false, or from, until or both");
    if (span.from >= span.until) reader_.Problem(node, path, "accepted: an until later than from");
    return span;
  }

  base::YamlReader reader_;
};

}  // namespace

absl::StatusOr<Scenario> ParseScenario(const std::string& text, const std::string& file) {
  // The only place where yaml-cpp is entered: its exceptions end here.
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.size() > 1) {
      return absl::InvalidArgumentError(file + ": has " + std::to_string(documents.size()) +
                                        " YAML documents, accepted: one");
    }
    return Parser(file).Parse(documents.empty() ? YAML::Node() : documents[0]);
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(file + ":" +
                                      std::to_string(std::max(error.mark.line, 0) + 1) +
                                      ": not YAML: " + base::OneLine(error.msg));
  }
}

}  // namespace kgs::gpu::simulated
