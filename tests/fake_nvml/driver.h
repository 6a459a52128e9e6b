// SPDX-License-Identifier: Apache-2.0
//
// The driver behind the exported functions: sessions, handles, rings, and what the script says now.
// Thread-safe; a call that hangs or takes its time does so without a lock.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "gpu/nvml/abi.h"
#include "tests/fake_driver/files.h"
#include "tests/fake_nvml/script.h"

namespace kgs::fake_nvml {

namespace abi = gpu::nvml::abi;

/// The driver's buffer of one kind of samples of one GPU, oldest first.
class Ring {
 public:
  struct Entry {
    uint64_t stamp;
    double value;
  };

  void Append(const std::vector<double>& values);
  /// Adds \p value for every \p period_ms that passed; a new ring is full of it.
  void AppendByClock(double value, int64_t period_ms);
  std::vector<Entry> NewerThan(uint64_t stamp) const;

 private:
  void Push(uint64_t stamp, double value);

  std::deque<Entry> entries_;
  uint64_t last_stamp_ = 0;
};

struct GpuRings {
  Ring gpu;
  Ring mem;
};

class Driver {
 public:
  /// Never destroyed: calls may still hang in it when the process ends.
  static Driver& Instance();

  using DriverBody = std::function<abi::Return(const Script&)>;
  using GpuBody = std::function<abi::Return(const GpuScript&, GpuRings&)>;

  /// Does what the script says of \p symbol, then \p body while a session is open.
  abi::Return OnDriver(const char* symbol, const DriverBody& body);
  /// The same for a call on one GPU. An empty \p symbol is a part of another call: it has no rules
  /// and is not counted.
  abi::Return OnGpu(const char* symbol, abi::Device device, const GpuBody& body);

  /// What \p symbol answers of the MIG device in a slot of \p gpu.
  abi::Return MigHandle(const char* symbol, abi::Device gpu, unsigned int slot,
                        abi::Device* device);
  /// The key of a handle, as the bodies of calls have it no other way.
  std::string KeyOf(abi::Device device);
  abi::Device HandleOf(const std::string& key);
  /// Something of the session is handed out (+1) or given back (-1): nvmlShutdown ends the process
  /// while any is out.
  void CountHeld(int change);

  abi::Return Init();
  abi::Return Shutdown();
  abi::Return HandleByIndex(unsigned int index, abi::Device* device);

  uint64_t Calls(const std::string& symbol);

 private:
  using Lock = std::unique_lock<std::mutex>;

  Driver() = default;
  /// Reads the script again if it changed.
  void Reload();
  /// Waits as the script says of \p symbol on \p gpu (empty: of the driver), then returns the rule.
  CallRule Obey(Lock& lock, const char* symbol, const std::string& gpu);
  CallRule RuleFor(const char* symbol, const std::string& gpu) const;
  abi::Device MakeHandle(const std::string& uuid);
  /// False for a handle of another session.
  bool Resolve(abi::Device device, std::string& uuid) const;

  std::mutex mutex_;
  fake_driver::ScriptFile script_file_{"FAKE_NVML_SCRIPT"};
  fake_driver::CallCounts counts_{"FAKE_NVML_CALLS"};
  Script script_;
  int sessions_ = 0;
  int held_ = 0;
  /// Which run of sessions handles belong to.
  uint64_t generation_ = 0;
  /// UUIDs of the GPUs that handles were given out for in this generation.
  std::vector<std::string> handles_;
  std::map<std::string, GpuRings> rings_;
};

}  // namespace kgs::fake_nvml
