// SPDX-License-Identifier: Apache-2.0
#include "tests/fake_nvml/script.h"

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <sstream>

#include "tests/fake_driver/script_keys.h"

namespace kgs::fake_nvml {
namespace {

constexpr fake_driver::NumberKey<GpuScript> kNumbers[] = {
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
    {"mig_mode", &GpuScript::mig_mode},
    {"mig_slots", &GpuScript::mig_slots},
    {"mig_hole", &GpuScript::mig_hole},
    {"compute_slices", &GpuScript::compute_slices},
    {"gpu_slices", &GpuScript::gpu_slices},
    {"gpm", &GpuScript::gpm},
    {"gpm_least_interval_ms", &GpuScript::gpm_least_interval_ms},
    {"event_types", &GpuScript::event_types},
    {"process_clock_s", &GpuScript::process_clock_s},
    {"process_room", &GpuScript::process_room},
    {"process_stray_at", &GpuScript::process_stray_at},
};

constexpr fake_driver::TextKey<GpuScript> kTexts[] = {
    {"uuid", &GpuScript::uuid},
    {"answered_uuid", &GpuScript::answered_uuid},
    {"name", &GpuScript::name},
    {"bus_id", &GpuScript::bus_id},
};

constexpr fake_driver::FlagKey<GpuScript> kFlags[] = {
    {"lost", &GpuScript::lost},
    {"samples_ignore_last_seen", &GpuScript::samples_ignore_last_seen},
    {"sample_fetch_refused", &GpuScript::sample_fetch_refused},
    {"process_garbage", &GpuScript::process_garbage},
    {"process_stray", &GpuScript::process_stray},
    {"processes_refused", &GpuScript::processes_refused},
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

GpuScript NewMig(const GpuScript& gpu) {
  GpuScript mig = NewGpu(0);
  mig.is_mig = true;
  mig.memory_total_mib = 10240;
  mig.minor = gpu.minor;
  mig.bus_id = gpu.bus_id;
  return mig;
}

/// Takes one line apart. Each function is false where the line is wrong.
class LineParser {
 public:
  LineParser(const std::string& line, Script& script)
      : words_(line), script_(script), gpu_(script.gpus.empty() ? nullptr : &script.gpus.back()) {
    if (gpu_ != nullptr && !gpu_->migs.empty()) gpu_ = &gpu_->migs.back();
  }

  bool Parse() {
    std::string key;
    if (!(words_ >> key)) return true;
    if (key == "gpu") {
      script_.gpus.push_back(NewGpu(script_.gpus.size()));
      return AtEnd();
    }
    if (key == "mig") return ParseMig();
    if (fake_driver::IsRuleKey(key)) {
      CallRules& rules = gpu_ == nullptr ? script_.rules : gpu_->rules;
      return fake_driver::ParseRule(key, words_, rules) && AtEnd();
    }
    if (gpu_ == nullptr) return key == "driver" && fake_driver::ParseText(words_, script_.driver);
    return ParseGpuKey(key);
  }

 private:
  bool ParseMig() {
    if (gpu_ == nullptr) return false;
    GpuScript& gpu = script_.gpus.back();
    GpuScript mig = NewMig(gpu);
    std::string profile;
    if (!(words_ >> mig.slot >> mig.gpu_instance >> mig.compute_instance >> profile)) return false;
    mig.name = gpu.name + " MIG " + profile;
    char text[48];
    std::snprintf(text, sizeof(text), "MIG-00000000-0000-0000-%04zx-%012llx",
                  script_.gpus.size() - 1, static_cast<unsigned long long>(mig.slot));
    mig.uuid = text;
    gpu.migs.push_back(std::move(mig));
    return AtEnd();
  }

  bool ParseField() {
    unsigned int id = 0;
    FieldScript field;
    if (!(words_ >> id >> field.type >> field.value)) return false;
    int64_t time = 0;
    if (words_ >> time) field.time_us = time;
    gpu_->fields[id] = field;
    words_.clear();
    return AtEnd();
  }

  bool ParseFieldRate() {
    unsigned int id = 0;
    FieldScript field;
    double per_second = 0;
    if (!(words_ >> id >> field.type >> per_second)) return false;
    field.per_second = per_second;
    gpu_->fields[id] = field;
    return AtEnd();
  }

  bool ParseXid() {
    XidScript xid;
    if (!(words_ >> xid.number >> xid.code)) return false;
    unsigned int instance = 0;
    if (words_ >> instance) xid.gpu_instance = instance;
    gpu_->xids.push_back(xid);
    words_.clear();
    return AtEnd();
  }

  /// Keys whose first word is an id.
  std::optional<bool> ParseNumbered(const std::string& key) {
    if (key == "field") return ParseField();
    if (key == "field_rate") return ParseFieldRate();
    if (key == "xid") return ParseXid();
    if (key != "gpm_metric" && key != "gpm_error" && key != "field_error") return std::nullopt;
    unsigned int id = 0;
    std::string word;
    if (!(words_ >> id >> word)) return false;
    char* end = nullptr;
    const double number = std::strtod(word.c_str(), &end);
    if (*end != '\0') return false;
    if (key == "gpm_metric") {
      gpu_->gpm_metrics[id].value = number;
    } else if (key == "gpm_error") {
      gpu_->gpm_metrics[id].error = static_cast<unsigned int>(number);
    } else {
      gpu_->fields[id].error = static_cast<unsigned int>(number);
    }
    return AtEnd();
  }

  bool ParseGpuKey(const std::string& key) {
    if (const auto parsed = ParseNumbered(key)) return *parsed;
    const auto parsed =
        fake_driver::ParseKey<GpuScript>(key, words_, kNumbers, kTexts, kFlags, *gpu_);
    if (parsed) return *parsed;
    for (const SamplesKey& row : kSamples) {
      if (key == row.key) return ParseSamples(gpu_->*row.member);
    }
    if (IsProcessKey(key)) return ParseProcess(key, words_, gpu_->processes) && AtEnd();
    return false;
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

  bool AtEnd() { return fake_driver::AtEnd(words_); }

  std::istringstream words_;
  Script& script_;
  GpuScript* gpu_;
};

}  // namespace

const GpuScript* Script::Find(const std::string& key) const {
  const std::string gpu_key = GpuKey(key);
  for (const GpuScript& gpu : gpus) {
    if (gpu.uuid != gpu_key) continue;
    if (key == gpu_key) return &gpu;
    for (const GpuScript& mig : gpu.migs) {
      if (gpu.mig_mode == 1 && MigKey(gpu.uuid, mig.slot) == key) return &mig;
    }
  }
  return nullptr;
}

std::string MigKey(const std::string& gpu_uuid, int64_t slot) {
  return gpu_uuid + "#" + std::to_string(slot);
}

std::string GpuKey(const std::string& key) { return key.substr(0, key.find('#')); }

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
