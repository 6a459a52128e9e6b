// SPDX-License-Identifier: Apache-2.0
#include "gpu/nvml/device_calls.h"

#include "gpu/nvml/identity.h"

namespace kgs::gpu::nvml {

void DeviceCalls::Judge(const char* call, abi::Return code) {
  switch (EffectOf(code)) {
    case Effect::kThisCall:
    case Effect::kCallNeverWorks:
    case Effect::kNotPermitted:
      return;
    case Effect::kGpuLost:
    case Effect::kSessionOver:
      return Condemn(call, code);
    case Effect::kHandleInDoubt:
      break;
  }
  // A driver may also answer Invalid Argument to one call that it dislikes. To reopen on that would
  // blind every GPU again and again, so the handle itself is asked about: a stale one is refused
  // here too, or has become another GPU's.
  std::string uuid;
  const abi::Return answer = ReadUuid(*library_, mark_, handle_, uuid);
  switch (EffectOf(answer)) {
    case Effect::kGpuLost:
    case Effect::kSessionOver:
      return Condemn(library_->uuid.name, answer);
    case Effect::kHandleInDoubt:
      return Condemn(call, code);
    case Effect::kThisCall:
    case Effect::kCallNeverWorks:
    case Effect::kNotPermitted:
      break;
  }
  if (answer == abi::kSuccess && uuid != uuid_) Condemn(call, code);
}

void DeviceCalls::CheckIdentity() {
  if (condemned_ != abi::kSuccess) return;
  if (ticket_.expired()) return Condemn(library_->uuid.name, abi::kUninitialized);
  std::string uuid;
  const abi::Return code = ReadUuid(*library_, mark_, handle_, uuid);
  const Effect effect = EffectOf(code);
  if (effect == Effect::kGpuLost || effect == Effect::kSessionOver ||
      effect == Effect::kHandleInDoubt) {
    Condemn(library_->uuid.name, code);
  } else if (code == abi::kSuccess && uuid != uuid_) {
    Condemn(library_->uuid.name, abi::kInvalidArgument);
  }
}

void DeviceCalls::Condemn(const char* call, abi::Return code) {
  condemned_ = code;
  condemned_by_ = call;
}

}  // namespace kgs::gpu::nvml
