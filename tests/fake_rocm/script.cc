// SPDX-License-Identifier: Apache-2.0
#include "tests/fake_rocm/script.h"

#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "tests/fake_driver/script_keys.h"

namespace kgs::fake_rocm {
namespace {

constexpr fake_driver::NumberKey<GpuScript> kNumbers[] = {
    {"partition", &GpuScript::partition},
    {"busy", &GpuScript::busy},
    {"mem_busy", &GpuScript::mem_busy},
    {"vram_total_mib", &GpuScript::vram_total_mib},
    {"vram_used_mib", &GpuScript::vram_used_mib},
    {"edge_mc", &GpuScript::edge_mc},
    {"junction_mc", &GpuScript::junction_mc},
    {"power_uw", &GpuScript::power_uw},
    {"average_power_uw", &GpuScript::average_power_uw},
};

constexpr fake_driver::TextKey<GpuScript> kTexts[] = {
    {"pci", &GpuScript::pci},
    {"answered_pci", &GpuScript::answered_pci},
    {"unique_id", &GpuScript::unique_id},
    {"name", &GpuScript::name},
};

constexpr fake_driver::FlagKey<GpuScript> kFlags[] = {
    {"no_edge", &GpuScript::no_edge},
    {"no_junction", &GpuScript::no_junction},
};

GpuScript NewGpu(size_t index) {
  char text[48];
  GpuScript gpu;
  std::snprintf(text, sizeof(text), "0000:%02zx:00.0", index + 3);
  gpu.pci = text;
  std::snprintf(text, sizeof(text), "%zx", index + 1);
  gpu.unique_id = text;
  return gpu;
}

/// False where \p line is wrong.
bool ParseLine(const std::string& line, Script& script) {
  std::istringstream words(line);
  GpuScript* gpu = script.gpus.empty() ? nullptr : &script.gpus.back();
  std::string key;
  if (!(words >> key)) return true;
  if (key == "gpu") {
    script.gpus.push_back(NewGpu(script.gpus.size()));
    return fake_driver::AtEnd(words);
  }
  if (fake_driver::IsRuleKey(key)) {
    fake_driver::CallRules& rules = gpu == nullptr ? script.rules : gpu->rules;
    return fake_driver::ParseRule(key, words, rules) && fake_driver::AtEnd(words);
  }
  if (gpu == nullptr) return key == "driver" && fake_driver::ParseText(words, script.driver);
  return fake_driver::ParseKey<GpuScript>(key, words, kNumbers, kTexts, kFlags, *gpu)
      .value_or(false);
}

}  // namespace

uint64_t GpuScript::PciId() const {
  unsigned int domain = 0;
  unsigned int bus = 0;
  unsigned int device = 0;
  unsigned int function = 0;
  const std::string& address = answered_pci.empty() ? pci : answered_pci;
  if (std::sscanf(address.c_str(), "%x:%x:%x.%x", &domain, &bus, &device, &function) != 4) {
    std::fprintf(stderr, "fake_rocm: no PCI address: %s\n", address.c_str());
    std::abort();
  }
  return static_cast<uint64_t>(domain) << 32U | static_cast<uint64_t>(partition) << 28U |
         bus << 8U | device << 3U | function;
}

const GpuScript* Script::Find(const std::string& pci, int64_t partition) const {
  for (const GpuScript& gpu : gpus) {
    if (gpu.pci == pci && gpu.partition == partition) return &gpu;
  }
  return nullptr;
}

Script ParseScript(const std::string& file, const std::string& text) {
  Script script;
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    line = line.substr(0, line.find('#'));
    if (!ParseLine(line, script)) {
      std::fprintf(stderr, "fake_rocm: %s:%d: cannot read: %s\n", file.c_str(), number,
                   line.c_str());
      std::abort();
    }
  }
  return script;
}

}  // namespace kgs::fake_rocm
