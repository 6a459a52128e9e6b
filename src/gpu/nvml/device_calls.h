// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "gpu/call_mark.h"
#include "gpu/nvml/library.h"
#include "gpu/nvml/status.h"
#include "gpu/session_ticket.h"

namespace kgs::gpu::nvml {

/// The verdict on one function on one GPU, kept for as long as the driver is open: once the driver
/// said that the call will never work, it is not made again.
class CallVerdict {
 public:
  abi::Return never() const { return never_; }
  void Learn(abi::Return code) {
    if (EffectOf(code) == Effect::kCallNeverWorks) never_ = code;
  }

 private:
  abi::Return never_ = abi::kSuccess;
};

/// All driver calls on one GPU. An answer that condemns more than its own call (the GPU is lost,
/// the session is over) ends the round: until BeginRound() no further call is made and each answers
/// the same code. Used by one thread at a time; current_call() by any.
class DeviceCalls {
 public:
  DeviceCalls(std::shared_ptr<const Library> library, SessionTicket ticket, abi::Device handle,
              std::string uuid)
      : library_(std::move(library)),
        ticket_(std::move(ticket)),
        handle_(handle),
        uuid_(std::move(uuid)) {}

  void BeginRound() { condemned_ = abi::kSuccess; }

  /// Calls \p symbol with the handle and \p args, unless \p verdict or the round speaks against it.
  template <typename Function, typename... Args>
  abi::Return Call(const Symbol<Function>& symbol, CallVerdict& verdict, Args... args) {
    if (verdict.never() != abi::kSuccess) return verdict.never();
    const abi::Return code = CallOnce(symbol, args...);
    verdict.Learn(code);
    return code;
  }

  /// The same for a function that takes no device.
  template <typename Function, typename... Args>
  abi::Return CallWithoutDevice(const Symbol<Function>& symbol, CallVerdict& verdict,
                                Args... args) {
    if (verdict.never() != abi::kSuccess) return verdict.never();
    if (condemned_ != abi::kSuccess) return condemned_;
    const abi::Return code = Ask(symbol, args...);
    // What it says of its arguments says nothing of the device.
    if (EffectOf(code) != Effect::kHandleInDoubt) Judge(symbol.name, code);
    verdict.Learn(code);
    return code;
  }

  /// Makes sure, without a verdict, that the handle still is that of the GPU it was given for: MIG
  /// handles are used again for others. Else ends the round.
  void CheckIdentity();

  const Library& library() const { return *library_; }
  bool gpu_lost() const { return EffectOf(condemned_) == Effect::kGpuLost; }
  bool session_over() const { return condemned_ != abi::kSuccess && !gpu_lost(); }
  /// What ended the round: "nvmlDeviceGetPowerUsage: GPU is lost". Empty while nothing did.
  std::string Condemnation() const {
    return condemned_ == abi::kSuccess ? "" : Describe(condemned_by_, condemned_);
  }
  const char* current_call() const { return mark_.current(); }
  /// For calls that are made beside these, on the same thread.
  CallMark& mark() { return mark_; }

 private:
  template <typename Function, typename... Args>
  abi::Return CallOnce(const Symbol<Function>& symbol, Args... args) {
    if (condemned_ != abi::kSuccess) return condemned_;
    const abi::Return code = Ask(symbol, handle_, args...);
    Judge(symbol.name, code);
    return code;
  }

  template <typename Function, typename... Args>
  abi::Return Ask(const Symbol<Function>& symbol, Args... args) {
    return ticket_.expired() ? abi::kUninitialized : Invoke(mark_, symbol, args...);
  }

  void Judge(const char* call, abi::Return code);
  void Condemn(const char* call, abi::Return code);

  const std::shared_ptr<const Library> library_;
  const SessionTicket ticket_;
  const abi::Device handle_;
  const std::string uuid_;
  CallMark mark_;
  abi::Return condemned_ = abi::kSuccess;
  const char* condemned_by_ = "";
};

}  // namespace kgs::gpu::nvml
