// SPDX-License-Identifier: Apache-2.0
//
// Compiled, never run: our declarations of ROCm SMI against AMD's. See check.
#include <rocm_smi/rocm_smi.h>

#include "gpu/rocm/abi.h"
#include "tests/support/same_abi.h"

namespace abi = kgs::gpu::rocm::abi;

namespace {

using kgs::testing::SameFunction;

// Not rsmi_dev_power_get, RSMI_INIT_FLAG_THRAD_ONLY_MUTEX and the statuses above 17: release 5.2.3,
// which Debian has, does not know them.
#define SAME_FUNCTION(name) static_assert(SameFunction<abi::name, decltype(::name)>::value, #name)
SAME_FUNCTION(rsmi_init);
SAME_FUNCTION(rsmi_shut_down);
SAME_FUNCTION(rsmi_num_monitor_devices);
SAME_FUNCTION(rsmi_version_str_get);
SAME_FUNCTION(rsmi_dev_pci_id_get);
SAME_FUNCTION(rsmi_dev_unique_id_get);
SAME_FUNCTION(rsmi_dev_name_get);
SAME_FUNCTION(rsmi_dev_busy_percent_get);
SAME_FUNCTION(rsmi_dev_memory_busy_percent_get);
SAME_FUNCTION(rsmi_dev_memory_total_get);
SAME_FUNCTION(rsmi_dev_memory_usage_get);
SAME_FUNCTION(rsmi_dev_temp_metric_get);
SAME_FUNCTION(rsmi_dev_power_ave_get);

#define SAME_NUMBER(ours, official) \
  static_assert(static_cast<unsigned int>(abi::ours) == static_cast<unsigned int>(official))
SAME_NUMBER(kSuccess, RSMI_STATUS_SUCCESS);
SAME_NUMBER(kInvalidArguments, RSMI_STATUS_INVALID_ARGS);
SAME_NUMBER(kNotSupported, RSMI_STATUS_NOT_SUPPORTED);
SAME_NUMBER(kFileError, RSMI_STATUS_FILE_ERROR);
SAME_NUMBER(kPermission, RSMI_STATUS_PERMISSION);
SAME_NUMBER(kOutOfResources, RSMI_STATUS_OUT_OF_RESOURCES);
SAME_NUMBER(kInternalException, RSMI_STATUS_INTERNAL_EXCEPTION);
SAME_NUMBER(kInputOutOfBounds, RSMI_STATUS_INPUT_OUT_OF_BOUNDS);
SAME_NUMBER(kInitError, RSMI_STATUS_INIT_ERROR);
SAME_NUMBER(kNotYetImplemented, RSMI_STATUS_NOT_YET_IMPLEMENTED);
SAME_NUMBER(kNotFound, RSMI_STATUS_NOT_FOUND);
SAME_NUMBER(kInsufficientSize, RSMI_STATUS_INSUFFICIENT_SIZE);
SAME_NUMBER(kInterrupt, RSMI_STATUS_INTERRUPT);
SAME_NUMBER(kUnexpectedSize, RSMI_STATUS_UNEXPECTED_SIZE);
SAME_NUMBER(kNoData, RSMI_STATUS_NO_DATA);
SAME_NUMBER(kUnexpectedData, RSMI_STATUS_UNEXPECTED_DATA);
SAME_NUMBER(kBusy, RSMI_STATUS_BUSY);
SAME_NUMBER(kRefcountOverflow, RSMI_STATUS_REFCOUNT_OVERFLOW);
SAME_NUMBER(kUnknown, RSMI_STATUS_UNKNOWN_ERROR);
SAME_NUMBER(kVram, RSMI_MEM_TYPE_VRAM);
SAME_NUMBER(kEdge, RSMI_TEMP_TYPE_EDGE);
SAME_NUMBER(kJunction, RSMI_TEMP_TYPE_JUNCTION);
SAME_NUMBER(kCurrentTemperature, RSMI_TEMP_CURRENT);
SAME_NUMBER(kDriver, RSMI_SW_COMP_DRIVER);

// What is ours alone must not be one of AMD's.
static_assert((abi::kThreadOnlyMutex & (RSMI_INIT_FLAG_ALL_GPUS | RSMI_INIT_FLAG_RESRV_TEST1)) ==
              0);

}  // namespace
