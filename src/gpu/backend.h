// SPDX-License-Identifier: Apache-2.0
//
// The door to a vendor's driver. One folder a vendor implements it; backends.cc lists them.
//
// Threads: a backend is owned by a sampling::Source, which makes all calls on its lanes. Open and
// Close never overlap with any other call. Check and TakeXids do not overlap with each other, but
// may with Reads; Reads of different devices may overlap with each other, and a Read with a
// ReadSlow of the same device. Any call may block for as long as the driver does. current_call(),
// current_slow_call() and CallCosts() may be asked at any time.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "model/gpu.h"
#include "model/process_use.h"
#include "model/reading.h"

namespace kgs::gpu {

/// What one Read of one device yields.
struct DeviceSample {
  model::DeviceState state = model::DeviceState::kPresent;
  /// Why it is not present; stable words.
  std::string state_reason;
  model::Readings readings;
  /// Those that Read cannot give without blocking for long, and ReadSlow can. Their readings are
  /// absent, kNotRequested.
  model::MetricSet slow;
  /// What the driver wants to have done to the GPU ("gpu_reset"); empty where nothing, or not told.
  std::string recovery_action;
  /// Who uses the GPU; only where the backend was asked to tell by process, and can.
  std::optional<model::ProcessUses> processes;
  /// The driver session itself is broken (uninitialized, say) and must be opened anew.
  bool session_broken = false;
};

/// One GPU within one open session.
class Device {
 public:
  virtual ~Device() = default;

  /// Reads every metric once. One failed metric does not hide another.
  virtual DeviceSample Read(const base::Clock& clock) = 0;

  /// The driver call that is under way ("nvmlDeviceGetPowerUsage"), or nullptr. Any thread.
  virtual const char* current_call() const = 0;

  /// Reads those of \p metrics that the last Read called slow; the others stay not sampled.
  virtual model::Readings ReadSlow(const model::MetricSet& /*metrics*/,
                                   const base::Clock& /*clock*/) {
    return {};
  }
  /// As current_call, of ReadSlow.
  virtual const char* current_slow_call() const { return nullptr; }
};

/// One GPU as Open found it.
struct DeviceListing {
  model::GpuIdentity identity;
  model::DeviceState state = model::DeviceState::kPresent;
  std::string state_reason;
  /// False for a GPU of an earlier session that the driver no longer lists, which is kLost: Check
  /// tells when the list changes again, so it is not looked for by reopening.
  bool listed = true;
  /// Set where state is kPresent, and where looking again is cheap. Shared with a lane that may be
  /// stuck inside it.
  std::shared_ptr<Device> device;
};

/// What Open learned.
struct Session {
  std::string driver_version;
  /// By driver index. Empty is a valid state: a node without GPUs. GPUs of earlier sessions of the
  /// same backend that the driver no longer lists follow as kLost.
  std::vector<DeviceListing> devices;
  /// After how long another Open may find more than Check can tell, though nothing is wrong with
  /// the session: a driver that lists no GPU, say.
  std::optional<base::Duration> look_again;
};

/// An XID error that the driver told of.
struct XidEvent {
  /// Of the GPU, or of the MIG device that it concerns alone.
  std::string uuid;
  uint64_t code = 0;
};

/// What the calls of one function have taken since the process started.
struct CallCost {
  /// "nvmlDeviceGetPowerUsage".
  std::string_view call;
  uint64_t calls = 0;
  double seconds = 0;
  double longest_seconds = 0;
};

/// Payload key of an Open error after which only a new process can help: the driver on the node was
/// replaced, and the old library stays loaded in this one.
inline constexpr std::string_view kNeedsNewProcessPayload = "keda-gpu-scaler/needs-new-process";

/// Payload key of an Open error on a node that has no GPU of the backend's vendor: where another
/// vendor's GPUs are read, nobody misses this one's.
inline constexpr std::string_view kNoSuchGpuPayload = "keda-gpu-scaler/no-such-gpu";

class Backend {
 public:
  virtual ~Backend() = default;

  /// "nvml", "rocm".
  virtual std::string_view name() const = 0;

  /// Opens the driver and lists its GPUs, closing an earlier session first. Errors are stable words
  /// that say what is missing and are worth a retry later.
  virtual absl::StatusOr<Session> Open() = 0;

  /// A cheap look, each sampling tick: false when the session must be opened anew (the number of
  /// GPUs changed, the driver says uninitialized).
  virtual bool Check() = 0;

  /// The XID errors since the last time, after each Check. May throw away what it was not asked for
  /// in time.
  virtual std::vector<XidEvent> TakeXids() { return {}; }

  virtual std::vector<CallCost> CallCosts() const { return {}; }

  /// Lets go of the driver. Harmless when not open.
  virtual void Close() = 0;

  /// The driver call of Open, Check or Close that is under way, or nullptr. Any thread.
  virtual const char* current_call() const = 0;
};

}  // namespace kgs::gpu
