// SPDX-License-Identifier: Apache-2.0
#include "tests/fake_nvml/driver.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <set>

namespace kgs::fake_nvml {
namespace {

constexpr size_t kRingSize = 100;
constexpr char kPcieThroughput[] = "nvmlDeviceGetPcieThroughput";
constexpr unsigned int kPcieThroughputMs = 20;

uint64_t NowMicros() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

/// A MIG device has no utilization, samples, sensors, counters or events of its own, and a GPU that
/// has MIG enabled no utilization.
bool Offers(const GpuScript& gpu, const std::string& symbol) {
  static const std::set<std::string> kOfGpuAlone = {
      "nvmlDeviceGetUtilizationRates", "nvmlDeviceGetSamples", "nvmlDeviceGetProcessUtilization"};
  static const std::set<std::string> kNotOfMig = {
      "nvmlDeviceGetTemperature", "nvmlDeviceGetTemperatureV",
      "nvmlDeviceGetPowerUsage",  "nvmlDeviceGetPcieThroughput",
      "nvmlDeviceGetFieldValues", "nvmlDeviceGetSupportedEventTypes",
      "nvmlDeviceRegisterEvents", "nvmlDeviceGetMigMode"};
  if (kOfGpuAlone.contains(symbol)) return !gpu.is_mig && gpu.mig_mode != 1;
  return !gpu.is_mig || !kNotOfMig.contains(symbol);
}

}  // namespace

void Ring::Push(uint64_t stamp, double value) {
  last_stamp_ = std::max(last_stamp_ + 1, stamp);
  entries_.push_back({last_stamp_, value});
  if (entries_.size() > kRingSize) entries_.pop_front();
}

void Ring::Append(const std::vector<double>& values) {
  for (const double value : values) Push(NowMicros(), value);
}

void Ring::AppendByClock(double value, int64_t period_ms) {
  const uint64_t now = NowMicros();
  const uint64_t period = static_cast<uint64_t>(period_ms) * 1000;
  if (entries_.empty()) last_stamp_ = now - std::min(now, period * kRingSize);
  last_stamp_ = std::max(last_stamp_, now - std::min(now, period * kRingSize));
  while (last_stamp_ + period <= now) Push(last_stamp_ + period, value);
}

std::vector<Ring::Entry> Ring::NewerThan(uint64_t stamp) const {
  std::vector<Entry> newer;
  std::copy_if(entries_.begin(), entries_.end(), std::back_inserter(newer),
               [stamp](const Entry& entry) { return entry.stamp > stamp; });
  return newer;
}

Driver& Driver::Instance() {
  static Driver* const driver = new Driver;
  return *driver;
}

void Driver::Reload() {
  std::string text;
  if (!script_file_.Changed(text)) return;
  script_ = ParseScript(script_file_.name(), text);
  for (const GpuScript& gpu : script_.gpus) {
    rings_[gpu.uuid].gpu.Append(gpu.gpu_samples);
    rings_[gpu.uuid].mem.Append(gpu.mem_samples);
  }
}

uint64_t Driver::Calls(const std::string& symbol) {
  const Lock lock(mutex_);
  return counts_.Of(symbol);
}

CallRule Driver::RuleFor(const char* symbol, const std::string& gpu) const {
  CallRule rule;
  const GpuScript* script = gpu.empty() ? nullptr : script_.Find(gpu);
  if (script != nullptr) rule.Merge(script->rules, symbol);
  rule.Merge(script_.rules, symbol);
  if (!rule.delay_ms && symbol == std::string(kPcieThroughput)) rule.delay_ms = kPcieThroughputMs;
  return rule;
}

CallRule Driver::Obey(Lock& lock, const char* symbol, const std::string& gpu) {
  return fake_driver::Obey(lock, [&] {
    Reload();
    return RuleFor(symbol, gpu);
  });
}

abi::Return Driver::OnDriver(const char* symbol, const DriverBody& body) {
  Lock lock(mutex_);
  counts_.Count(symbol);
  Reload();
  const CallRule rule = Obey(lock, symbol, "");
  if (sessions_ == 0) return abi::kUninitialized;
  if (rule.error) return static_cast<abi::Return>(*rule.error);
  return body(script_);
}

abi::Return Driver::OnGpu(const char* symbol, abi::Device device, const GpuBody& body) {
  Lock lock(mutex_);
  if (*symbol != '\0') counts_.Count(symbol);
  Reload();
  if (sessions_ == 0) return abi::kUninitialized;
  std::string key;
  if (!Resolve(device, key)) return abi::kInvalidArgument;
  const CallRule rule = Obey(lock, symbol, key);
  if (sessions_ == 0) return abi::kUninitialized;
  const GpuScript* whole = script_.Find(GpuKey(key));
  if (whole == nullptr || whole->lost) return abi::kGpuIsLost;
  const GpuScript* gpu = script_.Find(key);
  if (gpu == nullptr) return abi::kInvalidArgument;
  if (gpu->lost) return abi::kGpuIsLost;
  if (rule.error) return static_cast<abi::Return>(*rule.error);
  if (!Offers(*gpu, symbol)) return abi::kNotSupported;
  return body(*gpu, rings_[key]);
}

abi::Return Driver::MigHandle(const char* symbol, abi::Device gpu, unsigned int slot,
                              abi::Device* device) {
  const std::string key = KeyOf(gpu);
  bool found = false;
  const abi::Return code = OnGpu(symbol, gpu, [&](const GpuScript& script, GpuRings&) {
    if (slot >= static_cast<unsigned int>(script.mig_slots)) return abi::kInvalidArgument;
    found = script.mig_mode == 1 &&
            std::any_of(script.migs.begin(), script.migs.end(),
                        [slot](const GpuScript& mig) { return mig.slot == slot; });
    return found ? abi::kSuccess : static_cast<abi::Return>(script.mig_hole);
  });
  if (code == abi::kSuccess) *device = HandleOf(MigKey(key, slot));
  return code;
}

std::string Driver::KeyOf(abi::Device device) {
  const Lock lock(mutex_);
  std::string key;
  Resolve(device, key);
  return key;
}

abi::Device Driver::HandleOf(const std::string& key) {
  const Lock lock(mutex_);
  return MakeHandle(key);
}

void Driver::CountHeld(int change) {
  const Lock lock(mutex_);
  held_ += change;
}

abi::Return Driver::Init() {
  Lock lock(mutex_);
  counts_.Count("nvmlInit_v2");
  if (!script_file_.given()) return abi::kDriverNotLoaded;
  Reload();
  const CallRule rule = Obey(lock, "nvmlInit_v2", "");
  if (rule.error) return static_cast<abi::Return>(*rule.error);
  if (++sessions_ > 1) return abi::kSuccess;
  ++generation_;
  handles_.clear();
  rings_.clear();
  for (const GpuScript& gpu : script_.gpus) {
    rings_[gpu.uuid].gpu.Append(gpu.gpu_samples);
    rings_[gpu.uuid].mem.Append(gpu.mem_samples);
  }
  return abi::kSuccess;
}

abi::Return Driver::Shutdown() {
  return OnDriver("nvmlShutdown", [this](const Script&) {
    if (sessions_ == 1 && held_ != 0) {
      std::fprintf(stderr, "fake_nvml: nvmlShutdown with %d samples or event sets out\n", held_);
      std::abort();
    }
    --sessions_;
    return abi::kSuccess;
  });
}

abi::Return Driver::HandleByIndex(unsigned int index, abi::Device* device) {
  constexpr char kSymbol[] = "nvmlDeviceGetHandleByIndex_v2";
  Lock lock(mutex_);
  counts_.Count(kSymbol);
  Reload();
  if (sessions_ == 0) return abi::kUninitialized;
  if (index >= script_.gpus.size()) return abi::kInvalidArgument;
  const std::string uuid = script_.gpus[index].uuid;
  const CallRule rule = Obey(lock, kSymbol, uuid);
  if (sessions_ == 0) return abi::kUninitialized;
  const GpuScript* gpu = script_.Find(uuid);
  if (gpu == nullptr || gpu->lost) return abi::kGpuIsLost;
  if (rule.error) return static_cast<abi::Return>(*rule.error);
  *device = MakeHandle(uuid);
  return abi::kSuccess;
}

// Handles are numbers that nobody dereferences: the generation, and a place in handles_ from 1.
abi::Device Driver::MakeHandle(const std::string& uuid) {
  auto place = std::find(handles_.begin(), handles_.end(), uuid);
  if (place == handles_.end()) place = handles_.insert(place, uuid);
  const auto number = static_cast<uint64_t>(place - handles_.begin()) + 1;
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  return reinterpret_cast<abi::Device>(generation_ << 16U | number);
}

bool Driver::Resolve(abi::Device device, std::string& uuid) const {
  const auto number = reinterpret_cast<uintptr_t>(device);
  const uint64_t place = number & 0xffffU;
  if (number >> 16U != generation_ || place == 0 || place > handles_.size()) return false;
  uuid = handles_[place - 1];
  return true;
}

}  // namespace kgs::fake_nvml
