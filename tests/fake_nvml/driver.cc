// SPDX-License-Identifier: Apache-2.0
#include "tests/fake_nvml/driver.h"

#include <algorithm>
#include <chrono>

namespace kgs::fake_nvml {
namespace {

constexpr size_t kRingSize = 100;
constexpr char kPcieThroughput[] = "nvmlDeviceGetPcieThroughput";
constexpr unsigned int kPcieThroughputMs = 20;

uint64_t NowMicros() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
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
  counts_.Count(symbol);
  Reload();
  if (sessions_ == 0) return abi::kUninitialized;
  std::string uuid;
  if (!Resolve(device, uuid)) return abi::kInvalidArgument;
  const CallRule rule = Obey(lock, symbol, uuid);
  if (sessions_ == 0) return abi::kUninitialized;
  const GpuScript* gpu = script_.Find(uuid);
  if (gpu == nullptr || gpu->lost) return abi::kGpuIsLost;
  if (rule.error) return static_cast<abi::Return>(*rule.error);
  return body(*gpu, rings_[uuid]);
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
