// SPDX-License-Identifier: Apache-2.0
//
// The library behind the exported functions: sessions, and what the script says now. Thread-safe; a
// call that hangs or takes its time does so without a lock.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "gpu/rocm/abi.h"
#include "tests/fake_driver/files.h"
#include "tests/fake_rocm/script.h"

namespace kgs::fake_rocm {

namespace abi = gpu::rocm::abi;

class Driver {
 public:
  /// Never destroyed: calls may still hang in it when the process ends.
  static Driver& Instance();

  abi::Status Init();
  abi::Status ShutDown();
  /// Does what the script says of \p symbol, then \p body with the number of GPUs.
  abi::Status OnLibrary(const char* symbol,
                        const std::function<abi::Status(const Script&, uint32_t)>& body);
  /// The same for a call on one GPU.
  abi::Status OnGpu(const char* symbol, uint32_t index,
                    const std::function<abi::Status(const GpuScript&)>& body);

  uint64_t Calls(const std::string& symbol);

 private:
  using Lock = std::unique_lock<std::mutex>;

  Driver() = default;
  void Reload();
  fake_driver::CallRule Obey(Lock& lock, const char* symbol, const GpuScript* opened);
  const GpuScript* Now(const GpuScript& opened) const;

  std::mutex mutex_;
  fake_driver::ScriptFile script_file_{"FAKE_ROCM_SCRIPT"};
  fake_driver::CallCounts counts_{"FAKE_ROCM_CALLS"};
  Script script_;
  int sessions_ = 0;
  /// The GPUs as of the first rsmi_init; empty while no session is open.
  std::vector<GpuScript> opened_;
};

}  // namespace kgs::fake_rocm
