// SPDX-License-Identifier: Apache-2.0
#include "attribution/attribution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace kgs::attribution {
namespace {

using model::DraDevice;
using model::HeldDevice;
using model::PluginDevice;
using model::PodDevices;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

model::GpuSnapshot Gpu(int index, const std::string& uuid, const std::string& pci) {
  model::GpuSnapshot gpu;
  gpu.identity.index = index;
  gpu.identity.uuid = uuid;
  gpu.identity.minor_number = index;
  gpu.identity.pci_bus_id = pci;
  return gpu;
}

/// GPU-a to GPU-d with the minor numbers 0 to 3; their places on the bus are in another order.
model::NodeSnapshot FourGpus() {
  model::NodeSnapshot snapshot;
  snapshot.gpus = {Gpu(0, "GPU-a", "00000000:C1:00.0"), Gpu(1, "GPU-b", "0000:9:00.0"),
                   Gpu(2, "GPU-c", "00000000:41:00.0"), Gpu(3, "GPU-d", "")};
  return snapshot;
}

model::PodAllocation Pod(const std::string& name, std::vector<std::string> ids,
                         std::vector<DraDevice> dra = {}) {
  model::PodAllocation pod;
  pod.pod = {"ml", name};
  pod.listed.unix_ms = 7;
  for (std::string& id : ids) pod.plugin_devices.push_back({"nvidia.com/gpu", std::move(id)});
  pod.dra_devices = std::move(dra);
  return pod;
}

DraDevice NvidiaDra(const std::string& device) { return {"gpu.nvidia.com", "node-a", device}; }

std::vector<PodDevices> Attributed(std::vector<model::PodAllocation> pods) {
  model::PodListing listing;
  listing.pods = std::move(pods);
  return Attribute(listing, FourGpus());
}

/// "0 1/2": GPU 0, one share of two; "? 1/1" where it is not resolved.
std::vector<std::string> Texts(const PodDevices& pod) {
  std::vector<std::string> texts;
  for (const HeldDevice& device : pod.devices) {
    EXPECT_EQ(device.gpu.has_value(), device.problem.empty()) << device.problem;
    texts.push_back((device.gpu ? std::to_string(*device.gpu) : "?") + " " +
                    std::to_string(device.shares) + "/" + std::to_string(device.all_shares));
  }
  return texts;
}

TEST(AttributeTest, EachPodWithItsGpusByPciAddress) {
  const auto pods =
      Attributed({Pod("one", {"GPU-d", "GPU-a", "GPU-b", "GPU-x"}), Pod("two", {"GPU-c"})});
  ASSERT_THAT(pods, SizeIs(2));
  EXPECT_EQ(pods[0].pod.Text(), "ml/one");
  EXPECT_EQ(pods[0].listed.unix_ms, 7);
  EXPECT_THAT(Texts(pods[0]), ElementsAre("1 1/1", "0 1/1", "3 1/1", "? 1/1"))
      << "bus 9 is before bus C1; no address and not found come last";
  EXPECT_THAT(Texts(pods[1]), ElementsAre("2 1/1"));
}

TEST(AttributeTest, DevicesThatAreNoGpusAndPodsOfNothingElseAreLeftOut) {
  model::PodAllocation mixed = Pod("mixed", {"GPU-a"});
  mixed.plugin_devices.push_back({"rdma/hca", "mlx5_0"});
  model::PodAllocation nic = Pod("nic", {}, {{"compute-domain.nvidia.com", "node-a", "channel-0"}});
  nic.plugin_devices.push_back({"nvidia.com/hostdev", "0000:41:00.0"});
  const auto pods = Attributed({mixed, nic});
  ASSERT_THAT(pods, SizeIs(1));
  EXPECT_THAT(Texts(pods[0]), ElementsAre("0 1/1"));
}

TEST(AttributeTest, AGpuThatIsHeldButNotKnownStaysWithAReason) {
  const auto pods = Attributed({Pod("p", {"GPU-x::1", "nvidia0/gi1", "what is \x01"})});
  ASSERT_THAT(pods, SizeIs(1));
  std::vector<std::string> problems;
  for (const HeldDevice& device : pods[0].devices) problems.push_back(device.problem);
  EXPECT_THAT(
      problems,
      ElementsAre("nvidia.com/gpu \"GPU-x::1\" is not exactly one of the GPUs that are read on "
                  "this node",
                  "nvidia.com/gpu \"nvidia0/gi1\" is not exactly one of the MIG devices that are "
                  "read on this node",
                  "nvidia.com/gpu \"what is ?\" cannot be matched with a GPU by its name"));
}

TEST(AttributeTest, APodWhoseNameIsListedTwiceHasNoGpuThatIsSurelyItsOwn) {
  auto twice = Pod("one", {"GPU-a", "GPU-b"});
  twice.ambiguous = true;
  const auto pods = Attributed({twice, Pod("two", {"GPU-c"})});
  ASSERT_THAT(pods, SizeIs(2));
  EXPECT_THAT(Texts(pods[0]), ElementsAre("? 1/1"));
  EXPECT_THAT(pods[0].devices[0].problem, HasSubstr("two pods of this name"));
  EXPECT_THAT(Texts(pods[1]), ElementsAre("2 1/1"));
}

TEST(AttributeTest, SharesOfAllPodsAreCounted) {
  const auto pods = Attributed({Pod("one", {"GPU-a::0", "GPU-a::1", "GPU-b::0"}),
                                Pod("two", {"GPU-a::2"}), Pod("three", {"GPU-c"})});
  ASSERT_THAT(pods, SizeIs(3));
  EXPECT_THAT(Texts(pods[0]), ElementsAre("1 1/1", "0 2/3"));
  EXPECT_FALSE(pods[0].devices[0].shared());
  EXPECT_TRUE(pods[0].devices[1].shared());
  EXPECT_THAT(Texts(pods[1]), ElementsAre("0 1/3"));
  EXPECT_THAT(Texts(pods[2]), ElementsAre("2 1/1"));
}

TEST(AttributeTest, OnePodWithAllSharesSharesWithNobody) {
  const auto pods = Attributed({Pod("one", {"GPU-a::0", "GPU-a::1"})});
  EXPECT_THAT(Texts(pods.at(0)), ElementsAre("0 2/2"));
  EXPECT_FALSE(pods[0].devices[0].shared());
}

TEST(AttributeTest, AGpuNamedInTwoWaysIsOne) {
  const auto pods =
      Attributed({Pod("one", {"GPU-a::0"}), Pod("two", {"nvidia0/vgpu1"}),
                  Pod("three", {}, {NvidiaDra("gpu-0")}), Pod("four", {"GPU-b", "nvidia1"})});
  ASSERT_THAT(pods, SizeIs(4));
  EXPECT_THAT(Texts(pods[0]), ElementsAre("0 1/3"));
  EXPECT_THAT(Texts(pods[1]), ElementsAre("0 1/3"));
  EXPECT_THAT(Texts(pods[2]), ElementsAre("0 1/3"));
  EXPECT_THAT(pods[3].devices, SizeIs(1)) << "each GPU once";
  EXPECT_FALSE(pods[3].devices[0].shared());
}

TEST(AttributeTest, AnIdThatTwoPodsAreListedWithIsOneShare) {
  // The pod that had it has ended, and older kubelets list it on.
  const auto pods = Attributed({Pod("ended", {"GPU-a", "GPU-b::1"}),
                                Pod("running", {"GPU-a", "GPU-b::1"}), Pod("third", {"GPU-b::0"})});
  ASSERT_THAT(pods, SizeIs(3));
  EXPECT_THAT(Texts(pods[1]), ElementsAre("1 1/2", "0 1/1"));
}

TEST(AttributeTest, DraDevicesAreFoundByNameAndKeptForTheirSlices) {
  const auto pods = Attributed({Pod("one", {},
                                    {NvidiaDra("gpu-2"),
                                     NvidiaDra("gpu-9"),
                                     NvidiaDra("gpu-0-mig-1g5gb-19-0"),
                                     {"gpu.amd.com", "node-a", "gpu-1"}})});
  ASSERT_THAT(pods, SizeIs(1));
  ASSERT_THAT(pods[0].devices, SizeIs(4));
  EXPECT_THAT(Texts(pods[0]), ElementsAre("2 1/1", "? 1/1", "? 1/1", "? 1/1"));
  EXPECT_EQ(pods[0].devices[0].dra, NvidiaDra("gpu-2"));
  EXPECT_EQ(pods[0].devices[1].problem,
            "MIG device \"gpu.nvidia.com/node-a/gpu-0-mig-1g5gb-19-0\" cannot be matched with an "
            "instance by its name, only by the UUID in its ResourceSlice");
  EXPECT_EQ(pods[0].devices[1].dra, NvidiaDra("gpu-0-mig-1g5gb-19-0"));
  EXPECT_EQ(pods[0].devices[2].problem,
            "device \"gpu.amd.com/node-a/gpu-1\" cannot be matched with a GPU by its name");
  EXPECT_THAT(pods[0].devices[3].problem, HasSubstr("\"gpu.nvidia.com/node-a/gpu-9\" is not"));
}

TEST(AttributeTest, AClaimThatPodsShareIsAShareOfEach) {
  const auto pods = Attributed({Pod("one", {}, {NvidiaDra("gpu-0"), NvidiaDra("gpu-9")}),
                                Pod("two", {}, {NvidiaDra("gpu-0"), NvidiaDra("gpu-9")})});
  ASSERT_THAT(pods, SizeIs(2));
  EXPECT_THAT(Texts(pods[0]), ElementsAre("0 1/2", "? 1/2"));
  EXPECT_THAT(Texts(pods[1]), ElementsAre("0 1/2", "? 1/2"));
}

TEST(AttributeTest, UnknownDevicesAreCountedByWhatTheirIdsName) {
  const auto pods = Attributed(
      {Pod("one", {"GPU-x::0", "GPU-X::1", "tegra"}), Pod("two", {"GPU-x::2", "other"})});
  ASSERT_THAT(pods, SizeIs(2));
  EXPECT_THAT(Texts(pods[0]), ElementsAre("? 2/3", "? 1/1"));
  EXPECT_THAT(Texts(pods[1]), ElementsAre("? 1/3", "? 1/1"));
}

TEST(AttributeTest, OfManyUnknownDevicesAFewAreKept) {
  std::vector<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.push_back("GPU-unknown-" + std::to_string(i));
  EXPECT_THAT(Attributed({Pod("one", ids)})[0].devices, SizeIs(16));
}

TEST(AttributeTest, MigDevicesOfOneGpuStandByPlace) {
  model::NodeSnapshot snapshot;
  for (const int instance : {9, 2}) {
    model::GpuSnapshot mig = Gpu(0, "MIG-" + std::to_string(instance), "00000000:C1:00.0");
    mig.identity.mig = model::MigPlace{"GPU-a", instance, 0};
    snapshot.gpus.push_back(mig);
  }
  snapshot.gpus.push_back(Gpu(0, "GPU-a", "00000000:C1:00.0"));
  model::PodListing listing;
  listing.pods = {Pod("p", {"MIG-9", "MIG-2"}), Pod("parent", {"GPU-a"})};
  const auto pods = Attribute(listing, snapshot);
  EXPECT_THAT(Texts(pods.at(0)), ElementsAre("1 1/1", "0 1/1"));
  EXPECT_THAT(Texts(pods.at(1)), ElementsAre("2 1/1"));
}

TEST(AttributeTest, LostGpusAreStillHeld) {
  model::NodeSnapshot snapshot = FourGpus();
  snapshot.gpus[0].state = model::DeviceState::kLost;
  model::PodListing listing;
  listing.pods = {Pod("p", {"GPU-a"})};
  EXPECT_THAT(Texts(Attribute(listing, snapshot).at(0)), ElementsAre("0 1/1"));
}

TEST(AttributeTest, NothingOfNothing) {
  EXPECT_THAT(Attribute({}, {}), IsEmpty());
  model::PodListing listing;
  listing.pods = {Pod("p", {"GPU-a"})};
  EXPECT_THAT(Texts(Attribute(listing, {}).at(0)), ElementsAre("? 1/1"));
}

}  // namespace
}  // namespace kgs::attribution
