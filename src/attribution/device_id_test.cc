// SPDX-License-Identifier: Apache-2.0
#include "attribution/device_id.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

namespace kgs::attribution {
namespace {

using ::testing::Optional;

constexpr char kUuid[] = "GPU-8f5e2a10-1b2c-3d4e-5f60-718293a4b5c6";
constexpr char kMigUuid[] = "MIG-1a2b3c4d-0000-1111-2222-333344445555";

/// The name as one line: "uuid GPU-...", "minor 0", "minor 0 gi 1", "none".
std::string Text(const std::optional<DeviceName>& name) {
  if (!name) return "none";
  switch (name->kind) {
    case DeviceName::Kind::kUuid:
      return "uuid " + name->text;
    case DeviceName::Kind::kMigPlace:
      return "mig " + name->text + " gi " + std::to_string(name->gpu_instance) + " ci " +
             std::to_string(name->compute_instance);
    case DeviceName::Kind::kMinor:
      return "minor " + std::to_string(name->number);
    case DeviceName::Kind::kMinorInstance:
      return "minor " + std::to_string(name->number) + " gi " + std::to_string(name->gpu_instance);
    case DeviceName::Kind::kPci:
      return "pci " + name->text;
    case DeviceName::Kind::kDrmCard:
      return "card " + std::to_string(name->number);
    case DeviceName::Kind::kOpaque:
      return "opaque " + name->text;
  }
  return "?";
}

std::string Plugin(const std::string& resource, const std::string& id) {
  return Text(NameOf(model::PluginDevice{resource, id}));
}

std::string Dra(const std::string& driver, const std::string& device) {
  return Text(NameOf(model::DraDevice{driver, "node-a", device}));
}

TEST(NameOfPluginDeviceTest, NvidiaUuids) {
  const std::string gpu = std::string("uuid ") + kUuid;
  const std::string mig = std::string("uuid ") + kMigUuid;
  EXPECT_EQ(Plugin("nvidia.com/gpu", kUuid), gpu);
  EXPECT_EQ(Plugin("nvidia.com/mig-1g.5gb", kMigUuid), mig);
  EXPECT_EQ(Plugin("nvidia.com/gpu", kMigUuid), mig) << "MIG strategy single";
}

TEST(NameOfPluginDeviceTest, MigOfOldDrivers) {
  const std::string place = std::string("mig ") + kUuid + " gi 7 ci 0";
  EXPECT_EQ(Plugin("nvidia.com/mig-1g.5gb", std::string("MIG-") + kUuid + "/7/0"), place);
  EXPECT_EQ(Plugin("nvidia.com/gpu", std::string("MIG-") + kUuid + "/7/0::3"), place);
  EXPECT_EQ(Plugin("nvidia.com/gpu", std::string("MIG-") + kUuid + "/7"),
            std::string("uuid MIG-") + kUuid + "/7")
      << "names no instance, and so no GPU that there is";
  EXPECT_EQ(Plugin("example.com/x", std::string("MIG-") + kUuid + "/7"), "none");
}

TEST(NameOfPluginDeviceTest, SharedByTimeOrMps) {
  const std::string gpu = std::string("uuid ") + kUuid;
  EXPECT_EQ(Plugin("nvidia.com/gpu", std::string(kUuid) + "::0"), gpu);
  EXPECT_EQ(Plugin("nvidia.com/gpu.shared", std::string(kUuid) + "::15"), gpu);
  EXPECT_EQ(Plugin("nvidia.com/mig-1g.5gb.shared", std::string(kMigUuid) + "::1"),
            std::string("uuid ") + kMigUuid);
  EXPECT_EQ(Plugin("nvidia.com/gpu", std::string(kUuid) + "::1::2"), gpu) << "cut at the first";
}

TEST(NameOfPluginDeviceTest, RenamedResourcesAreKnownByTheirIds) {
  const std::string gpu = std::string("uuid ") + kUuid;
  EXPECT_EQ(Plugin("nvidia.com/a100", kUuid), gpu);
  EXPECT_EQ(Plugin("example.com/half-gpu", std::string(kUuid) + "::1"), gpu);
  EXPECT_EQ(Plugin("example.com/slice", kMigUuid), std::string("uuid ") + kMigUuid);
  EXPECT_EQ(Plugin("example.com/gke", "nvidia3"), "minor 3");
  EXPECT_EQ(Plugin("example.com/x", "GPU-0"), "none") << "no UUID";
  EXPECT_EQ(Plugin("example.com/x", std::string(kUuid) + "-1"), "none");
}

TEST(NameOfPluginDeviceTest, Gke) {
  EXPECT_EQ(Plugin("nvidia.com/gpu", "nvidia0"), "minor 0");
  EXPECT_EQ(Plugin("nvidia.com/gpu", "nvidia12"), "minor 12");
  EXPECT_EQ(Plugin("nvidia.com/gpu", "nvidia0/vgpu2"), "minor 0");
  EXPECT_EQ(Plugin("nvidia.com/gpu", "nvidia0/gi1"), "minor 0 gi 1");
  EXPECT_EQ(Plugin("nvidia.com/gpu", "nvidia0/gi13/vgpu2"), "minor 0 gi 13");
  for (const char* id : {"nvidia", "nvidiactl", "nvidia0/", "nvidia0/gi", "nvidia0/vgpu",
                         "nvidia0/gi1/x", "nvidia0x", "nvidia-0", "nvidia99999999999"}) {
    EXPECT_EQ(Plugin("nvidia.com/gpu", id), std::string("opaque ") + id);
    EXPECT_EQ(Plugin("example.com/x", id), "none") << id;
  }
}

TEST(NameOfPluginDeviceTest, Amd) {
  EXPECT_EQ(Plugin("amd.com/gpu", "0000:03:00.0"), "pci 0000:03:00.0");
  EXPECT_EQ(Plugin("amd.com/gpu", "0000:03:00.0-slice-2"), "pci 0000:03:00.0");
  EXPECT_EQ(Plugin("amd.com/cpx_nps4", "0000:03:00.0"), "pci 0000:03:00.0");
  EXPECT_EQ(Plugin("amd.com/cpx_nps4", "amdgpu_xcp_30"), "opaque amdgpu_xcp_30");
  EXPECT_EQ(Plugin("amd.com/gpu", "amdgpu_xcp_30-slice-1"), "opaque amdgpu_xcp_30");
  EXPECT_EQ(Plugin("amd.com/nic", "0000:03:00.0"), "none");
}

TEST(NameOfPluginDeviceTest, Intel) {
  EXPECT_EQ(Plugin("gpu.intel.com/i915", "card0-0"), "card 0");
  EXPECT_EQ(Plugin("gpu.intel.com/xe", "card12-3"), "card 12");
  EXPECT_EQ(Plugin("gpu.intel.com/xe", "card1"), "card 1");
  EXPECT_EQ(Plugin("gpu.intel.com/xe", "0x56c0-1"), "opaque 0x56c0");
  EXPECT_EQ(Plugin("gpu.intel.com/i915_monitoring", "all"), "none") << "looks at all, holds none";
}

TEST(NameOfPluginDeviceTest, AnUnknownIdOfAGpuResourceIsStillAGpu) {
  EXPECT_EQ(Plugin("nvidia.com/gpu", "tegra"), "opaque tegra");
  EXPECT_EQ(Plugin("nvidia.com/gpu", "GPU-a::0"), "uuid GPU-a");
  EXPECT_EQ(Plugin("nvidia.com/mig-2g.10gb", ""), "opaque ");
}

TEST(NameOfPluginDeviceTest, WhatIsNoGpu) {
  EXPECT_EQ(Plugin("nvidia.com/hostdev", "0000:03:00.0"), "none");
  EXPECT_EQ(Plugin("nvidia.com/GA102GL_A10", "0000:03:00.0"), "none") << "given to a VM";
  EXPECT_EQ(Plugin("rdma/hca_shared_devices_a", "12"), "none");
  EXPECT_EQ(Plugin("hugepages-2Mi", ""), "none");
  EXPECT_EQ(Plugin("devices.kubevirt.io/kvm", "kvm0"), "none");
  EXPECT_EQ(Plugin("example.com/card", "card0-0"), "none");
}

TEST(NameOfDraDeviceTest, NvidiaByMinorNumber) {
  EXPECT_EQ(Dra("gpu.nvidia.com", "gpu-0"), "minor 0");
  EXPECT_EQ(Dra("gpu.nvidia.com", "gpu-11"), "minor 11");
}

TEST(NameOfDraDeviceTest, WhatTheNameDoesNotTellIsAGpuAllTheSame) {
  for (const char* device : {"gpu-0-mig-1g5gb-19-0", "gpu-", "gpu-x", "gpu-0-vfio", "0"}) {
    EXPECT_EQ(Dra("gpu.nvidia.com", device), std::string("opaque gpu.nvidia.com/node-a/") + device);
  }
  EXPECT_EQ(Dra("gpu.amd.com", "gpu-0"), "opaque gpu.amd.com/node-a/gpu-0");
  EXPECT_EQ(Dra("gpu.intel.com", "0000-03-00-0"), "opaque gpu.intel.com/node-a/0000-03-00-0");
}

TEST(NameOfDraDeviceTest, OtherDriversAreNone) {
  EXPECT_EQ(Dra("compute-domain.nvidia.com", "channel-0"), "none");
  EXPECT_EQ(Dra("dra.cpu", "gpu-0"), "none");
  EXPECT_EQ(Dra("", "gpu-0"), "none");
}

class FindTest : public ::testing::Test {
 protected:
  model::GpuIdentity& Add(const std::string& uuid, const std::string& pci, int minor) {
    model::GpuIdentity& gpu = gpus_.emplace_back();
    gpu.uuid = uuid;
    gpu.pci_bus_id = pci;
    gpu.minor_number = minor;
    return gpu;
  }
  model::GpuIdentity& AddMig(const std::string& uuid, const std::string& parent, int instance,
                             int compute) {
    model::GpuIdentity& gpu = gpus_.emplace_back();
    gpu.uuid = uuid;
    gpu.mig = model::MigPlace{parent, instance, compute};
    return gpu;
  }
  std::optional<size_t> FindPlugin(const std::string& resource, const std::string& id) const {
    std::vector<const model::GpuIdentity*> gpus;
    gpus.reserve(gpus_.size());
    for (const model::GpuIdentity& gpu : gpus_) gpus.push_back(&gpu);
    const auto name = NameOf(model::PluginDevice{resource, id});
    EXPECT_TRUE(name.has_value());
    return Find(*name, gpus);
  }

  std::deque<model::GpuIdentity> gpus_;
};

TEST_F(FindTest, ByUuidWhateverItsCase) {
  Add(kUuid, "00000000:03:00.0", 1);
  Add("GPU-b", "00000000:04:00.0", 0);
  EXPECT_THAT(FindPlugin("nvidia.com/gpu", kUuid), Optional(0u));
  EXPECT_THAT(FindPlugin("nvidia.com/gpu", "GPU-8F5E2A10-1B2C-3D4E-5F60-718293A4B5C6"),
              Optional(0u));
  EXPECT_THAT(FindPlugin("nvidia.com/gpu", "GPU-B::1"), Optional(1u));
  EXPECT_EQ(FindPlugin("nvidia.com/gpu", "GPU-c"), std::nullopt);
  EXPECT_EQ(FindPlugin("nvidia.com/gpu", "GPU-"), std::nullopt);
}

TEST_F(FindTest, ByMinorNumberNotByIndex) {
  Add("GPU-a", "00000000:03:00.0", 1).index = 0;
  Add("GPU-b", "00000000:04:00.0", 0).index = 1;
  EXPECT_THAT(FindPlugin("nvidia.com/gpu", "nvidia0"), Optional(1u));
  EXPECT_THAT(FindPlugin("nvidia.com/gpu", "nvidia1/vgpu0"), Optional(0u));
  EXPECT_EQ(FindPlugin("nvidia.com/gpu", "nvidia2"), std::nullopt);
  gpus_[1].minor_number.reset();
  EXPECT_EQ(FindPlugin("nvidia.com/gpu", "nvidia0"), std::nullopt) << "the driver does not say";
}

TEST_F(FindTest, ByPciAddressInEitherForm) {
  Add("a", "00000000:C1:00.0", 0);
  Add("b", "", 1);
  EXPECT_THAT(FindPlugin("amd.com/gpu", "0000:c1:00.0-slice-0"), Optional(0u));
  EXPECT_EQ(FindPlugin("amd.com/gpu", "0000:c1:00.1"), std::nullopt);
  EXPECT_EQ(FindPlugin("amd.com/gpu", "0001:c1:00.0"), std::nullopt);
}

TEST_F(FindTest, ByDrmCard) {
  Add("a", "0000:03:00.0", 1).drm_card = 1;
  EXPECT_THAT(FindPlugin("gpu.intel.com/xe", "card1-0"), Optional(0u));
  EXPECT_EQ(FindPlugin("gpu.intel.com/xe", "card0-1"), std::nullopt);
}

TEST_F(FindTest, AMigDeviceAndItsParentAreEachTheirOwn) {
  Add(kUuid, "00000000:03:00.0", 0);
  for (const int instance : {1, 2}) {
    model::GpuIdentity& mig = AddMig("MIG-" + std::to_string(instance), kUuid, instance, 0);
    mig.minor_number = 0;
    mig.pci_bus_id = "00000000:03:00.0";
    mig.drm_card = 0;
  }
  EXPECT_THAT(FindPlugin("nvidia.com/gpu", kUuid), Optional(0u));
  EXPECT_THAT(FindPlugin("nvidia.com/gpu", "nvidia0"), Optional(0u));
  EXPECT_THAT(FindPlugin("amd.com/gpu", "0000:03:00.0"), Optional(0u));
  EXPECT_THAT(FindPlugin("nvidia.com/gpu", "MIG-2"), Optional(2u));
  EXPECT_THAT(FindPlugin("nvidia.com/gpu", "nvidia0/gi2"), Optional(2u));
  EXPECT_EQ(FindPlugin("nvidia.com/gpu", "nvidia0/gi3"), std::nullopt);
  EXPECT_EQ(FindPlugin("nvidia.com/gpu", "nvidia1/gi2"), std::nullopt);
  gpus_.pop_front();
  EXPECT_EQ(FindPlugin("nvidia.com/gpu", kUuid), std::nullopt) << "an instance is not its GPU";
  EXPECT_EQ(FindPlugin("nvidia.com/gpu", "nvidia0"), std::nullopt);
  EXPECT_EQ(FindPlugin("amd.com/gpu", "0000:03:00.0"), std::nullopt);
}

TEST_F(FindTest, AMigDeviceByItsPlace) {
  AddMig("MIG-1", kUuid, 1, 0);
  AddMig("MIG-2", kUuid, 1, 1);
  AddMig("MIG-3", "GPU-b", 1, 0);
  EXPECT_THAT(FindPlugin("nvidia.com/gpu", std::string("MIG-") + kUuid + "/1/1"), Optional(1u));
  EXPECT_EQ(FindPlugin("nvidia.com/gpu", std::string("MIG-") + kUuid + "/2/0"), std::nullopt);
}

TEST_F(FindTest, AnInstanceWithoutANumberOfItsOwnIsFoundByItsParent) {
  AddMig("MIG-1", "GPU-B", 1, 0);
  Add("GPU-a", "", 0);
  Add("GPU-b", "", 1);
  EXPECT_THAT(FindPlugin("nvidia.com/gpu", "nvidia1/gi1"), Optional(0u));
  EXPECT_EQ(FindPlugin("nvidia.com/gpu", "nvidia0/gi1"), std::nullopt);
}

TEST_F(FindTest, WhatMeansMoreThanOneMeansNone) {
  AddMig("MIG-1", "GPU-a", 1, 0).minor_number = 0;
  AddMig("MIG-2", "GPU-a", 1, 1).minor_number = 0;
  EXPECT_EQ(FindPlugin("nvidia.com/gpu", "nvidia0/gi1"), std::nullopt)
      << "two compute instances in one GPU instance";
}

TEST_F(FindTest, WhatCannotBeMatchedIsNotFound) {
  Add("amdgpu_xcp_30", "0000:03:00.0", 0);
  EXPECT_EQ(FindPlugin("amd.com/gpu", "amdgpu_xcp_30"), std::nullopt);
}

}  // namespace
}  // namespace kgs::attribution
