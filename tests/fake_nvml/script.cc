// SPDX-License-Identifier: Apache-2.0
#include "tests/fake_nvml/script.h"

#include <cstdio>
#include <cstdlib>
#include <sstream>

namespace kgs::fake_nvml {
namespace {

struct NumberKey {
  const char* key;
  int64_t GpuScript::* member;
};
constexpr NumberKey kNumbers[] = {
    {"minor", &GpuScript::minor},
    {"gpu_util", &GpuScript::gpu_util},
    {"mem_util", &GpuScript::mem_util},
    {"memory_total_mib", &GpuScript::memory_total_mib},
    {"memory_used_mib", &GpuScript::memory_used_mib},
    {"memory_reserved_mib", &GpuScript::memory_reserved_mib},
    {"temperature", &GpuScript::temperature},
    {"power_mw", &GpuScript::power_mw},
    {"pcie_tx_kbps", &GpuScript::pcie_tx_kbps},
    {"pcie_rx_kbps", &GpuScript::pcie_rx_kbps},
    {"samples_every_ms", &GpuScript::samples_every_ms},
    {"sample_type", &GpuScript::sample_type},
    {"sample_count", &GpuScript::sample_count},
    {"sample_count_short", &GpuScript::sample_count_short},
};

struct TextKey {
  const char* key;
  std::string GpuScript::* member;
};
constexpr TextKey kTexts[] = {
    {"uuid", &GpuScript::uuid},
    {"answered_uuid", &GpuScript::answered_uuid},
    {"name", &GpuScript::name},
    {"bus_id", &GpuScript::bus_id},
};

struct FlagKey {
  const char* key;
  bool GpuScript::* member;
};
constexpr FlagKey kFlags[] = {
    {"lost", &GpuScript::lost},
    {"samples_ignore_last_seen", &GpuScript::samples_ignore_last_seen},
    {"sample_fetch_refused", &GpuScript::sample_fetch_refused},
};

struct SamplesKey {
  const char* key;
  std::vector<double> GpuScript::* member;
};
constexpr SamplesKey kSamples[] = {
    {"gpu_samples", &GpuScript::gpu_samples},
    {"mem_samples", &GpuScript::mem_samples},
};

GpuScript NewGpu(size_t index) {
  char text[48];
  GpuScript gpu;
  std::snprintf(text, sizeof(text), "GPU-00000000-0000-0000-0000-%012zu", index);
  gpu.uuid = text;
  std::snprintf(text, sizeof(text), "00000000:%02zX:00.0", index);
  gpu.bus_id = text;
  gpu.minor = static_cast<int64_t>(index);
  return gpu;
}

/// Takes one line apart. Each function is false where the line is wrong.
class LineParser {
 public:
  LineParser(const std::string& line, Script& script)
      : words_(line), script_(script), gpu_(script.gpus.empty() ? nullptr : &script.gpus.back()) {}

  bool Parse() {
    std::string key;
    if (!(words_ >> key)) return true;
    if (key == "gpu") {
      script_.gpus.push_back(NewGpu(script_.gpus.size()));
      return AtEnd();
    }
    if (fake_driver::IsRuleKey(key)) {
      CallRules& rules = gpu_ == nullptr ? script_.rules : gpu_->rules;
      return fake_driver::ParseRule(key, words_, rules) && AtEnd();
    }
    if (gpu_ == nullptr) return key == "driver" && ParseText(script_.driver);
    return ParseGpuKey(key);
  }

 private:
  bool ParseGpuKey(const std::string& key) {
    for (const NumberKey& row : kNumbers) {
      if (key == row.key) return (words_ >> gpu_->*row.member) && AtEnd();
    }
    for (const TextKey& row : kTexts) {
      if (key == row.key) return ParseText(gpu_->*row.member);
    }
    for (const FlagKey& row : kFlags) {
      if (key == row.key) return (gpu_->*row.member = true) && AtEnd();
    }
    for (const SamplesKey& row : kSamples) {
      if (key == row.key) return ParseSamples(gpu_->*row.member);
    }
    return false;
  }

  bool ParseText(std::string& text) {
    text.clear();
    std::string word;
    while (words_ >> word) text += (text.empty() ? "" : " ") + word;
    return true;
  }

  bool ParseSamples(std::vector<double>& samples) {
    std::string word;
    while (words_ >> word) {
      char* end = nullptr;
      samples.push_back(std::strtod(word.c_str(), &end));
      if (*end != '\0') return false;
    }
    return !samples.empty();
  }

  bool AtEnd() {
    std::string rest;
    return !(words_ >> rest);
  }

  std::istringstream words_;
  Script& script_;
  GpuScript* gpu_;
};

}  // namespace

const GpuScript* Script::Find(const std::string& uuid) const {
  for (const GpuScript& gpu : gpus) {
    if (gpu.uuid == uuid) return &gpu;
  }
  return nullptr;
}

Script ParseScript(const std::string& file, const std::string& text) {
  Script script;
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    line = line.substr(0, line.find('#'));
    if (!LineParser(line, script).Parse()) {
      std::fprintf(stderr, "fake_nvml: %s:%d: cannot read: %s\n", file.c_str(), number,
                   line.c_str());
      std::abort();
    }
  }
  return script;
}

}  // namespace kgs::fake_nvml
