// SPDX-License-Identifier: Apache-2.0
#include "gpu/simulated/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <sstream>

namespace kgs::gpu::simulated {
namespace {

using namespace std::chrono_literals;
using model::MetricId;
using model::Missing;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const base::SteadyTime kTaken{base::SteadyTime(1h)};

Scenario Parse(const std::string& text) {
  auto scenario = ParseScenario(text, "gpus.yaml");
  EXPECT_TRUE(scenario.ok()) << scenario.status() << "\n" << text;
  return scenario.ok() ? *std::move(scenario) : Scenario{};
}

std::string ErrorOf(const std::string& text) {
  const auto scenario = ParseScenario(text, "gpus.yaml");
  EXPECT_EQ(scenario.status().code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(scenario.status().message());
}

/// A file with one GPU of one key, which stands on line 2.
std::string OneKey(const std::string& key_and_value) {
  return "gpus:\n  - " + key_and_value + "\n";
}

DeviceSample SampleOf(const std::string& gpu, base::Duration time = 0s) {
  const Scenario scenario = Parse(OneKey(gpu));
  return scenario.gpus.empty() ? DeviceSample{} : SampleAt(scenario.gpus[0], time, kTaken);
}

TEST(ScenarioTest, DefaultsComeFromTheIndex) {
  const Scenario scenario = Parse("gpus: [{}, {}, {temperature: 1}]");
  ASSERT_EQ(scenario.gpus.size(), 3u);
  const model::GpuIdentity& gpu = scenario.gpus[2].identity;
  EXPECT_EQ(gpu.index, 2);
  EXPECT_EQ(gpu.uuid, "GPU-51500000-0000-4000-8000-000000000002");
  EXPECT_EQ(gpu.name, "Simulated GPU");
  EXPECT_EQ(gpu.minor_number, 2);
  EXPECT_EQ(gpu.pci_bus_id, "00000000:02:00.0");
}

TEST(ScenarioTest, EveryKeyOfTheIdentity) {
  const Scenario scenario = Parse(
      "gpus: [{name: \"A \\\"100\\\"\", uuid: GPU-7, minor_number: 4, pci_bus_id: "
      "'0000:65:00.0'}]");
  ASSERT_EQ(scenario.gpus.size(), 1u);
  const model::GpuIdentity& gpu = scenario.gpus[0].identity;
  EXPECT_EQ(gpu.name, "A \"100\"");
  EXPECT_EQ(gpu.uuid, "GPU-7");
  EXPECT_EQ(gpu.minor_number, 4);
  EXPECT_EQ(gpu.pci_bus_id, "0000:65:00.0");
}

TEST(ScenarioTest, NoGpusIsAState) { EXPECT_TRUE(Parse("gpus: []").gpus.empty()); }

TEST(ScenarioTest, NumbersAreReadings) {
  const DeviceSample sample = SampleOf(
      "{gpu_utilization: 40, memory_utilization: 12.5, memory_used_mib: 256, "
      "memory_total_mib: 1024, temperature: 55, power_draw: 300, sm_utilization: 30, "
      "sm_occupancy: 20, tensor_utilization: 10, dram_bandwidth_utilization: 5, "
      "pcie_tx_kbps: 1000, pcie_rx_kbps: 2000, nvlink_tx_mbps: 60000, nvlink_rx_mbps: 50000}");
  EXPECT_EQ(sample.state, model::DeviceState::kPresent);
  EXPECT_EQ(sample.readings[MetricId::kGpuUtilization].value(), 40);
  EXPECT_EQ(sample.readings[MetricId::kMemoryUtilization].value(), 12.5);
  EXPECT_EQ(sample.readings[MetricId::kMemoryUsedMib].value(), 256);
  EXPECT_EQ(sample.readings[MetricId::kMemoryTotalMib].value(), 1024);
  EXPECT_EQ(sample.readings[MetricId::kMemoryUsedPercent].value(), 25);
  EXPECT_EQ(sample.readings[MetricId::kTemperature].value(), 55);
  EXPECT_EQ(sample.readings[MetricId::kPowerDraw].value(), 300);
  EXPECT_EQ(sample.readings[MetricId::kSmUtilization].value(), 30);
  EXPECT_EQ(sample.readings[MetricId::kDramBandwidthUtilization].value(), 5);
  EXPECT_EQ(sample.readings[MetricId::kPcieRxKbps].value(), 2000);
  EXPECT_EQ(sample.readings[MetricId::kNvlinkTxMbps].value(), 60000);
  for (const model::Reading& reading : sample.readings) EXPECT_EQ(reading.taken(), kTaken);
}

TEST(ScenarioTest, WhatIsNotSaidIsUnsupportedNotZero) {
  for (const model::Reading& reading : SampleOf("{}").readings) {
    EXPECT_FALSE(reading.has_value());
    EXPECT_EQ(reading.reason(), Missing::kUnsupported);
  }
}

TEST(ScenarioTest, UnsupportedAndFailed) {
  const DeviceSample sample = SampleOf(
      "{temperature: unsupported, power_draw: {failed: \"Unknown Error\"}, gpu_utilization: 1}");
  EXPECT_EQ(sample.readings[MetricId::kTemperature].reason(), Missing::kUnsupported);
  EXPECT_EQ(sample.readings[MetricId::kPowerDraw].reason(), Missing::kDriverError);
  EXPECT_EQ(sample.readings[MetricId::kPowerDraw].detail(), "simulated: Unknown Error");
  EXPECT_EQ(sample.readings[MetricId::kGpuUtilization].value(), 1);
}

TEST(ScenarioTest, UsedPercentNeedsBothOfItsParts) {
  const auto percent = [](const std::string& gpu) {
    return SampleOf(gpu).readings[MetricId::kMemoryUsedPercent];
  };
  EXPECT_EQ(percent("{memory_used_mib: 5}").reason(), Missing::kUnsupported);
  EXPECT_EQ(percent("{memory_total_mib: 5}").reason(), Missing::kUnsupported);
  EXPECT_EQ(percent("{memory_total_mib: 5, memory_used_mib: {failed: x}}").reason(),
            Missing::kDriverError);
  EXPECT_EQ(percent("{memory_total_mib: 5, memory_used_mib: 5}").value(), 100);
}

TEST(ScenarioTest, CurvesMove) {
  const std::string gpu =
      "{gpu_utilization: {points: [[0s, 10], [30s, 90]], loop: true, shape: step}, "
      "temperature: {points: [[0s, 10], [30s, 70]]}, "
      "power_draw: {wave: {low: 100, high: 300, period: 2m, phase: 30s}}}";
  const DeviceSample start = SampleOf(gpu);
  EXPECT_EQ(start.readings[MetricId::kGpuUtilization].value(), 10);
  EXPECT_EQ(start.readings[MetricId::kTemperature].value(), 10);
  EXPECT_NEAR(start.readings[MetricId::kPowerDraw].value(), 200, 1e-9);
  const DeviceSample later = SampleOf(gpu, 30s);
  EXPECT_EQ(later.readings[MetricId::kGpuUtilization].value(), 10) << "it starts over";
  EXPECT_EQ(later.readings[MetricId::kTemperature].value(), 70);
  EXPECT_NEAR(later.readings[MetricId::kPowerDraw].value(), 300, 1e-9);
}

TEST(ScenarioTest, ALostGpuHasNoReadings) {
  const DeviceSample sample = SampleOf("{lost: true, gpu_utilization: 50}");
  EXPECT_EQ(sample.state, model::DeviceState::kLost);
  EXPECT_EQ(sample.state_reason, kLostReason);
  for (const model::Reading& reading : sample.readings) EXPECT_FALSE(reading.has_value());
}

TEST(ScenarioTest, LostForAWhile) {
  const SimulatedGpu gpu = Parse(OneKey("{lost: {from: 30s, until: 60s}}")).gpus[0];
  EXPECT_FALSE(LostAt(gpu, 0s));
  EXPECT_FALSE(LostAt(gpu, 30s - 1ns));
  EXPECT_TRUE(LostAt(gpu, 30s));
  EXPECT_TRUE(LostAt(gpu, 60s - 1ns));
  EXPECT_FALSE(LostAt(gpu, 60s));
  EXPECT_TRUE(LostAt(Parse(OneKey("{lost: {from: 30s}}")).gpus[0], 1000h));
  EXPECT_TRUE(LostAt(Parse(OneKey("{lost: {until: 30s}}")).gpus[0], 0s));
  EXPECT_FALSE(LostAt(Parse(OneKey("{lost: false}")).gpus[0], 0s));
}

TEST(ScenarioTest, SameIdentitiesWhateverTheLoad) {
  const Scenario idle = Parse("gpus: [{temperature: 30}]");
  EXPECT_TRUE(SameIdentities(idle, Parse("gpus: [{temperature: 90, lost: true}]")));
  EXPECT_FALSE(SameIdentities(idle, Parse("gpus: [{name: other}]")));
  EXPECT_FALSE(SameIdentities(idle, Parse("gpus: [{uuid: other}]")));
  EXPECT_FALSE(SameIdentities(idle, Parse("gpus: [{}, {}]")));
  EXPECT_FALSE(SameIdentities(idle, Parse("gpus: []")));
}

TEST(ScenarioErrorTest, ListsEveryMistakeWithItsLine) {
  EXPECT_EQ(ErrorOf("gpus:\n  - memory_total: 1\n    temperature: hot\n  - lost: maybe\n"),
            "gpus.yaml:2: gpus[0]: unknown key \"memory_total\", did you mean memory_total_mib? "
            "(accepted: name, uuid, minor_number, pci_bus_id, memory_total_mib, gpu_utilization, "
            "memory_utilization, memory_used_mib, temperature, power_draw, sm_utilization, "
            "sm_occupancy, tensor_utilization, dram_bandwidth_utilization, pcie_tx_kbps, "
            "pcie_rx_kbps, nvlink_tx_mbps, nvlink_rx_mbps and lost); "
            "gpus.yaml:3: gpus[0].temperature: is \"hot\", accepted: a number from 0 to 200 "
            "(celsius), unsupported, {failed: REASON}, {points: ...} and {wave: ...}; "
            "gpus.yaml:4: gpus[1].lost: is \"maybe\", accepted: true and false");
}

TEST(ScenarioErrorTest, IsBoundedForAnyNumberOfMistakes) {
  std::string text = "gpus:\n";
  for (int i = 0; i < 1000; ++i) text += "  - lost: 7\n";
  EXPECT_THAT(ErrorOf(text), ::testing::EndsWith("; and 992 more"));
  EXPECT_LT(ErrorOf(text).size(), 2000u);
}

struct Mistake {
  const char* text;
  /// Of the message.
  const char* part;
};

class MistakeTest : public ::testing::TestWithParam<Mistake> {};

TEST_P(MistakeTest, IsRefusedAndNamed) {
  const std::string error = ErrorOf(GetParam().text);
  EXPECT_THAT(error, StartsWith("gpus.yaml:"));
  EXPECT_THAT(error, HasSubstr(GetParam().part));
  EXPECT_EQ(error.find('\n'), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    File, MistakeTest,
    ::testing::Values(Mistake{"", "is nothing, accepted: a map of gpus"},
                      Mistake{"[]", "is a list, accepted: a map"}, Mistake{"{}", "gpus is missing"},
                      Mistake{"gpu: []", "did you mean gpus?"},
                      Mistake{"gpus:", "gpus: is nothing, accepted: a list"},
                      Mistake{"gpus: {}", "gpus: is a map, accepted: a list"},
                      Mistake{"gpus: [1]", "gpus[0]: is \"1\", accepted: a map"},
                      Mistake{"gpus: []\ngpus: []\n", "gpus.yaml:2: gpus: is given twice"},
                      Mistake{"gpus: []\n---\ngpus: []\n", "2 YAML documents, accepted: one"},
                      Mistake{"gpus: [", "not YAML: "}, Mistake{"gpus: *nowhere", "not YAML: "},
                      Mistake{"gpus: [{a\xff: 1}]", "unknown key \"a?\""},
                      Mistake{"gpus: &a [*a]", "gpus[0]: is a list"},
                      Mistake{"gpus: [{? [1] : 2}]", "unknown key \"a list\""}));

INSTANTIATE_TEST_SUITE_P(
    Identity, MistakeTest,
    ::testing::Values(
        Mistake{"gpus: [{uuid: a}, {uuid: a}]", "gpus[1].uuid: \"a\" is another GPU's"},
        Mistake{"gpus: [{uuid: GPU-51500000-0000-4000-8000-000000000001}, {}]",
                "gpus[1].uuid: \"GPU-51500000-0000-4000-8000-000000000001\" is another GPU's"},
        Mistake{"gpus: [{name: ''}]", "gpus[0].name: is \"\" in quotes"},
        Mistake{"gpus: [{name: [a]}]", "gpus[0].name: is a list"},
        Mistake{"gpus: [{name: \"a\\nb\"}]", "accepted: text of 1 to 96 bytes on one line"},
        Mistake{"gpus: [{minor_number: -1}]", "whole number from 0 to 1048575"},
        Mistake{"gpus: [{minor_number: 0.5}]", "whole number from 0 to 1048575"},
        Mistake{"gpus: [{minor_number: 1e12}]", "whole number from 0 to 1048575"}));

INSTANTIATE_TEST_SUITE_P(
    Range, MistakeTest,
    ::testing::Values(
        Mistake{"gpus: [{gpu_utilization: -1}]", "from 0 to 100"},
        Mistake{"gpus: [{memory_utilization: 100.1}]", "from 0 to 100"},
        Mistake{"gpus: [{gpu_utilization: nan}]", "from 0 to 100"},
        Mistake{"gpus: [{power_draw: inf}]", "from 0 to 10000"},
        Mistake{"gpus: [{power_draw: .inf}]", "from 0 to 10000"},
        Mistake{"gpus: [{temperature: 201}]", "from 0 to 200"},
        Mistake{"gpus: [{temperature: \"50\"}]", "is \"50\" in quotes"},
        Mistake{"gpus: [{temperature: ~}]", "is nothing"},
        Mistake{"gpus: [{temperature: [1]}]", "is a list"},
        Mistake{"gpus: [{memory_total_mib: 0}]", "from 1 to"},
        Mistake{"gpus: [{memory_total_mib: 10, memory_used_mib: 11}]",
                "from 0 to 10 (MiB), its memory_total_mib"},
        Mistake{"gpus: [{memory_total_mib: 10, memory_used_mib: {points: [[0s, 1], [1s, 11]]}}]",
                "gpus[0].memory_used_mib.points[1][1]: is \"11\""},
        Mistake{"gpus: [{memory_total_mib: 10, memory_used_mib: {wave: {low: 1, high: 11, "
                "period: 1s}}}]",
                "gpus[0].memory_used_mib.wave.high: is \"11\""}));

INSTANTIATE_TEST_SUITE_P(
    Forms, MistakeTest,
    ::testing::Values(
        Mistake{"gpus: [{temperature: {}}]", "exactly one of failed, points and wave"},
        Mistake{"gpus: [{temperature: {failed: a, wave: {}}}]", "exactly one of"},
        Mistake{"gpus: [{temperature: {failed: a, loop: true}}]", "loop and shape go with points"},
        Mistake{"gpus: [{temperature: {failed: }}]", "temperature.failed: is nothing"},
        Mistake{"gpus: [{temperature: {failing: a}}]", "unknown key \"failing\""},
        Mistake{"gpus: [{temperature: {points: []}}]", "a list of 1 to 10000 points"},
        Mistake{"gpus: [{temperature: {points: [5]}}]", "points[0]: is \"5\", accepted: [TIME"},
        Mistake{"gpus: [{temperature: {points: [[0s, 1, 2]]}}]", "accepted: [TIME, VALUE]"},
        Mistake{"gpus: [{temperature: {points: [[0, 1]]}}]",
                "points[0][0]: is \"0\", accepted: a du"},
        Mistake{"gpus: [{temperature: {points: [[-1s, 1]]}}]", "accepted: a duration"},
        Mistake{"gpus: [{temperature: {points: [[1s, 1], [1s, 2]]}}]",
                "points[1]: accepted: a time after that of the point before"},
        Mistake{"gpus: [{temperature: {points: [[0s, 1]], loop: true}}]", "later than 0s"},
        Mistake{"gpus: [{temperature: {points: [[1s, 1]], loop: yes}}]", "true and false"},
        Mistake{"gpus: [{temperature: {points: [[1s, 1]], shape: round}}]", "linear and step"},
        Mistake{"gpus: [{temperature: {wave: 5}}]", "wave: is \"5\", accepted: a map"},
        Mistake{"gpus: [{temperature: {wave: {low: 1, high: 2}}}]", "period is missing"},
        Mistake{"gpus: [{temperature: {wave: {low: 1, high: 2, period: 0s}}}]", "more than 0s"},
        Mistake{"gpus: [{temperature: {wave: {low: 3, high: 2, period: 1s}}}]", "at most high"},
        Mistake{"gpus: [{temperature: {wave: {low: 1, high: 2, period: 1s, phase: 5}}}]",
                "wave.phase: is \"5\", accepted: a duration"},
        Mistake{"gpus: [{lost: {}}]", "from, until or both"},
        Mistake{"gpus: [{lost: {from: 9s, until: 9s}}]", "an until later than from"},
        Mistake{"gpus: [{lost: {after: 9s}}]", "unknown key \"after\""}));

TEST(ScenarioErrorTest, ALimitOfGpus) {
  std::string text = "gpus:\n";
  for (size_t i = 0; i < kMostGpus; ++i) text += "  - {}\n";
  EXPECT_EQ(Parse(text).gpus.size(), kMostGpus);
  EXPECT_EQ(ErrorOf(text + "  - {}\n"),
            "gpus.yaml:2: gpus: has 1025 entries, accepted: a list of at most 1024 GPUs");
}

TEST(ScenarioErrorTest, DeepNestingIsAnErrorNotACrash) {
  EXPECT_THAT(ErrorOf(std::string(100'000, '[')), StartsWith("gpus.yaml:"));
  std::string blocks;
  for (int i = 0; i < 2000; ++i) blocks += std::string(static_cast<size_t>(i), ' ') + "a:\n";
  EXPECT_THAT(ErrorOf(blocks), StartsWith("gpus.yaml:"));
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in.is_open()) << path;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(ScenarioFilesTest, TheExamplesOfTheDocumentParse) {
  const std::string document = ReadFile(KGS_ROOT "/docs/simulated-gpus.md");
  constexpr std::string_view kBegin = "```yaml\n";
  int examples = 0;
  for (size_t at = document.find(kBegin); at != std::string::npos;
       at = document.find(kBegin, at + 1), ++examples) {
    const size_t begin = at + kBegin.size();
    EXPECT_FALSE(Parse(document.substr(begin, document.find("```", begin) - begin)).gpus.empty());
  }
  EXPECT_GE(examples, 1);
}

TEST(ScenarioFilesTest, TheErrorOfTheDocumentIsARealOne) {
  const std::string error =
      ErrorOf("gpus:\n  - name: a\n    temperature: 1\n    gpu_utilization: 120\n");
  EXPECT_THAT(error, StartsWith("gpus.yaml:4: gpus[0].gpu_utilization: is \"120\", accepted: "));
  EXPECT_THAT(ReadFile(KGS_ROOT "/docs/simulated-gpus.md"), HasSubstr("\n" + error + "\n"));
}

TEST(ScenarioFilesTest, TheDocumentsTableHasEveryKey) {
  const std::string document = ReadFile(KGS_ROOT "/docs/simulated-gpus.md");
  std::string keys = ErrorOf(OneKey("unheard-of: 1"));
  keys = keys.substr(keys.find("(accepted: ") + 11);
  const std::regex word("[a-z_]+");
  int rows = 0;
  for (std::sregex_iterator it(keys.begin(), keys.end(), word), end; it != end; ++it) {
    if (it->str() == "and") continue;
    EXPECT_THAT(document, HasSubstr("\n| `" + it->str() + "` | "));
    ++rows;
  }
  EXPECT_EQ(rows, 19);
}

TEST(ScenarioFilesTest, TheFormsOfTheDocumentsTableParse) {
  std::istringstream document(ReadFile(KGS_ROOT "/docs/simulated-gpus.md"));
  int forms = 0;
  bool in_table = false;
  for (std::string line; std::getline(document, line);) {
    if (line.starts_with("| Form |")) {
      in_table = true;
    } else if (!line.starts_with("|")) {
      in_table = false;
    } else if (in_table && line.starts_with("| `")) {
      std::string form = line.substr(3, line.find('`', 3) - 3);
      if (const size_t dots = form.find("..."); dots != std::string::npos) {
        form.replace(dots, 3, "[[0s, 10], [30s, 90]]");
      }
      SCOPED_TRACE(form);
      Parse(OneKey("gpu_utilization: " + form));
      ++forms;
    }
  }
  EXPECT_EQ(forms, 7);
}

TEST(ScenarioFilesTest, TheScriptsFileMakesTriggersRiseAndFall) {
  const Scenario scenario = Parse(ReadFile(KGS_ROOT "/scripts/simulated-gpus.yaml"));
  ASSERT_EQ(scenario.gpus.size(), 2u);
  double highest = 0;
  double highest_memory = 0;
  int idle_seconds = 0;
  for (base::Duration time = 0s; time < 2min; time += 1s) {
    double utilization = 0;
    for (const SimulatedGpu& gpu : scenario.gpus) {
      const model::Readings readings = SampleAt(gpu, time, kTaken).readings;
      for (const model::MetricId metric :
           {MetricId::kMemoryUtilization, MetricId::kTemperature, MetricId::kPowerDraw}) {
        ASSERT_TRUE(readings[metric].has_value());
      }
      utilization = std::max(utilization, readings[MetricId::kGpuUtilization].value());
      highest_memory = std::max(highest_memory, readings[MetricId::kMemoryUsedPercent].value());
    }
    highest = std::max(highest, utilization);
    if (utilization == 0) ++idle_seconds;
  }
  EXPECT_GT(highest, 80) << "the default target";
  EXPECT_GT(highest_memory, 80) << "the target of profile vllm-inference";
  EXPECT_GE(idle_seconds, 20) << "not active, for longer than KEDA's usual poll";
}

}  // namespace
}  // namespace kgs::gpu::simulated
