// SPDX-License-Identifier: Apache-2.0
#include "gpu/rocm/rocm_backend.h"

#include <absl/status/status.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <optional>
#include <set>
#include <utility>

#include "base/latest.h"
#include "base/log.h"
#include "gpu/known_gpus.h"
#include "gpu/rocm/device.h"
#include "gpu/rocm/identity.h"
#include "gpu/rocm/status.h"
#include "gpu/rocm/sysfs.h"
#include "gpu/rocm/sysfs_device.h"

namespace kgs::gpu::rocm {
namespace {

/// Cards without a GPU that ROCm lists.
constexpr base::Duration kBetweenEmptyOpens = std::chrono::seconds(10);
/// The files are read meanwhile, and a locked library takes 5 s to say so.
constexpr base::Duration kBetweenTries = std::chrono::minutes(10);
/// Far beyond any node.
constexpr uint32_t kMostGpus = 1024;
constexpr uint32_t kVersionSize = 128;

/// Why the library cannot be opened: "rsmi_init: Initialization error; ...".
absl::Status OpenError(const char* call, abi::Status status) {
  std::string text = Describe(call, status);
  if (status == abi::kInitError || status == abi::kBusy) {
    text +=
        "; ROCm SMI writes the cause to standard error (a lock that a killed process left is "
        "undone by removing /dev/shm/rocm_smi*)";
  }
  return absl::UnavailableError(text);
}

class RocmBackend final : public Backend {
 public:
  RocmBackend(std::vector<std::string> files, std::string sysfs)
      : files_(std::move(files)), sysfs_(std::move(sysfs)) {}
  // Not closed when destroyed: a lane may still be stuck in a call. The owner calls Close.

  std::string_view name() const override { return "rocm"; }
  absl::StatusOr<Session> Open() override;
  bool Check() override;
  std::vector<CallCost> CallCosts() const override;
  void Close() override;
  const char* current_call() const override { return mark_.current(); }

 private:
  absl::StatusOr<Session> ListDevices();
  absl::StatusOr<Session> OnlyVanished(const std::string& nothing);
  absl::StatusOr<Session> WithoutLibrary(const absl::Status& error);
  std::string UnreadThoughThere(const std::vector<DeviceListing>& devices) const;
  void KeepIndices(std::vector<DeviceListing>& devices) const;
  std::vector<Card> CardsAsNumbered() const;
  DeviceListing List(const Identification& found) const;
  void TellApartByUuid(std::vector<DeviceListing>& devices) const;
  void AppendUnlisted(std::vector<DeviceListing>& devices);
  DeviceListing ListCard(const Card& card, size_t index) const;
  void LogUnlisted(const std::string& read, const std::string& not_read);

  const std::vector<std::string> files_;
  const Sysfs sysfs_;
  CallMark mark_;
  /// Null until a library was loaded; then kept for good.
  std::shared_ptr<const Library> library_;
  /// The same, for any thread.
  base::Latest<Library> loaded_;
  /// rsmi_init counts its callers: one rsmi_shut_down for each success.
  bool initialized_ = false;
  /// The session is of what sysfs has: the library did not open, or there is nothing for it.
  bool without_library_ = false;
  /// Why it was last read without the library.
  std::string without_library_for_;
  /// Counts up whenever indices become invalid.
  const std::shared_ptr<SessionTicket::Counter> sessions_ =
      std::make_shared<SessionTicket::Counter>(0);
  /// What sysfs and rsmi_num_monitor_devices said at Open.
  std::vector<Card> opened_cards_;
  std::vector<std::string> opened_compute_gpus_;
  uint32_t opened_count_ = 0;
  KnownGpus known_{SameBoard};
  /// Addresses of the cards that were last said not to be listed.
  std::string unlisted_;
};

absl::StatusOr<Session> RocmBackend::Open() {
  Close();
  opened_cards_ = sysfs_.Cards();
  opened_compute_gpus_ = sysfs_.ComputeGpus();
  const std::string nothing = sysfs_.WhyNothing(opened_cards_);
  if (!nothing.empty()) return OnlyVanished(nothing);
  if (library_ == nullptr) {
    auto library = Library::Load(files_);
    if (!library.ok()) return library.status();
    library_ = *std::move(library);
    loaded_.Set(library_);
  }
  const abi::Status status = Invoke(mark_, library_->init, abi::kThreadOnlyMutex);
  if (status != abi::kSuccess) return WithoutLibrary(OpenError(library_->init.name, status));
  initialized_ = true;
  without_library_for_.clear();
  auto session = ListDevices();
  if (!session.ok()) Close();
  return session;
}

// Where the last card went the driver is no trouble: its GPUs are lost, as those of others are.
absl::StatusOr<Session> RocmBackend::OnlyVanished(const std::string& nothing) {
  Session session;
  if (opened_cards_.empty()) known_.AppendVanished(session.devices);
  if (session.devices.empty()) return absl::UnavailableError(nothing);
  without_library_ = true;
  return session;
}

// A lock that a killed process left keeps the library closed for as long as the pod lives: its
// files say the same.
absl::StatusOr<Session> RocmBackend::WithoutLibrary(const absl::Status& error) {
  Session session;
  AppendUnlisted(session.devices);
  if (session.devices.empty()) return error;
  const std::string unread = UnreadThoughThere(session.devices);
  if (!unread.empty()) {
    return absl::Status(error.code(), std::string(error.message()) + "; " + unread +
                                          " cannot be read without the library");
  }
  KeepIndices(session.devices);
  if (std::exchange(without_library_for_, std::string(error.message())) != error.message()) {
    base::LogWarn("ROCm SMI does not open, so AMD GPUs are read from sysfs",
                  {{"reason", without_library_for_}});
  }
  without_library_ = true;
  // The lock may be gone then.
  session.look_again = kBetweenTries;
  known_.Remember(session.devices, sessions_->load());
  known_.AppendVanished(session.devices);
  return session;
}

/// A GPU of earlier sessions that \p devices lack though its board is there, "GPU-7/1 at
/// 0000:03:00.0"; or empty. The files are of a whole board, which is one GPU only where the compute
/// driver has it once.
std::string RocmBackend::UnreadThoughThere(const std::vector<DeviceListing>& devices) const {
  for (const model::GpuIdentity& gpu : known_.Vanished(devices)) {
    const auto at_its_board = [&gpu](const std::string& address) {
      return SameBoard(address, gpu.pci_bus_id);
    };
    if (!std::ranges::any_of(opened_cards_, at_its_board, &Card::pci_address)) continue;
    if (std::ranges::count_if(opened_compute_gpus_, at_its_board) != 1) {
      return gpu.uuid + " at " + gpu.pci_bus_id;
    }
  }
  return "";
}

// A trigger's gpuIndex means the same GPU with the library and without it.
void RocmBackend::KeepIndices(std::vector<DeviceListing>& devices) const {
  std::set<int> taken;
  std::vector<DeviceListing*> others;
  for (DeviceListing& listing : devices) {
    const std::optional<int> index = known_.IndexOf(listing.identity.uuid);
    if (index && taken.insert(*index).second) {
      listing.identity.index = *index;
    } else {
      others.push_back(&listing);
    }
  }
  int index = 0;
  for (DeviceListing* listing : others) {
    while (!taken.insert(index).second) ++index;
    listing->identity.index = index;
  }
  std::ranges::sort(devices, {}, [](const DeviceListing& one) { return one.identity.index; });
}

// As the library would number them: releases of today by address, that of Debian 12 (5.2.3) by
// card. None says so; rsmi_dev_power_get is of 5.7.
std::vector<Card> RocmBackend::CardsAsNumbered() const {
  std::vector<Card> cards = opened_cards_;
  if (library_->power.address == nullptr) return cards;
  std::ranges::sort(cards, {}, [](const Card& card) {
    // A longer domain is a higher one.
    return std::pair(card.pci_address.size(), card.pci_address);
  });
  return cards;
}

absl::StatusOr<Session> RocmBackend::ListDevices() {
  Session session;
  std::array<char, kVersionSize> version{};
  if (Invoke(mark_, library_->version, abi::kDriver, version.data(), kVersionSize) ==
      abi::kSuccess) {
    session.driver_version.assign(version.data(), strnlen(version.data(), version.size()));
  }
  opened_count_ = 0;
  abi::Status status = Invoke(mark_, library_->device_count, &opened_count_);
  if (status != abi::kSuccess) return OpenError(library_->device_count.name, status);
  if (opened_count_ > kMostGpus) {
    return absl::UnavailableError(std::string(library_->device_count.name) +
                                  ": the driver answered an impossible number of GPUs");
  }
  for (uint32_t index = 0; index < opened_count_; ++index) {
    const Identification found = Identify(*library_, mark_, index, sysfs_, opened_cards_);
    // Without its address and its id nothing is sure of it.
    if (found.status != abi::kSuccess) return OpenError(found.call, found.status);
    session.devices.push_back(List(found));
  }
  TellApartByUuid(session.devices);
  AppendUnlisted(session.devices);
  if (session.devices.empty()) session.look_again = kBetweenEmptyOpens;
  known_.Remember(session.devices, sessions_->load());
  known_.AppendVanished(session.devices);
  return session;
}

DeviceListing RocmBackend::List(const Identification& found) const {
  DeviceListing listing;
  listing.identity = found.identity;
  const std::string folder = found.card.number < 0 ? "" : sysfs_.DeviceFolder(found.card);
  listing.device =
      std::make_shared<RocmDevice>(library_, SessionTicket(sessions_), found.place, folder);
  return listing;
}

// The partitions of one GPU have its unique id in common.
void RocmBackend::TellApartByUuid(std::vector<DeviceListing>& devices) const {
  for (size_t i = 0; i < devices.size(); ++i) {
    int earlier = 0;
    for (size_t j = 0; j < i; ++j) {
      const std::string& other = devices[j].identity.uuid;
      if (other.substr(0, other.find('/')) == devices[i].identity.uuid) ++earlier;
    }
    if (earlier > 0) devices[i].identity.uuid += "/" + std::to_string(earlier);
  }
}

// The library may leave out a GPU that there is, and says nothing (SysfsDevice). One for screens
// alone is left out by us too.
void RocmBackend::AppendUnlisted(std::vector<DeviceListing>& devices) {
  std::string read;
  std::string not_read;
  for (const Card& card : CardsAsNumbered()) {
    const bool listed = std::any_of(devices.begin(), devices.end(), [&](const auto& listing) {
      return listing.identity.pci_bus_id == card.pci_address;
    });
    if (listed) continue;
    const bool is_compute = std::ranges::count(opened_compute_gpus_, card.pci_address) > 0;
    if (is_compute) devices.push_back(ListCard(card, devices.size()));
    std::string& text = is_compute ? read : not_read;
    text += (text.empty() ? "" : " ") + card.pci_address;
  }
  LogUnlisted(read, not_read);
}

DeviceListing RocmBackend::ListCard(const Card& card, size_t index) const {
  DeviceListing listing;
  listing.identity.index = static_cast<int>(index);
  listing.identity.name = sysfs_.ProductName(card);
  listing.identity.pci_bus_id = card.pci_address;
  listing.identity.drm_card = card.number;
  const std::string id = sysfs_.UniqueId(card);
  listing.identity.uuid = id.empty() ? card.pci_address : "GPU-" + id;
  listing.device = std::make_shared<SysfsDevice>(sysfs_.DeviceFolder(card));
  return listing;
}

void RocmBackend::LogUnlisted(const std::string& read, const std::string& not_read) {
  const std::string unlisted = read + "|" + not_read;
  if (unlisted == unlisted_) return;
  unlisted_ = unlisted;
  if (!read.empty()) {
    base::LogWarn("AMD GPUs that ROCm SMI does not list are read from sysfs", {{"pci", read}});
  }
  if (!not_read.empty()) {
    base::LogInfo("AMD cards are not read: no compute driver knows them", {{"pci", not_read}});
  }
}

// The library's list never changes while it is open, so sysfs is looked at too. A GPU that is
// partitioned otherwise keeps its card: only the compute driver tells.
bool RocmBackend::Check() {
  if (!initialized_ && !without_library_) return true;
  if (sysfs_.Cards() != opened_cards_) return false;
  if (sysfs_.ComputeGpus() != opened_compute_gpus_) return false;
  if (without_library_) return true;
  uint32_t count = 0;
  const abi::Status status = Invoke(mark_, library_->device_count, &count);
  if (status == abi::kSuccess) return count == opened_count_;
  // Any other failure says nothing of the session: the readings will tell.
  return status != abi::kInvalidArguments && status != abi::kInitError;
}

std::vector<CallCost> RocmBackend::CallCosts() const {
  const auto library = loaded_.Get();
  return library == nullptr ? std::vector<CallCost>{} : library->CallCosts();
}

void RocmBackend::Close() {
  sessions_->fetch_add(1);
  without_library_ = false;
  if (!initialized_) return;
  initialized_ = false;
  // Whatever it answers, the next step is the same: rsmi_init.
  Invoke(mark_, library_->shut_down);
}

}  // namespace

std::unique_ptr<Backend> MakeRocmBackend(const std::string& library, const std::string& sysfs) {
  return std::make_unique<RocmBackend>(
      library.empty() ? Sonames() : std::vector<std::string>{library}, sysfs);
}

}  // namespace kgs::gpu::rocm
