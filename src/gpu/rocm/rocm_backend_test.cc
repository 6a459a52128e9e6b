// SPDX-License-Identifier: Apache-2.0
#include "gpu/rocm/rocm_backend.h"

#include <algorithm>

#include "gpu/rocm/rocm_test_fixture.h"

namespace kgs::gpu::rocm {
namespace {

using model::DeviceState;
using model::MetricId;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::StartsWith;
using Uuids = std::vector<std::string>;

using BackendTest = RocmTest;
using OldBackendTest = OldRocmTest;

/// Of the GPUs at indices 0, 1, ..., which are to be in this order.
Uuids UuidsByIndex(const Session& session) {
  Uuids uuids;
  for (const DeviceListing& listing : session.devices) {
    EXPECT_EQ(listing.identity.index, static_cast<int>(uuids.size())) << listing.identity.uuid;
    uuids.push_back(listing.identity.uuid);
  }
  return uuids;
}

constexpr char kTwoGpus[] = "gpu\ngpu\n";

TEST_F(BackendTest, ListsTheGpusOfTheLibrary) {
  const Session session =
      Open("driver 6.8.5\ngpu\n unique_id 18ff74a1b2c3d4e5\n name AMD Instinct MI210\ngpu\n");
  EXPECT_EQ(session.driver_version, "6.8.5");
  ASSERT_EQ(session.devices.size(), 2u);
  const DeviceListing& first = session.devices[0];
  EXPECT_EQ(first.identity.index, 0);
  EXPECT_EQ(first.identity.uuid, "GPU-18ff74a1b2c3d4e5");
  EXPECT_EQ(first.identity.name, "AMD Instinct MI210");
  EXPECT_EQ(first.identity.pci_bus_id, "0000:03:00.0");
  EXPECT_EQ(first.identity.drm_card, 1);
  EXPECT_EQ(first.identity.minor_number, std::nullopt);
  EXPECT_EQ(first.state, DeviceState::kPresent);
  EXPECT_NE(first.device, nullptr);
  EXPECT_EQ(session.devices[1].identity.index, 1);
  EXPECT_EQ(session.devices[1].identity.uuid, "GPU-0000000000000002");
  EXPECT_EQ(backend_->name(), "rocm");
  EXPECT_TRUE(backend_->Check());
}

TEST_F(BackendTest, AGpuWithoutAUniqueIdGoesByItsAddress) {
  const Session session = Open("gpu\n error rsmi_dev_unique_id_get 2\ngpu\n unique_id 0\n");
  EXPECT_EQ(session.devices[0].identity.uuid, "0000:03:00.0");
  EXPECT_EQ(session.devices[1].identity.uuid, "0000:04:00.0");
}

TEST_F(BackendTest, PartitionsOfOneGpuHaveKeysOfTheirOwn) {
  const Session session = Open(
      "gpu\n unique_id 7\n pci 0000:03:00.0\ngpu\n unique_id 7\n pci 0000:03:00.0\n partition 1\n"
      "gpu\n unique_id 7\n pci 0000:03:00.0\n partition 2\ngpu\n unique_id 8\n pci 0000:04:00.0\n");
  ASSERT_EQ(session.devices.size(), 4u);
  EXPECT_EQ(session.devices[0].identity.uuid, "GPU-0000000000000007");
  EXPECT_EQ(session.devices[1].identity.uuid, "GPU-0000000000000007/1");
  EXPECT_EQ(session.devices[2].identity.uuid, "GPU-0000000000000007/2");
  EXPECT_EQ(session.devices[2].identity.pci_bus_id, "0000:03:00.0");
  EXPECT_EQ(session.devices[3].identity.uuid, "GPU-0000000000000008");
}

TEST_F(BackendTest, AGpuThatIsPartitionedOtherwiseLeavesNothingBehind) {
  // Kernels differ in which bits tell the partition.
  for (const char* second : {"pci 0000:03:00.0\n partition 1", "pci 0000:03:00.1"}) {
    const std::string partitions =
        "gpu\n unique_id 7\n pci 0000:03:00.0\ngpu\n unique_id 7\n " + std::string(second) + "\n";
    const std::string other = "gpu\n unique_id 8\n pci 0000:04:00.0\n";
    EXPECT_EQ(Open(partitions + other).devices.size(), 3u);
    const Session session = Open("gpu\n unique_id 7\n pci 0000:03:00.0\n" + other);
    EXPECT_EQ(UuidsByIndex(session), (Uuids{"GPU-0000000000000007", "GPU-0000000000000008"}))
        << second;
  }
}

TEST_F(BackendTest, AGpuThatGetsItsUniqueIdLaterIsTheSame) {
  Open("gpu\n unique_id 0\n");
  const Session session = Open("gpu\n unique_id 7\n");
  ASSERT_EQ(session.devices.size(), 1u);
  EXPECT_EQ(session.devices[0].identity.uuid, "GPU-0000000000000007");
}

TEST_F(BackendTest, AUniqueIdThatCannotBeReadNowIsWaitedFor) {
  for (const char* code : {"2", "9"}) {
    EXPECT_EQ(Open(std::string("gpu\n error rsmi_dev_unique_id_get ") + code + "\n").devices.size(),
              1u)
        << code;
  }
  EXPECT_THAT(OpenFailure("gpu\n error rsmi_dev_unique_id_get 16\n"),
              StartsWith("rsmi_dev_unique_id_get: Busy"));
  EXPECT_EQ(OpenFailure("gpu\n error rsmi_dev_unique_id_get 3\n"),
            "rsmi_dev_unique_id_get: File error");
  EXPECT_EQ(Open("gpu\n").devices.size(), 1u);
}

TEST_F(BackendTest, WhatIsNotSaidOfAGpuStaysEmpty) {
  const Session session = Open(
      "error rsmi_version_str_get 2\nerror rsmi_dev_name_get 3\n"
      "gpu\n pci 0000:55:00.0\n");
  EXPECT_EQ(session.driver_version, "");
  EXPECT_EQ(session.devices[0].identity.name, "");
  EXPECT_EQ(session.devices[0].identity.drm_card, std::nullopt) << "no card of that address";
  EXPECT_THAT(Read(session, MetricId::kPowerDraw), IsValue(60));
}

TEST_F(BackendTest, ANameThatIsOnlyANumberGivesWayToTheProducts) {
  EXPECT_EQ(Open("gpu\n name 0x740f\n").devices[0].identity.name, "0x740f");
  testing::FakeSysfs::Write(first_ / "product_name", "AMD Instinct MI210");
  EXPECT_EQ(Open("gpu\n name 0x740f\n").devices[0].identity.name, "AMD Instinct MI210");
  EXPECT_EQ(Open("gpu\n name Mine\n").devices[0].identity.name, "Mine");
}

TEST_F(BackendTest, WithoutAnAmdCardTheLibraryIsNotTouched) {
  const auto inits = Calls("rsmi_init");
  const std::string root = sysfs_.root().string();
  std::filesystem::remove(sysfs_.root() / "class/kfd");
  EXPECT_EQ(OpenFailure("gpu\n"), "no AMD GPU that ROCm can read: there is no " + root +
                                      "/class/kfd; is the amdgpu driver loaded on this node?");
  sysfs_.RemoveCard(1);
  sysfs_.RemoveCard(2);
  EXPECT_THAT(OpenFailure("gpu\n"), StartsWith("no AMD GPU: no card under "));
  EXPECT_TRUE(backend_->Check());
  backend_->Close();
  EXPECT_EQ(Calls("rsmi_init"), inits);
  std::filesystem::create_directories(sysfs_.root() / "class/kfd");
  sysfs_.AddCard(3, "0000:05:00.0");
  EXPECT_EQ(Reopen().devices.size(), 1u) << "found when it comes";
}

TEST_F(BackendTest, AMissingLibraryIsLoadedOnceItIsThere) {
  // A path of its own each time: a library once loaded is found by its path for good.
  static int runs = 0;
  const auto path = fake_.directory() / ("late-" + std::to_string(++runs)) / "librocm_smi64.so.1";
  const auto late = MakeRocmBackend(path, sysfs_.root().string());
  Script("gpu\n");
  EXPECT_THAT(std::string(late->Open().status().message()),
              StartsWith("cannot load " + path.string() + ": "));
  std::filesystem::create_directory(path.parent_path());
  std::filesystem::copy_file(library_, path);
  const auto session = late->Open();
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_EQ(session->devices.size(), 1u);
  late->Close();
}

TEST_F(BackendTest, WithTheLibraryLockedTheFilesAreRead) {
  testing::FakeSysfs::Write(first_ / "gpu_busy_percent", "37");
  sysfs_.AddKfdNode(1, 4660, "location_id 768\ndomain 0");
  sysfs_.AddKfdNode(2, 4661, "location_id 1024\ndomain 0");
  for (const char* code : {"8", "16"}) {
    const Session session = Open(std::string("error rsmi_init ") + code + "\ngpu\n");
    ASSERT_EQ(session.devices.size(), 2u);
    EXPECT_EQ(session.devices[0].identity.pci_bus_id, "0000:03:00.0");
    EXPECT_THAT(Read(session, MetricId::kGpuUtilization), IsValue(37));
    EXPECT_TRUE(backend_->Check()) << "it is no session that must be opened anew";
  }
  sysfs_.AddCard(3, "0000:05:00.0");
  EXPECT_FALSE(backend_->Check()) << "another card";
  EXPECT_EQ(Open("error rsmi_init 8\ngpu\n").look_again, std::chrono::minutes(10))
      << "the lock may be gone then";
  const auto inits = Calls("rsmi_init");
  Open("gpu\n");
  EXPECT_EQ(Calls("rsmi_init"), inits + 1);
}

TEST_F(BackendTest, WithoutTheLibraryGpusKeepTheirIndices) {
  CrossCards();
  Session session =
      Open("gpu\n unique_id a\n pci 0000:05:00.0\ngpu\n unique_id b\n pci 0000:06:00.0\n");
  EXPECT_EQ(UuidsByIndex(session), (Uuids{"GPU-000000000000000a", "GPU-000000000000000b"}));
  session = Open("error rsmi_init 8\n");
  EXPECT_EQ(UuidsByIndex(session), (Uuids{"GPU-000000000000000a", "GPU-000000000000000b"}));
  // One that comes meanwhile takes none of theirs.
  sysfs_.AddCard(0, "0000:01:00.0");
  sysfs_.AddKfdNode(3, 3, "location_id 256\ndomain 0");
  session = Reopen();
  EXPECT_EQ(UuidsByIndex(session),
            (Uuids{"GPU-000000000000000a", "GPU-000000000000000b", "0000:01:00.0"}));
}

TEST_F(BackendTest, WithoutTheLibraryNewGpusAreNumberedByAddress) {
  CrossCards();
  EXPECT_EQ(UuidsByIndex(Open("error rsmi_init 8\n")),
            (Uuids{"GPU-000000000000000a", "GPU-000000000000000b"}));
}

TEST_F(OldBackendTest, WithoutAnOldLibraryNewGpusAreNumberedByCard) {
  CrossCards();
  EXPECT_EQ(UuidsByIndex(Open("error rsmi_init 8\n")),
            (Uuids{"GPU-000000000000000b", "GPU-000000000000000a"}));
}

TEST_F(BackendTest, WithoutTheLibraryAGpuThatIsThereIsNotLost) {
  const std::string gpus =
      "gpu\n unique_id 7\n pci 0000:03:00.0\ngpu\n unique_id 7\n pci 0000:03:00.1\n"
      "gpu\n unique_id 8\n pci 0000:04:00.0\n";
  testing::FakeSysfs::Write(first_ / "unique_id", "7");
  testing::FakeSysfs::Write(second_ / "unique_id", "8");
  sysfs_.AddKfdNode(1, 1, "location_id 768\ndomain 0");
  sysfs_.AddKfdNode(2, 2, "location_id 769\ndomain 0");
  sysfs_.AddKfdNode(3, 3, "location_id 1024\ndomain 0");
  EXPECT_EQ(Open(gpus).devices.size(), 3u);
  EXPECT_THAT(
      OpenFailure("error rsmi_init 8\n" + gpus),
      AllOf(
          StartsWith("rsmi_init: Initialization error; "),
          EndsWith("; GPU-0000000000000007/1 at 0000:03:00.1 cannot be read without the library")));
  sysfs_.RemoveKfdNode(1);
  sysfs_.RemoveKfdNode(2);
  EXPECT_THAT(
      OpenFailure("error rsmi_init 8\n" + gpus),
      EndsWith("; GPU-0000000000000007 at 0000:03:00.0 cannot be read without the library"));
  // One partition again, which is the whole GPU.
  sysfs_.AddKfdNode(1, 1, "location_id 768\ndomain 0");
  Session session = Reopen();
  ASSERT_EQ(session.devices.size(), 2u);
  EXPECT_EQ(session.devices[0].identity.uuid, "GPU-0000000000000007");
  EXPECT_EQ(session.devices[0].state, DeviceState::kPresent);
  // Gone.
  sysfs_.RemoveKfdNode(1);
  sysfs_.RemoveCard(1);
  session = Reopen();
  ASSERT_EQ(session.devices.size(), 2u);
  EXPECT_EQ(session.devices[1].identity.uuid, "GPU-0000000000000007");
  EXPECT_EQ(session.devices[1].state, DeviceState::kLost);
}

TEST_F(BackendTest, FailuresToOpenAreNamed) {
  EXPECT_EQ(OpenFailure("error rsmi_init 8\ngpu\n"),
            "rsmi_init: Initialization error; ROCm SMI writes the cause to standard error (a lock "
            "that a killed process left is undone by removing /dev/shm/rocm_smi*)");
  EXPECT_THAT(OpenFailure("error rsmi_init 16\ngpu\n"), StartsWith("rsmi_init: Busy; ROCm SMI"));
  EXPECT_EQ(OpenFailure("error rsmi_num_monitor_devices 6\ngpu\n"),
            "rsmi_num_monitor_devices: Internal exception");
  EXPECT_EQ(OpenFailure("gpu\n error rsmi_dev_pci_id_get 3\n"), "rsmi_dev_pci_id_get: File error");
  EXPECT_EQ(Open("gpu\n").devices.size(), 1u);
}

TEST_F(BackendTest, EachSuccessfulInitIsShutDownOnce) {
  const auto inits = Calls("rsmi_init");
  const auto shutdowns = Calls("rsmi_shut_down");
  Open(kTwoGpus);
  Reopen();
  OpenFailure("error rsmi_num_monitor_devices 6\ngpu\n");
  backend_->Close();
  backend_->Close();
  EXPECT_EQ(Calls("rsmi_init") - inits, 3u);
  EXPECT_EQ(Calls("rsmi_shut_down") - shutdowns, 3u);
  OpenFailure("error rsmi_init 8\n");
  EXPECT_EQ(Calls("rsmi_shut_down") - shutdowns, 3u);
}

TEST_F(BackendTest, CardsWithoutAGpuAreLookedAtAgainNowAndThen) {
  const Session session = Open("# no GPU\n");
  EXPECT_TRUE(session.devices.empty());
  EXPECT_EQ(session.look_again, std::chrono::seconds(10));
  for (int look = 0; look < 100; ++look) EXPECT_TRUE(backend_->Check());
  EXPECT_EQ(Open("gpu\n").look_again, std::nullopt);
}

TEST_F(BackendTest, AnotherSetOfCardsWantsAnotherOpen) {
  Open(kTwoGpus);
  EXPECT_TRUE(backend_->Check());
  sysfs_.AddCard(5, "0000:05:00.0");
  EXPECT_FALSE(backend_->Check());
  Reopen();
  EXPECT_TRUE(backend_->Check());
  sysfs_.RemoveCard(5);
  EXPECT_FALSE(backend_->Check());
}

TEST_F(BackendTest, OtherNodesOfTheComputeDriverWantAnotherOpen) {
  sysfs_.AddKfdNode(1, 4660, "location_id 768\ndomain 0");
  Open(kTwoGpus);
  EXPECT_TRUE(backend_->Check());
  sysfs_.AddKfdNode(2, 4661, "location_id 1024\ndomain 0");
  EXPECT_FALSE(backend_->Check()) << "the second card's, which comes late";
  Reopen();
  EXPECT_TRUE(backend_->Check());
  sysfs_.AddKfdNode(3, 4662, "location_id 768\ndomain 0");
  EXPECT_FALSE(backend_->Check()) << "a second partition of the first";
  Reopen();
  EXPECT_TRUE(backend_->Check());
  sysfs_.RemoveKfdNode(3);
  EXPECT_FALSE(backend_->Check());
}

TEST_F(BackendTest, WithoutTheLibraryNodesOfTheComputeDriverAreWatchedToo) {
  sysfs_.AddKfdNode(1, 4660, "location_id 768\ndomain 0");
  EXPECT_EQ(Open("error rsmi_init 8\n").devices.size(), 1u);
  EXPECT_TRUE(backend_->Check());
  sysfs_.AddKfdNode(2, 4661, "location_id 1024\ndomain 0");
  EXPECT_FALSE(backend_->Check());
  EXPECT_EQ(Reopen().devices.size(), 2u);
  EXPECT_TRUE(backend_->Check());
}

TEST_F(BackendTest, CheckTellsABrokenSessionFromACallThatFails) {
  Open(kTwoGpus);
  for (const char* broken : {"1", "8"}) {
    Script(std::string("error rsmi_num_monitor_devices ") + broken + "\ngpu\ngpu\n");
    EXPECT_FALSE(backend_->Check()) << broken;
  }
  for (const char* passing : {"2", "3", "16", "4711"}) {
    Script(std::string("error rsmi_num_monitor_devices ") + passing + "\ngpu\ngpu\n");
    EXPECT_TRUE(backend_->Check()) << passing;
  }
}

TEST_F(BackendTest, AGpuThatIsNoLongerListedIsLostUntilItIsBack) {
  Open("gpu\n unique_id a\n name A\n pci 0000:03:00.0\ngpu\n unique_id b\n pci 0000:04:00.0\n");
  sysfs_.RemoveCard(1);
  Script("gpu\n unique_id b\n pci 0000:04:00.0\n");
  EXPECT_FALSE(backend_->Check());
  Session session = Reopen();
  ASSERT_EQ(session.devices.size(), 2u);
  EXPECT_EQ(session.devices[0].identity.uuid, "GPU-000000000000000b");
  EXPECT_EQ(session.devices[0].state, DeviceState::kPresent);
  EXPECT_EQ(session.devices[1].identity.uuid, "GPU-000000000000000a");
  EXPECT_EQ(session.devices[1].identity.name, "A");
  EXPECT_EQ(session.devices[1].state, DeviceState::kLost);
  EXPECT_FALSE(session.devices[1].listed);
  session = Open("gpu\n unique_id a\n pci 0000:03:00.0\ngpu\n unique_id b\n pci 0000:04:00.0\n");
  ASSERT_EQ(session.devices.size(), 2u);
  EXPECT_EQ(session.devices[0].state, DeviceState::kPresent);
}

TEST_F(BackendTest, CountsWhatCallsCost) {
  EXPECT_TRUE(backend_->CallCosts().empty());
  Read(Open(kTwoGpus));
  const std::vector<CallCost> costs = backend_->CallCosts();
  const auto init = std::find_if(costs.begin(), costs.end(),
                                 [](const CallCost& cost) { return cost.call == "rsmi_init"; });
  ASSERT_NE(init, costs.end());
  EXPECT_EQ(init->calls, 1u);
}

TEST_F(BackendTest, AnOpenThatHangsIsNamed) {
  Script("hang rsmi_init\ngpu\n");
  std::thread lane([this] { EXPECT_TRUE(backend_->Open().ok()); });
  for (;;) {
    const char* call = backend_->current_call();
    if (call != nullptr && call == std::string("rsmi_init")) break;
    std::this_thread::yield();
  }
  Script("gpu\n");
  lane.join();
  EXPECT_EQ(backend_->current_call(), nullptr);
}

TEST_F(BackendTest, ADeviceOutlivesItsBackend) {
  auto other = MakeRocmBackend(library_, sysfs_.root().string());
  Script("gpu\n");
  auto session = other->Open();
  ASSERT_TRUE(session.ok());
  other->Close();
  other.reset();
  EXPECT_TRUE(session->devices[0].device->Read(clock_).session_broken);
}

}  // namespace
}  // namespace kgs::gpu::rocm
