// SPDX-License-Identifier: Apache-2.0
#include "gpu/rocm/status.h"

#include "gpu/plausible.h"

namespace kgs::gpu::rocm {
namespace {

using model::Missing;

struct Row {
  abi::Status status;
  const char* text;
  Missing missing;
};

// "Not ready" lets the last value stand in until it is stale: only for codes by which the library
// says that it has nothing at this moment.
constexpr Row kRows[] = {
    {abi::kSuccess, "Success", Missing::kDriverError},
    {abi::kInvalidArguments, "Invalid arguments", Missing::kDriverError},
    {abi::kNotSupported, "Not supported", Missing::kUnsupported},
    {abi::kFileError, "File error", Missing::kDriverError},
    {abi::kPermission, "Permission denied", Missing::kNotPermitted},
    {abi::kOutOfResources, "Out of resources", Missing::kNotReady},
    {abi::kInternalException, "Internal exception", Missing::kDriverError},
    {abi::kInputOutOfBounds, "Input out of bounds", Missing::kDriverError},
    {abi::kInitError, "Initialization error", Missing::kDriverError},
    {abi::kNotYetImplemented, "Not yet implemented", Missing::kUnsupported},
    {abi::kNotFound, "Not found", Missing::kNotFound},
    {abi::kInsufficientSize, "Insufficient size", Missing::kDriverError},
    {abi::kInterrupt, "Interrupted", Missing::kNotReady},
    {abi::kUnexpectedSize, "Unexpected size", Missing::kDriverError},
    {abi::kNoData, "No data", Missing::kNotReady},
    {abi::kUnexpectedData, "Unexpected data", Missing::kDriverError},
    {abi::kBusy, "Busy", Missing::kNotReady},
    {abi::kRefcountOverflow, "Reference count overflow", Missing::kDriverError},
    {abi::kSettingUnavailable, "Setting unavailable", Missing::kDriverError},
    {abi::kRestartError, "AMDGPU restart error", Missing::kDriverError},
    {abi::kNoSuchFunction, "not in this library", Missing::kUnsupported},
    {abi::kUnknown, "Unknown error", Missing::kDriverError},
};

const Row* Find(abi::Status status) {
  for (const Row& row : kRows) {
    if (row.status == status) return &row;
  }
  return nullptr;
}

}  // namespace

std::string Text(abi::Status status) {
  if (const Row* row = Find(status)) return row->text;
  return "Unknown error (status " + std::to_string(static_cast<uint32_t>(status)) + ")";
}

Missing MissingOf(abi::Status status) {
  const Row* row = Find(status);
  return row == nullptr ? Missing::kDriverError : row->missing;
}

std::string Describe(const char* call, abi::Status status) {
  return std::string(call) + ": " + Text(status);
}

model::Reading AbsentReading(const char* call, abi::Status status) {
  return model::Reading::Absent(MissingOf(status), Describe(call, status));
}

model::Readings NothingOffered() {
  return AllAbsent(model::Missing::kUnsupported, "rocm: not offered by AMD GPUs");
}

}  // namespace kgs::gpu::rocm
