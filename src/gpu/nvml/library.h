// SPDX-License-Identifier: Apache-2.0
//
// libnvidia-ml.so.1 as loaded into this process, and the one way to call it.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <vector>

#include "gpu/call_mark.h"
#include "gpu/nvml/abi.h"
#include "gpu/symbol.h"

namespace kgs::gpu::nvml {

/// Immutable once loaded; any thread may call through it, as NVML allows.
class Library {
 public:
  /// Loads \p file and binds every symbol. UNAVAILABLE, in stable words, where the file cannot be
  /// loaded or lacks a required symbol.
  static absl::StatusOr<std::shared_ptr<const Library>> Load(const std::string& file);

  std::vector<CallCost> CallCosts() const { return CostsOf(table_); }

 private:
  Library() = default;
  /// Every member below, in order.
  std::vector<SymbolBase*> table_;

 public:
  // THE table of symbols. A driver that lacks a required one is of no use to us; a missing optional
  // one answers Function Not Found, which costs the one value that needs it.
  Symbol<abi::nvmlInit_v2> init{table_, "nvmlInit_v2", Need::kRequired};
  Symbol<abi::nvmlShutdown> shutdown{table_, "nvmlShutdown", Need::kRequired};
  Symbol<abi::nvmlDeviceGetCount_v2> device_count{table_, "nvmlDeviceGetCount_v2", Need::kRequired};
  Symbol<abi::nvmlDeviceGetHandleByIndex_v2> handle_by_index{
      table_, "nvmlDeviceGetHandleByIndex_v2", Need::kRequired};
  Symbol<abi::nvmlDeviceGetUUID> uuid{table_, "nvmlDeviceGetUUID", Need::kRequired};
  Symbol<abi::nvmlDeviceGetName> name{table_, "nvmlDeviceGetName", Need::kOptional};
  Symbol<abi::nvmlDeviceGetMinorNumber> minor_number{table_, "nvmlDeviceGetMinorNumber",
                                                     Need::kOptional};
  Symbol<abi::nvmlDeviceGetPciInfo_v3> pci_info{table_, "nvmlDeviceGetPciInfo_v3", Need::kOptional};
  Symbol<abi::nvmlSystemGetDriverVersion> driver_version{table_, "nvmlSystemGetDriverVersion",
                                                         Need::kOptional};
  Symbol<abi::nvmlDeviceGetSamples> samples{table_, "nvmlDeviceGetSamples", Need::kOptional};
  Symbol<abi::nvmlDeviceGetUtilizationRates> utilization_rates{
      table_, "nvmlDeviceGetUtilizationRates", Need::kOptional};
  Symbol<abi::nvmlDeviceGetMemoryInfo_v2> memory_info_v2{table_, "nvmlDeviceGetMemoryInfo_v2",
                                                         Need::kOptional};
  Symbol<abi::nvmlDeviceGetMemoryInfo> memory_info{table_, "nvmlDeviceGetMemoryInfo",
                                                   Need::kOptional};
  Symbol<abi::nvmlDeviceGetTemperatureV> temperature_v{table_, "nvmlDeviceGetTemperatureV",
                                                       Need::kOptional};
  Symbol<abi::nvmlDeviceGetTemperature> temperature{table_, "nvmlDeviceGetTemperature",
                                                    Need::kOptional};
  Symbol<abi::nvmlDeviceGetPowerUsage> power_usage{table_, "nvmlDeviceGetPowerUsage",
                                                   Need::kOptional};
  Symbol<abi::nvmlDeviceGetFieldValues> field_values{table_, "nvmlDeviceGetFieldValues",
                                                     Need::kOptional};
  Symbol<abi::nvmlDeviceGetPcieThroughput> pcie_throughput{table_, "nvmlDeviceGetPcieThroughput",
                                                           Need::kOptional};
  Symbol<abi::nvmlDeviceGetMigMode> mig_mode{table_, "nvmlDeviceGetMigMode", Need::kOptional};
  Symbol<abi::nvmlDeviceGetMaxMigDeviceCount> mig_device_count{
      table_, "nvmlDeviceGetMaxMigDeviceCount", Need::kOptional};
  Symbol<abi::nvmlDeviceGetMigDeviceHandleByIndex> mig_device_by_index{
      table_, "nvmlDeviceGetMigDeviceHandleByIndex", Need::kOptional};
  Symbol<abi::nvmlDeviceGetGpuInstanceId> gpu_instance_id{table_, "nvmlDeviceGetGpuInstanceId",
                                                          Need::kOptional};
  Symbol<abi::nvmlDeviceGetComputeInstanceId> compute_instance_id{
      table_, "nvmlDeviceGetComputeInstanceId", Need::kOptional};
  Symbol<abi::nvmlDeviceGetAttributes_v2> attributes{table_, "nvmlDeviceGetAttributes_v2",
                                                     Need::kOptional};
  Symbol<abi::nvmlGpmQueryDeviceSupport> gpm_support{table_, "nvmlGpmQueryDeviceSupport",
                                                     Need::kOptional};
  Symbol<abi::nvmlGpmSampleAlloc> gpm_sample_alloc{table_, "nvmlGpmSampleAlloc", Need::kOptional};
  Symbol<abi::nvmlGpmSampleFree> gpm_sample_free{table_, "nvmlGpmSampleFree", Need::kOptional};
  Symbol<abi::nvmlGpmSampleGet> gpm_sample{table_, "nvmlGpmSampleGet", Need::kOptional};
  Symbol<abi::nvmlGpmMigSampleGet> gpm_mig_sample{table_, "nvmlGpmMigSampleGet", Need::kOptional};
  Symbol<abi::nvmlGpmMetricsGet> gpm_metrics{table_, "nvmlGpmMetricsGet", Need::kOptional};
  Symbol<abi::nvmlEventSetCreate> event_set_create{table_, "nvmlEventSetCreate", Need::kOptional};
  Symbol<abi::nvmlEventSetFree> event_set_free{table_, "nvmlEventSetFree", Need::kOptional};
  Symbol<abi::nvmlDeviceGetSupportedEventTypes> event_types{
      table_, "nvmlDeviceGetSupportedEventTypes", Need::kOptional};
  Symbol<abi::nvmlDeviceRegisterEvents> register_events{table_, "nvmlDeviceRegisterEvents",
                                                        Need::kOptional};
  Symbol<abi::nvmlEventSetWait_v2> event_set_wait{table_, "nvmlEventSetWait_v2", Need::kOptional};
  Symbol<abi::nvmlDeviceGetComputeRunningProcesses_v3> compute_processes{
      table_, "nvmlDeviceGetComputeRunningProcesses_v3", Need::kOptional};
  Symbol<abi::nvmlDeviceGetComputeRunningProcesses_v3> compute_processes_v2{
      table_, "nvmlDeviceGetComputeRunningProcesses_v2", Need::kOptional};
  Symbol<abi::nvmlDeviceGetGraphicsRunningProcesses_v3> graphics_processes{
      table_, "nvmlDeviceGetGraphicsRunningProcesses_v3", Need::kOptional};
  Symbol<abi::nvmlDeviceGetGraphicsRunningProcesses_v3> graphics_processes_v2{
      table_, "nvmlDeviceGetGraphicsRunningProcesses_v2", Need::kOptional};
  Symbol<abi::nvmlDeviceGetMPSComputeRunningProcesses_v3> mps_processes{
      table_, "nvmlDeviceGetMPSComputeRunningProcesses_v3", Need::kOptional};
  Symbol<abi::nvmlDeviceGetMPSComputeRunningProcesses_v3> mps_processes_v2{
      table_, "nvmlDeviceGetMPSComputeRunningProcesses_v2", Need::kOptional};
  Symbol<abi::nvmlDeviceGetProcessUtilization> process_utilization{
      table_, "nvmlDeviceGetProcessUtilization", Need::kOptional};
};

/// Calls \p symbol, showing its name in \p mark while it lasts.
template <typename Function, typename... Args>
abi::Return Invoke(CallMark& mark, const Symbol<Function>& symbol, Args... args) {
  return InvokeOr(abi::kFunctionNotFound, mark, symbol, args...);
}

}  // namespace kgs::gpu::nvml
