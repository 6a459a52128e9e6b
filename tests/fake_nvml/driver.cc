// SPDX-License-Identifier: Apache-2.0
#include "tests/fake_nvml/driver.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

namespace kgs::fake_nvml {
namespace {

constexpr size_t kRingSize = 100;
constexpr auto kHangPoll = std::chrono::milliseconds(2);
constexpr char kPcieThroughput[] = "nvmlDeviceGetPcieThroughput";
constexpr unsigned int kPcieThroughputMs = 20;

uint64_t NowMicros() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

std::string Environment(const char* name) {
  // Read once, under the lock of a static's construction. NOLINTNEXTLINE(concurrency-mt-unsafe)
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
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

Driver::Driver() : script_file_(Environment("FAKE_NVML_SCRIPT")) {
  const std::string counts = Environment("FAKE_NVML_CALLS");
  if (!counts.empty()) {
    counts_file_ = open(counts.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
  }
}

void Driver::Reload() {
  struct stat now{};
  if (stat(script_file_.c_str(), &now) != 0) return;
  const FileStamp stamp = {now.st_ino, now.st_size, now.st_mtim.tv_sec, now.st_mtim.tv_nsec};
  if (stamp == stamp_) return;
  stamp_ = stamp;
  std::ifstream file(script_file_);
  std::ostringstream text;
  text << file.rdbuf();
  script_ = ParseScript(script_file_, text.str());
  for (const GpuScript& gpu : script_.gpus) {
    rings_[gpu.uuid].gpu.Append(gpu.gpu_samples);
    rings_[gpu.uuid].mem.Append(gpu.mem_samples);
  }
}

void Driver::Count(const char* symbol) {
  const auto [entry, is_new] = counts_.try_emplace(symbol);
  CallCount& count = entry->second;
  if (is_new) count.line = counts_.size() - 1;
  ++count.calls;
  if (counts_file_ < 0) return;
  char line[65];
  const int length = std::snprintf(line, sizeof(line), "%-48s %14llu\n", symbol,
                                   static_cast<unsigned long long>(count.calls));
  if (pwrite(counts_file_, line, static_cast<size_t>(length),
             static_cast<off_t>(count.line) * length) != length) {
    std::perror("fake_nvml: FAKE_NVML_CALLS");
    std::abort();
  }
}

uint64_t Driver::Calls(const std::string& symbol) {
  const Lock lock(mutex_);
  const auto found = counts_.find(symbol);
  return found == counts_.end() ? 0 : found->second.calls;
}

CallRule Driver::RuleFor(const char* symbol, const std::string& gpu) const {
  CallRule rule;
  const auto merge = [&](const CallRules& rules) {
    const auto found = rules.find(symbol);
    if (found == rules.end()) return;
    if (!rule.error) rule.error = found->second.error;
    if (!rule.delay_ms) rule.delay_ms = found->second.delay_ms;
    rule.hang |= found->second.hang;
  };
  const GpuScript* script = gpu.empty() ? nullptr : script_.Find(gpu);
  if (script != nullptr) merge(script->rules);
  merge(script_.rules);
  if (!rule.delay_ms && symbol == std::string(kPcieThroughput)) rule.delay_ms = kPcieThroughputMs;
  return rule;
}

CallRule Driver::Obey(Lock& lock, const char* symbol, const std::string& gpu) {
  const auto wait = [&lock](auto duration) {
    lock.unlock();
    std::this_thread::sleep_for(duration);
    lock.lock();
  };
  CallRule rule = RuleFor(symbol, gpu);
  if (rule.delay_ms) wait(std::chrono::milliseconds(*rule.delay_ms));
  while (rule.hang) {
    wait(kHangPoll);
    Reload();
    rule = RuleFor(symbol, gpu);
  }
  return rule;
}

abi::Return Driver::OnDriver(const char* symbol, const DriverBody& body) {
  Lock lock(mutex_);
  Count(symbol);
  Reload();
  const CallRule rule = Obey(lock, symbol, "");
  if (sessions_ == 0) return abi::kUninitialized;
  if (rule.error) return static_cast<abi::Return>(*rule.error);
  return body(script_);
}

abi::Return Driver::OnGpu(const char* symbol, abi::Device device, const GpuBody& body) {
  Lock lock(mutex_);
  Count(symbol);
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
  Count("nvmlInit_v2");
  if (script_file_.empty()) return abi::kDriverNotLoaded;
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
  Count(kSymbol);
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
