// SPDX-License-Identifier: Apache-2.0
#include "attribution/attribution.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "attribution/device_id.h"
#include "attribution/pci_address.h"
#include "base/strings.h"

namespace kgs::attribution {
namespace {

using Kind = DeviceName::Kind;
/// What is shared: a GPU of the node by its index, else what names it.
using DeviceKey = std::pair<std::optional<size_t>, std::string>;
/// Each share by what names it.
using Shares = std::set<std::string>;

/// What one pod holds of one device.
struct Holding {
  Shares shares;
  std::string problem;
  std::optional<model::DraDevice> dra;
};
using Holdings = std::map<DeviceKey, Holding>;
/// What devices are sorted by.
using Place = std::tuple<bool, bool, PciAddress, int, int, size_t, std::string>;

constexpr size_t kLongestIdInMessage = 160;
constexpr size_t kMostUnresolved = 16;

std::string Quoted(const std::string& id) { return base::QuoteForMessage(id, kLongestIdInMessage); }

/// Equal for all ids that mean the same device.
std::string KeyText(const DeviceName& name) {
  std::string key;
  for (const char c : name.text) {
    key += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  for (const int number :
       {static_cast<int>(name.kind), name.number, name.gpu_instance, name.compute_instance}) {
    key += ' ' + std::to_string(number);
  }
  return key;
}

std::string WhyNotFound(const DeviceName& name, const std::string& what) {
  switch (name.kind) {
    case Kind::kOpaque:
      return what + " cannot be matched with a GPU by its name";
    case Kind::kMinorInstance:
      return what + " is not exactly one of the MIG devices that are read on this node";
    default:
      return what + " is not exactly one of the GPUs that are read on this node";
  }
}

/// DRA's names of MIG devices give profile and place, but not the instance that stands there.
std::string WhyNotFound(const DeviceName& name, const model::DraDevice& device) {
  if (name.kind == Kind::kOpaque && device.device.find("-mig-") != std::string::npos) {
    return "MIG device " + Quoted(device.Text()) +
           " cannot be matched with an instance by its name, only by the UUID in its ResourceSlice";
  }
  return WhyNotFound(name, "device " + Quoted(device.Text()));
}

/// What stands for the devices of a pod whose name is listed twice.
std::vector<model::HeldDevice> Ambiguous() {
  model::HeldDevice device;
  device.problem =
      "the kubelet lists two pods of this name with different devices, so which are this one's "
      "cannot be told";
  return {device};
}

class Join {
 public:
  explicit Join(const model::NodeSnapshot& snapshot) {
    for (const model::GpuSnapshot& gpu : snapshot.gpus) {
      gpus_.push_back(&gpu.identity);
      addresses_.push_back(ParsePciAddress(gpu.identity.pci_bus_id));
    }
  }

  /// Adds a pod and returns what it holds.
  Holdings Add(const model::PodAllocation& pod) {
    Holdings holdings;
    for (const model::PluginDevice& device : pod.plugin_devices) {
      const auto name = NameOf(device);
      if (!name) continue;
      Holding& holding = Hold(holdings, *name, device.id);
      holding.problem = WhyNotFound(*name, device.resource + " " + Quoted(device.id));
    }
    for (const model::DraDevice& device : pod.dra_devices) {
      const auto name = NameOf(device);
      if (!name) continue;
      // Pods may share one claim: each has a share of its own.
      Holding& holding = Hold(holdings, *name, device.Text() + " of " + pod.pod.Text());
      holding.problem = WhyNotFound(*name, device);
      holding.dra = device;
    }
    return holdings;
  }

  /// Once all pods are added.
  std::vector<model::HeldDevice> Finish(Holdings holdings) const {
    std::vector<model::HeldDevice> devices;
    size_t unresolved = 0;
    for (auto& [key, holding] : holdings) {
      // One is enough for the pod to be unknown, and there may be thousands. What a slice may still
      // resolve is kept.
      if (!key.first && !holding.dra && ++unresolved > kMostUnresolved) continue;
      model::HeldDevice device;
      device.gpu = key.first;
      if (!device.gpu) device.problem = std::move(holding.problem);
      device.dra = std::move(holding.dra);
      device.shares = static_cast<int>(holding.shares.size());
      device.all_shares = static_cast<int>(shares_.at(key).size());
      devices.push_back(std::move(device));
    }
    std::sort(devices.begin(), devices.end(),
              [this](const auto& a, const auto& b) { return PlaceOf(a) < PlaceOf(b); });
    return devices;
  }

 private:
  Holding& Hold(Holdings& holdings, const DeviceName& name, const std::string& share) {
    const std::optional<size_t> gpu = Find(name, gpus_);
    const DeviceKey key{gpu, gpu ? "" : KeyText(name)};
    // A set over the node too: no plugin hands one share to two pods at once. Where the kubelet
    // lists it with two, one of them has ended, and the other has the device to itself.
    shares_[key].insert(share);
    Holding& holding = holdings[key];
    holding.shares.insert(share);
    return holding;
  }

  /// Those with a PCI address, those without, those not found; the MIG devices of one GPU by place.
  Place PlaceOf(const model::HeldDevice& device) const {
    const auto address = device.gpu ? addresses_[*device.gpu] : std::nullopt;
    const bool mig = device.gpu && gpus_[*device.gpu]->mig;
    return Place(!device.gpu, !address, address.value_or(PciAddress{}),
                 mig ? gpus_[*device.gpu]->mig->gpu_instance : -1,
                 mig ? gpus_[*device.gpu]->mig->compute_instance : -1, device.gpu.value_or(0),
                 device.problem);
  }

  std::vector<const model::GpuIdentity*> gpus_;
  /// Of each of gpus_.
  std::vector<std::optional<PciAddress>> addresses_;
  /// In use on the node.
  std::map<DeviceKey, Shares> shares_;
};

}  // namespace

std::vector<model::PodDevices> Attribute(const model::PodListing& listing,
                                         const model::NodeSnapshot& snapshot) {
  Join join(snapshot);
  std::vector<std::pair<const model::PodAllocation*, Holdings>> held;
  for (const model::PodAllocation& pod : listing.pods) {
    Holdings holdings = join.Add(pod);
    if (!holdings.empty()) held.emplace_back(&pod, std::move(holdings));
  }
  std::vector<model::PodDevices> pods;
  pods.reserve(held.size());
  for (auto& [pod, holdings] : held) {
    pods.push_back(
        {pod->pod, pod->listed, pod->ambiguous ? Ambiguous() : join.Finish(std::move(holdings))});
  }
  return pods;
}

}  // namespace kgs::attribution
