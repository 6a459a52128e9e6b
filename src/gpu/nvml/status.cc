// SPDX-License-Identifier: Apache-2.0
#include "gpu/nvml/status.h"

namespace kgs::gpu::nvml {
namespace {

using model::Missing;

struct Row {
  abi::Return code;
  const char* text;
  Missing missing;
  Effect effect;
};

// "Not ready" lets the last value stand in until it is stale: only for codes by which the driver
// says that it has nothing at this moment.
constexpr Row kRows[] = {
    {abi::kSuccess, "Success", Missing::kDriverError, Effect::kThisCall},
    {abi::kUninitialized, "Uninitialized", Missing::kDriverError, Effect::kSessionOver},
    {abi::kInvalidArgument, "Invalid Argument", Missing::kDriverError, Effect::kHandleInDoubt},
    {abi::kNotSupported, "Not Supported", Missing::kUnsupported, Effect::kCallNeverWorks},
    {abi::kNoPermission, "Insufficient Permissions", Missing::kNotPermitted, Effect::kNotPermitted},
    {abi::kAlreadyInitialized, "Already Initialized", Missing::kDriverError, Effect::kThisCall},
    {abi::kNotFound, "Not Found", Missing::kNotFound, Effect::kThisCall},
    {abi::kInsufficientSize, "Insufficient Size", Missing::kDriverError, Effect::kThisCall},
    {abi::kInsufficientPower, "Insufficient External Power", Missing::kDriverError,
     Effect::kThisCall},
    {abi::kDriverNotLoaded, "Driver Not Loaded", Missing::kDriverError, Effect::kSessionOver},
    {abi::kTimeout, "Timeout", Missing::kNotReady, Effect::kThisCall},
    {abi::kIrqIssue, "Interrupt Request Issue", Missing::kDriverError, Effect::kThisCall},
    {abi::kLibraryNotFound, "NVML Shared Library Not Found", Missing::kDriverError,
     Effect::kSessionOver},
    {abi::kFunctionNotFound, "Function Not Found", Missing::kUnsupported, Effect::kCallNeverWorks},
    {abi::kCorruptedInforom, "Corrupted infoROM", Missing::kDriverError, Effect::kThisCall},
    {abi::kGpuIsLost, "GPU is lost", Missing::kDriverError, Effect::kGpuLost},
    {abi::kResetRequired, "GPU requires reset", Missing::kDriverError, Effect::kGpuLost},
    {abi::kOperatingSystem, "The operating system has blocked the request", Missing::kNotPermitted,
     Effect::kNotPermitted},
    {abi::kLibRmVersionMismatch, "Driver/library version mismatch", Missing::kDriverError,
     Effect::kSessionOver},
    {abi::kInUse, "In use by another client", Missing::kDriverError, Effect::kThisCall},
    {abi::kMemory, "Insufficient Memory", Missing::kNotReady, Effect::kThisCall},
    {abi::kNoData, "No data", Missing::kNotReady, Effect::kThisCall},
    {abi::kVgpuEccNotSupported, "vGPU ECC Not Supported", Missing::kDriverError, Effect::kThisCall},
    {abi::kInsufficientResources, "Insufficient Resources", Missing::kNotReady, Effect::kThisCall},
    {abi::kFreqNotSupported, "Frequency Not Supported", Missing::kDriverError, Effect::kThisCall},
    // The driver does not know the version of the struct: an older call may do instead.
    {abi::kArgumentVersionMismatch, "Argument version mismatch", Missing::kUnsupported,
     Effect::kCallNeverWorks},
    {abi::kDeprecated, "Deprecated", Missing::kUnsupported, Effect::kCallNeverWorks},
    {abi::kNotReady, "Not Ready", Missing::kNotReady, Effect::kThisCall},
    {abi::kGpuNotFound, "No GPU Found", Missing::kDriverError, Effect::kThisCall},
    {abi::kInvalidState, "Invalid State", Missing::kDriverError, Effect::kThisCall},
    {abi::kResetTypeNotSupported, "Reset Type Not Supported", Missing::kDriverError,
     Effect::kThisCall},
    {abi::kUnknown, "Unknown Error", Missing::kDriverError, Effect::kThisCall},
};

const Row* Find(abi::Return code) {
  for (const Row& row : kRows) {
    if (row.code == code) return &row;
  }
  return nullptr;
}

}  // namespace

std::string Text(abi::Return code) {
  if (const Row* row = Find(code)) return row->text;
  return "Unknown Error (code " + std::to_string(static_cast<unsigned int>(code)) + ")";
}

Missing MissingOf(abi::Return code) {
  const Row* row = Find(code);
  return row == nullptr ? Missing::kDriverError : row->missing;
}

Effect EffectOf(abi::Return code) {
  const Row* row = Find(code);
  return row == nullptr ? Effect::kThisCall : row->effect;
}

std::string Describe(const char* call, abi::Return code) {
  return std::string(call) + ": " + Text(code);
}

model::Reading AbsentReading(const char* call, abi::Return code) {
  return model::Reading::Absent(MissingOf(code), Describe(call, code));
}

}  // namespace kgs::gpu::nvml
