// SPDX-License-Identifier: Apache-2.0
//
// librocm_smi64 as loaded into this process, and the one way to call it.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <vector>

#include "gpu/call_mark.h"
#include "gpu/rocm/abi.h"
#include "gpu/symbol.h"

namespace kgs::gpu::rocm {

/// The names to try. What we call is the same in every release, so the newest knows most; AMD
/// counts 5, 6, 7 and then 1 again, which is also Debian's. The last is a developer's link.
std::vector<std::string> Sonames();

/// Immutable once loaded; any thread may call through it: it locks each GPU by itself.
class Library {
 public:
  /// Loads the first of \p files that there is and binds every symbol. UNAVAILABLE, in stable
  /// words, where none can be loaded or the first lacks a required symbol.
  static absl::StatusOr<std::shared_ptr<const Library>> Load(const std::vector<std::string>& files);

  std::vector<CallCost> CallCosts() const { return CostsOf(table_); }

 private:
  Library() = default;
  /// Every member below, in order.
  std::vector<SymbolBase*> table_;

 public:
  // THE table of symbols. A library that lacks a required one is of no use to us; a missing
  // optional one costs the one value that needs it.
  Symbol<abi::rsmi_init> init{table_, "rsmi_init", Need::kRequired};
  Symbol<abi::rsmi_shut_down> shut_down{table_, "rsmi_shut_down", Need::kRequired};
  Symbol<abi::rsmi_num_monitor_devices> device_count{table_, "rsmi_num_monitor_devices",
                                                     Need::kRequired};
  Symbol<abi::rsmi_dev_pci_id_get> pci_id{table_, "rsmi_dev_pci_id_get", Need::kRequired};
  Symbol<abi::rsmi_version_str_get> version{table_, "rsmi_version_str_get", Need::kOptional};
  Symbol<abi::rsmi_dev_unique_id_get> unique_id{table_, "rsmi_dev_unique_id_get", Need::kOptional};
  Symbol<abi::rsmi_dev_name_get> name{table_, "rsmi_dev_name_get", Need::kOptional};
  Symbol<abi::rsmi_dev_busy_percent_get> busy_percent{table_, "rsmi_dev_busy_percent_get",
                                                      Need::kOptional};
  Symbol<abi::rsmi_dev_memory_busy_percent_get> memory_busy_percent{
      table_, "rsmi_dev_memory_busy_percent_get", Need::kOptional};
  Symbol<abi::rsmi_dev_memory_total_get> memory_total{table_, "rsmi_dev_memory_total_get",
                                                      Need::kOptional};
  Symbol<abi::rsmi_dev_memory_usage_get> memory_usage{table_, "rsmi_dev_memory_usage_get",
                                                      Need::kOptional};
  Symbol<abi::rsmi_dev_temp_metric_get> temperature{table_, "rsmi_dev_temp_metric_get",
                                                    Need::kOptional};
  Symbol<abi::rsmi_dev_power_get> power{table_, "rsmi_dev_power_get", Need::kOptional};
  Symbol<abi::rsmi_dev_power_ave_get> power_average{table_, "rsmi_dev_power_ave_get",
                                                    Need::kOptional};
};

/// Calls \p symbol, showing its name in \p mark while it lasts.
template <typename Function, typename... Args>
abi::Status Invoke(CallMark& mark, const Symbol<Function>& symbol, Args... args) {
  return InvokeOr(abi::kNoSuchFunction, mark, symbol, args...);
}

}  // namespace kgs::gpu::rocm
