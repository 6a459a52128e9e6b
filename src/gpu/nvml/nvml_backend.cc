// SPDX-License-Identifier: Apache-2.0
#include "gpu/nvml/nvml_backend.h"

#include <absl/status/status.h>
#include <absl/strings/cord.h>

#include <array>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "base/latest.h"
#include "gpu/known_gpus.h"
#include "gpu/nvml/device.h"
#include "gpu/nvml/identity.h"
#include "gpu/nvml/mig.h"
#include "gpu/nvml/mig_device.h"
#include "gpu/nvml/xid_events.h"

namespace kgs::gpu::nvml {
namespace {

using model::DeviceState;

constexpr char kSoname[] = "libnvidia-ml.so.1";
/// Without a GPU there is no session to look at, only another attempt to open one; that costs more.
constexpr base::Duration kBetweenEmptyOpens = std::chrono::seconds(10);
/// Far beyond any node.
constexpr unsigned int kMostGpus = 1024;

/// Why the driver cannot be opened: "nvmlInit_v2: Driver Not Loaded; ...".
absl::Status OpenError(const char* call, abi::Return code) {
  std::string text = Describe(call, code);
  if (code == abi::kDriverNotLoaded) {
    text += "; is the NVIDIA kernel driver loaded on this node?";
  } else if (code == abi::kLibraryNotFound) {
    text += "; is the NVIDIA driver installed on this node?";
  } else if (code == abi::kLibRmVersionMismatch) {
    text +=
        "; the NVIDIA driver on this node is another than the library loaded here: only a new "
        "process can load the matching one";
  }
  absl::Status error = absl::UnavailableError(text);
  if (code == abi::kLibRmVersionMismatch) {
    error.SetPayload(std::string(kNeedsNewProcessPayload), absl::Cord("1"));
  }
  return error;
}

using Refusal = UnidentifiedDevice::Refusal;

class NvmlBackend final : public Backend {
 public:
  NvmlBackend(std::string file, bool per_process)
      : file_(std::move(file)), per_process_(per_process) {}
  // Not closed when destroyed: a lane may still be stuck in a call. The owner calls Close.

  std::string_view name() const override { return "nvml"; }
  absl::StatusOr<Session> Open() override;
  bool Check() override;
  void Close() override;
  std::vector<XidEvent> TakeXids() override;
  std::vector<CallCost> CallCosts() const override;
  const char* current_call() const override { return mark_.current(); }

 private:
  absl::StatusOr<Session> ListDevices();
  /// Adds the GPU and its MIG devices.
  void List(const Identification& found, std::vector<DeviceListing>& devices);
  void ListIdentified(const Identification& found, std::vector<DeviceListing>& devices);
  DeviceListing ListUnidentified(const Identification& found) const;
  std::shared_ptr<Device> Unidentified(const model::GpuIdentity& gpu, Refusal refusal) const;
  void RecallIdentities(std::vector<DeviceListing>& devices) const;

  const std::string file_;
  const bool per_process_;
  CallMark mark_;
  /// Null until a library was loaded; then kept for good.
  std::shared_ptr<const Library> library_;
  /// The same, for any thread.
  base::Latest<Library> loaded_;
  /// nvmlInit_v2 counts its callers: one nvmlShutdown for each success.
  bool initialized_ = false;
  /// Counts up whenever handles become invalid.
  const std::shared_ptr<SessionTicket::Counter> sessions_ =
      std::make_shared<SessionTicket::Counter>(0);
  /// What nvmlDeviceGetCount_v2 said at Open.
  unsigned int opened_count_ = 0;
  KnownGpus known_{SameAddress};
  /// MigSight::ours by the GPU's UUID, of all sessions.
  std::map<std::string, std::set<unsigned int>> our_migs_;
  /// GPUs and their MIG devices.
  std::vector<std::shared_ptr<SessionDevice>> session_devices_;
  std::vector<XidEvents::Place> event_places_;
  XidEvents events_;
};

absl::StatusOr<Session> NvmlBackend::Open() {
  Close();
  if (library_ == nullptr) {
    auto library = Library::Load(file_);
    if (!library.ok()) return library.status();
    library_ = *std::move(library);
    loaded_.Set(library_);
  }
  const abi::Return code = Invoke(mark_, library_->init);
  if (code == abi::kGpuNotFound) {
    Session session;
    session.look_again = kBetweenEmptyOpens;
    known_.AppendVanished(session.devices);
    return session;
  }
  if (code != abi::kSuccess) return OpenError(library_->init.name, code);
  initialized_ = true;
  auto session = ListDevices();
  if (!session.ok()) Close();
  return session;
}

absl::StatusOr<Session> NvmlBackend::ListDevices() {
  Session session;
  std::array<char, abi::kDriverVersionSize> version{};
  if (Invoke(mark_, library_->driver_version, version.data(), abi::kDriverVersionSize) ==
      abi::kSuccess) {
    session.driver_version = TextIn(version.data(), version.size());
  }
  opened_count_ = 0;
  const abi::Return code = Invoke(mark_, library_->device_count, &opened_count_);
  if (code != abi::kSuccess && code != abi::kGpuNotFound) {
    return OpenError(library_->device_count.name, code);
  }
  if (opened_count_ > kMostGpus) {
    return absl::UnavailableError(std::string(library_->device_count.name) +
                                  ": the driver answered an impossible number of GPUs");
  }
  if (opened_count_ == 0) session.look_again = kBetweenEmptyOpens;
  for (unsigned int index = 0; index < opened_count_; ++index) {
    const Identification found = Identify(*library_, mark_, index);
    // One GPU's trouble is its own; only what is said of the whole driver ends the session.
    if (EffectOf(found.code) == Effect::kSessionOver) return OpenError(found.call, found.code);
    List(found, session.devices);
  }
  events_.Open(*library_, mark_, std::exchange(event_places_, {}));
  RecallIdentities(session.devices);
  known_.Remember(session.devices, sessions_->load());
  known_.AppendVanished(session.devices);
  return session;
}

void NvmlBackend::List(const Identification& found, std::vector<DeviceListing>& devices) {
  if (found.code == abi::kSuccess) {
    ListIdentified(found, devices);
  } else {
    devices.push_back(ListUnidentified(found));
  }
}

void NvmlBackend::ListIdentified(const Identification& found, std::vector<DeviceListing>& devices) {
  const model::GpuIdentity& gpu = found.identity;
  const SessionTicket ticket(sessions_);
  std::set<unsigned int>& our_migs = our_migs_[gpu.uuid];
  const MigSight mig = LookAtMig(*library_, mark_, found.handle, our_migs);
  our_migs = mig.ours;
  const auto add = [&](model::GpuIdentity identity, std::shared_ptr<SessionDevice> device) {
    session_devices_.push_back(device);
    devices.push_back({.identity = std::move(identity), .state_reason = "", .device = device});
  };
  XidEvents::Place place{found.handle, gpu.uuid, {}};
  std::map<unsigned int, int> compute_instances;
  add(gpu,
      std::make_shared<NvmlDevice>(library_, ticket, found.handle, gpu.uuid, mig, per_process_));
  for (const MigSight::Seen& seen : mig.devices) {
    model::GpuIdentity identity = IdentifyMig(*library_, mark_, seen, gpu);
    std::optional<unsigned int> instance;
    if (identity.mig->gpu_instance >= 0) {
      instance = static_cast<unsigned int>(identity.mig->gpu_instance);
      if (++compute_instances[*instance] == 1) {
        place.mig_uuids[*instance] = seen.uuid;
      } else {
        place.mig_uuids.erase(*instance);
      }
    }
    add(std::move(identity),
        std::make_shared<MigDevice>(library_, ticket, found.handle, gpu.uuid, seen.handle,
                                    seen.uuid, instance, per_process_));
  }
  event_places_.push_back(std::move(place));
}

DeviceListing NvmlBackend::ListUnidentified(const Identification& found) const {
  DeviceListing listing;
  listing.identity = found.identity;
  switch (EffectOf(found.code)) {
    case Effect::kGpuLost:
      listing.state = DeviceState::kLost;
      listing.state_reason = Describe(found.call, found.code);
      break;
    case Effect::kNotPermitted:
      listing.state = DeviceState::kNotPermitted;
      listing.state_reason = Describe(found.call, found.code);
      listing.device = Unidentified(found.identity, Refusal::kNotOurs);
      break;
    default:
      listing.device = Unidentified(found.identity, Refusal::kNotOurs);
      break;
  }
  return listing;
}

std::shared_ptr<Device> NvmlBackend::Unidentified(const model::GpuIdentity& gpu,
                                                  Refusal refusal) const {
  return std::make_shared<UnidentifiedDevice>(library_, SessionTicket(sessions_),
                                              static_cast<unsigned int>(gpu.index), refusal);
}

// A GPU that would not say who it is takes the identity last seen at its index, unless the driver
// lists that GPU elsewhere now.
void NvmlBackend::RecallIdentities(std::vector<DeviceListing>& devices) const {
  for (DeviceListing& listing : devices) {
    if (!listing.identity.uuid.empty()) continue;
    const model::GpuIdentity* known = known_.LastAt(listing.identity.index, devices);
    if (known == nullptr) continue;
    listing.identity = *known;
    // One that this process has read is missed: were it left out like another container's, an
    // aggregate without it could read as falling load.
    if (listing.state == DeviceState::kNotPermitted) {
      listing.state = DeviceState::kPresent;
      listing.state_reason.clear();
      listing.device = Unidentified(listing.identity, Refusal::kFails);
    }
  }
}

bool NvmlBackend::Check() {
  if (!initialized_) return true;
  unsigned int count = 0;
  const abi::Return code = Invoke(mark_, library_->device_count, &count);
  if (code == abi::kSuccess) return count == opened_count_;
  if (code == abi::kGpuNotFound) return opened_count_ == 0;
  // Any other failure says nothing of the session: the readings will tell.
  return EffectOf(code) != Effect::kSessionOver;
}

std::vector<XidEvent> NvmlBackend::TakeXids() {
  if (!initialized_) return {};
  return events_.Take(*library_, mark_);
}

std::vector<CallCost> NvmlBackend::CallCosts() const {
  const auto library = loaded_.Get();
  return library == nullptr ? std::vector<CallCost>{} : library->CallCosts();
}

void NvmlBackend::Close() {
  if (initialized_) {
    for (const auto& device : session_devices_) device->EndSession(mark_);
    events_.Close(*library_, mark_);
  }
  session_devices_.clear();
  event_places_.clear();
  sessions_->fetch_add(1);
  if (!initialized_) return;
  initialized_ = false;
  // Whatever it answers, the next step is the same: nvmlInit_v2.
  Invoke(mark_, library_->shutdown);
}

}  // namespace

std::unique_ptr<Backend> MakeNvmlBackend(const std::string& library, bool per_process) {
  return std::make_unique<NvmlBackend>(library.empty() ? kSoname : library, per_process);
}

}  // namespace kgs::gpu::nvml
