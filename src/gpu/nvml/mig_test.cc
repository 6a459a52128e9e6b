// SPDX-License-Identifier: Apache-2.0
//
// MIG devices as the backend lists and reads them, and the XID errors of GPUs and instances.
#include "gpu/nvml/mig.h"

#include <string>

#include "gpu/nvml/nvml_test_fixture.h"

namespace kgs::gpu::nvml {
namespace {

using namespace std::chrono_literals;
using model::DeviceState;
using model::MetricId;
using model::Missing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kGpu[] = "GPU-00000000-0000-0000-0000-000000000000";
constexpr char kFirst[] = "MIG-00000000-0000-0000-0000-000000000000";
constexpr char kThird[] = "MIG-00000000-0000-0000-0000-000000000002";

/// A Hopper GPU with MIG devices in slots 0 and 2.
std::string Hopper(const std::string& more = "") {
  return "gpu\n name NVIDIA H100 80GB HBM3\n gpm 1\n mig_mode 1\n gpm_metric 20 3\n"
         " temperature 51\n power_mw 300000\n" +
         more +
         " mig 0 7 0 1g.10gb\n  memory_used_mib 1024\n  gpm_metric 1 80\n  gpm_metric 2 70\n"
         " mig 2 1 0 3g.40gb\n  memory_total_mib 40960\n  gpm_metric 1 10\n";
}

class MigTest : public NvmlTest {
 protected:
  DeviceSample ReadTwice(const Session& session, size_t index) {
    Read(session, index);
    clock_.Advance(500ms);
    return Read(session, index);
  }
  /// Whether GPU 0 says that its MIG devices are no longer those of the session.
  bool WantsAnotherOpen(const Session& session) { return Read(session, 0).session_broken; }
  /// Of XID errors: "UUID CODE".
  std::vector<std::string> Xids() {
    EXPECT_TRUE(backend_->Check());
    std::vector<std::string> texts;
    for (const XidEvent& event : backend_->TakeXids()) {
      texts.push_back(event.uuid + " " + std::to_string(event.code));
    }
    return texts;
  }
};

TEST_F(MigTest, EachComputeInstanceIsADeviceBesideItsGpu) {
  const Session session = Open(Hopper());
  ASSERT_THAT(session.devices, SizeIs(3)) << "the hole between them is passed over";
  const model::GpuIdentity& gpu = session.devices[0].identity;
  EXPECT_EQ(gpu.uuid, kGpu);
  EXPECT_FALSE(gpu.mig);
  const model::GpuIdentity& mig = session.devices[1].identity;
  EXPECT_EQ(mig.uuid, kFirst);
  EXPECT_EQ(mig.name, "NVIDIA H100 80GB HBM3 MIG 1g.10gb");
  EXPECT_EQ(mig.index, gpu.index);
  EXPECT_EQ(mig.minor_number, gpu.minor_number);
  EXPECT_EQ(mig.pci_bus_id, gpu.pci_bus_id);
  ASSERT_TRUE(mig.mig);
  EXPECT_EQ(mig.mig->parent_uuid, kGpu);
  EXPECT_EQ(mig.mig->gpu_instance, 7);
  EXPECT_EQ(mig.mig->compute_instance, 0);
  EXPECT_EQ(mig.mig->profile, "1g.10gb");
  EXPECT_EQ(session.devices[2].identity.uuid, kThird);
  EXPECT_EQ(session.devices[2].identity.mig->profile, "3g.40gb");
}

TEST_F(MigTest, AHoleMayBeCalledAnInvalidArgument) {
  EXPECT_THAT(Open(Hopper(" mig_hole 2\n")).devices, SizeIs(3));
}

TEST_F(MigTest, TheProfileIsMadeOfSlicesWhereTheNameHasNone) {
  const Session session = Open(
      "gpu\n mig_mode 1\n mig 0 1 0 x\n  name Other\n  gpu_slices 2\n  compute_slices 1\n"
      "  memory_total_mib 19968\n");
  EXPECT_EQ(session.devices.at(1).identity.mig->profile, "1c.2g.20gb");
}

TEST_F(MigTest, ADeviceHasItsOwnMemoryAndWhatGpmCountsOfItsInstance) {
  const Session session = Open(Hopper());
  const DeviceSample first = ReadTwice(session, 1);
  EXPECT_THAT(first.readings[MetricId::kMemoryUsedMib], IsValue(1024));
  EXPECT_THAT(first.readings[MetricId::kMemoryTotalMib], IsValue(10240));
  EXPECT_THAT(first.readings[MetricId::kMemoryUsedPercent], IsValue(10));
  EXPECT_THAT(first.readings[MetricId::kGpuUtilization], IsValue(80));
  EXPECT_THAT(first.readings[MetricId::kSmUtilization], IsValue(70));
  EXPECT_THAT(
      first.readings[MetricId::kMemoryUtilization],
      IsAbsent(Missing::kUnsupported, "a MIG device has none: see dram_bandwidth_utilization"));
  for (const MetricId metric : {MetricId::kTemperature, MetricId::kPowerDraw, MetricId::kPcieTxKbps,
                                MetricId::kNvlinkTxMbps}) {
    EXPECT_EQ(first.readings[metric].reason(), Missing::kNotSampledYet) << "of the GPU";
  }
  const DeviceSample second = ReadTwice(session, 2);
  EXPECT_THAT(second.readings[MetricId::kGpuUtilization], IsValue(10));
  EXPECT_THAT(second.readings[MetricId::kMemoryTotalMib], IsValue(40960));
  EXPECT_FALSE(second.session_broken);
}

TEST_F(MigTest, TheGpuHasWhatBelongsToNoneOfThem) {
  const Session session = Open(Hopper());
  const DeviceSample sample = ReadTwice(session, 0);
  EXPECT_THAT(sample.readings[MetricId::kTemperature], IsValue(51));
  EXPECT_THAT(sample.readings[MetricId::kPowerDraw], IsValue(300));
  EXPECT_THAT(sample.readings[MetricId::kPcieTxKbps], IsValue(3 * 1024));
  for (const MetricId metric : {MetricId::kGpuUtilization, MetricId::kMemoryUsedMib,
                                MetricId::kMemoryUsedPercent, MetricId::kSmUtilization}) {
    EXPECT_THAT(sample.readings[metric],
                IsAbsent(Missing::kOfMigDevices, "MIG is enabled: each MIG device has its own"));
  }
}

TEST_F(MigTest, OnAmpereUtilizationIsUnsupportedAndMemoryIsThere) {
  const Session session = Open("gpu\n mig_mode 1\n mig 0 7 0 1g.5gb\n  memory_used_mib 512\n");
  const DeviceSample sample = ReadTwice(session, 1);
  EXPECT_THAT(sample.readings[MetricId::kMemoryUsedMib], IsValue(512));
  EXPECT_THAT(sample.readings[MetricId::kGpuUtilization],
              IsAbsent(Missing::kUnsupported,
                       "nvmlGpmQueryDeviceSupport: this GPU has no GPM, which came with Hopper"));
}

TEST_F(MigTest, WithMigEnabledAndNothingCreatedThereIsTheGpuAlone) {
  const Session session = Open("gpu\n mig_mode 1\n");
  ASSERT_THAT(session.devices, SizeIs(1));
  EXPECT_EQ(Read(session, MetricId::kGpuUtilization).reason(), Missing::kOfMigDevices);
  EXPECT_THAT(Open("gpu\n mig_mode 0\n gpu_util 5\n").devices, SizeIs(1));
}

TEST_F(MigTest, CreatedAndDestroyedWantAnotherOpen) {
  Session session = Open(Hopper());
  EXPECT_FALSE(WantsAnotherOpen(session));
  Script(Hopper() + " mig 3 9 0 1g.10gb\n");
  EXPECT_TRUE(WantsAnotherOpen(session));
  EXPECT_TRUE(Read(session, 0).readings[MetricId::kTemperature].has_value()) << "it is there still";
  session = Reopen();
  EXPECT_THAT(session.devices, SizeIs(4));
  EXPECT_FALSE(WantsAnotherOpen(session));
  Script("gpu\n mig_mode 1\n gpm 1\n mig 0 7 0 1g.10gb\n");
  EXPECT_TRUE(WantsAnotherOpen(session));
  session = Reopen();
  EXPECT_THAT(session.devices, SizeIs(2)) << "what was taken apart is not lost";
  Script("gpu\n mig_mode 0\n");
  EXPECT_TRUE(WantsAnotherOpen(session));
}

TEST_F(MigTest, ASlotThatFailsIsNoHole) {
  const Session session = Open(Hopper());
  for (const char* code : {"999", "10", "23"}) {
    Script(std::string("error nvmlDeviceGetMigDeviceHandleByIndex ") + code + "\n" + Hopper());
    EXPECT_FALSE(WantsAnotherOpen(session)) << code;
  }
  Script(std::string("error nvmlDeviceGetMigMode 999\n") + Hopper());
  EXPECT_FALSE(WantsAnotherOpen(session));
  Session blind = Reopen();
  EXPECT_THAT(blind.devices, SizeIs(1));
  EXPECT_EQ(Read(blind, 0).readings[MetricId::kMemoryUsedMib].reason(), Missing::kDriverError)
      << "it may have MIG devices, so it is missed";
  Script(Hopper());
  EXPECT_TRUE(WantsAnotherOpen(blind)) << "once it tells";
}

TEST_F(MigTest, ADeviceThatIsRefusedAfterItWasReadIsMissed) {
  const std::string refused[] = {"error nvmlDeviceGetMigDeviceHandleByIndex 4\n" + Hopper(),
                                 Hopper() + "  error nvmlDeviceGetUUID 4\n"};
  for (const std::string& script : refused) {
    const Session session = Open(Hopper());
    Script(script);
    EXPECT_FALSE(WantsAnotherOpen(session)) << script;
    const Session blind = Reopen();
    EXPECT_EQ(Read(blind, 0).readings[MetricId::kMemoryUsedMib].reason(), Missing::kDriverError)
        << script;
    EXPECT_FALSE(WantsAnotherOpen(blind)) << script;
    Script(Hopper());
    EXPECT_TRUE(WantsAnotherOpen(blind)) << "once it tells";
  }
}

TEST_F(MigTest, ADeviceThatWasNeverOursIsLeftOut) {
  EXPECT_THAT(Open(Hopper(" mig_hole 4\n")).devices, SizeIs(3));
  const std::string one = "gpu\n gpm 1\n mig_mode 1\n";
  const std::string device = " mig 0 7 0 1g.10gb\n";
  Open(one + device);
  const Session session = Open(one + " mig_hole 4\n" + device);
  EXPECT_THAT(session.devices, SizeIs(2)) << "what was ours there was taken apart";
  EXPECT_EQ(Read(session, 0).readings[MetricId::kMemoryUsedMib].reason(), Missing::kOfMigDevices);
  EXPECT_FALSE(WantsAnotherOpen(session));
}

TEST_F(MigTest, TheUtilizationOfAnInstanceThatIsNotToldIsMissed) {
  const Session session = Open("error nvmlDeviceGetGpuInstanceId 999\n" + Hopper());
  EXPECT_EQ(session.devices.at(1).identity.mig->gpu_instance, -1);
  const DeviceSample sample = ReadTwice(session, 1);
  EXPECT_THAT(sample.readings[MetricId::kMemoryUsedMib], IsValue(1024));
  EXPECT_EQ(sample.readings[MetricId::kGpuUtilization].reason(), Missing::kDriverError)
      << "missed, not left out";
  EXPECT_FALSE(WantsAnotherOpen(session));
  Script(Hopper());
  EXPECT_TRUE(WantsAnotherOpen(session)) << "it tells now";
}

TEST_F(MigTest, InstancesThatHaveChangedPlacesWantAnotherOpen) {
  const std::string head = "gpu\n gpm 1\n mig_mode 1\n";
  const Session session = Open(head + " mig 0 7 0 1g.10gb\n mig 2 1 0 1g.10gb\n");
  EXPECT_FALSE(WantsAnotherOpen(session));
  Script(head + " mig 0 1 0 1g.10gb\n mig 2 7 0 1g.10gb\n");
  EXPECT_TRUE(WantsAnotherOpen(session)) << "under the same UUIDs";
}

TEST_F(MigTest, AHandleThatHasBecomeAnotherDevicesIsNotRead) {
  const Session session = Open(Hopper());
  EXPECT_THAT(ReadTwice(session, 1).readings[MetricId::kMemoryUsedMib], IsValue(1024));
  Script("gpu\n gpm 1\n mig_mode 1\n mig 0 7 0 1g.10gb\n  uuid MIG-new\n  memory_used_mib 9\n");
  const DeviceSample sample = Read(session, 1);
  EXPECT_TRUE(sample.session_broken);
  for (const model::Reading& reading : sample.readings) EXPECT_FALSE(reading.has_value());
}

TEST_F(MigTest, AHandleThatIsNoneAnyMoreBreaksTheSession) {
  const Session session = Open(Hopper());
  Script("gpu\n gpm 1\n mig_mode 1\n mig 2 1 0 3g.40gb\n");
  EXPECT_TRUE(Read(session, 1).session_broken);
}

TEST_F(MigTest, WithTheGpuLostItsDevicesAre) {
  const Session session = Open(Hopper());
  Script("gpu\n lost\n mig_mode 1\n mig 0 7 0 1g.10gb\n");
  EXPECT_TRUE(backend_->Check()) << "the readings tell";
  EXPECT_EQ(Read(session, 0).state, DeviceState::kLost);
  EXPECT_EQ(Read(session, 1).state, DeviceState::kLost);
}

TEST_F(MigTest, AGpuWithoutMigIsLookedAtOnce) {
  const Session session = Open("gpu\ngpu\n");
  const auto before = Calls("nvmlDeviceGetMigMode");
  for (int i = 0; i < 3; ++i) Read(session, 0);
  EXPECT_EQ(Calls("nvmlDeviceGetMigMode"), before);
}

TEST_F(MigTest, SamplesOfInstancesAreGivenBack) {
  const Session session = Open(Hopper());
  ReadTwice(session, 1);
  ReadTwice(session, 2);
  backend_->Close();  // The fake driver ends the process at a shutdown with any out.
}

TEST_F(MigTest, XidErrorsAreToldOnceOfTheGpuThatHasThem) {
  Open("gpu\n xid 1 31\ngpu\n");
  EXPECT_THAT(Xids(), IsEmpty()) << "from before we listened";
  Script("gpu\n xid 1 31\n xid 2 79\ngpu\n xid 1 94\n xid 2 94\n");
  const std::string other = "GPU-00000000-0000-0000-0000-000000000001";
  EXPECT_THAT(Xids(), ElementsAre(std::string(kGpu) + " 79", other + " 94", other + " 94"));
  EXPECT_THAT(Xids(), IsEmpty());
}

TEST_F(MigTest, AnXidErrorOfAnInstanceIsItsMigDevices) {
  Open(Hopper());
  Script("gpu\n gpm 1\n mig_mode 1\n xid 1 43 7\n xid 2 79\n xid 3 43 5\n" +
         Hopper().substr(Hopper().find(" mig 0")));
  EXPECT_THAT(Xids(), ElementsAre(std::string(kFirst) + " 43", std::string(kGpu) + " 79",
                                  std::string(kGpu) + " 43"));
}

TEST_F(MigTest, AnXidErrorOfAnInstanceThatDevicesShareIsTheGpus) {
  const std::string script = "gpu\n mig_mode 1\n";
  const std::string migs = " mig 0 7 0 1c.2g.10gb\n mig 1 7 1 1c.2g.10gb\n";
  Open(script + migs);
  Script(script + " xid 1 43 7\n" + migs);
  EXPECT_THAT(Xids(), ElementsAre(std::string(kGpu) + " 43"));
}

TEST_F(MigTest, AGpuThatTellsOfNothingCostsNoWait) {
  Open("gpu\n event_types 0\n");
  const auto before = Calls("nvmlEventSetWait_v2");
  EXPECT_THAT(Xids(), IsEmpty());
  EXPECT_EQ(Calls("nvmlEventSetWait_v2"), before);
}

TEST_F(MigTest, AGpuThatSpoilsTheSetIsLeftOut) {
  const auto freed = Calls("nvmlEventSetFree");
  Open("gpu\n error nvmlDeviceRegisterEvents 999\ngpu\n");
  EXPECT_EQ(Calls("nvmlEventSetFree"), freed + 1);
  Script("gpu\n xid 1 79\ngpu\n xid 1 94\n");
  EXPECT_THAT(Xids(), ElementsAre("GPU-00000000-0000-0000-0000-000000000001 94"));
}

TEST_F(MigTest, AFailingWaitIsAskedAgainNextTime) {
  Open("gpu\n");
  Script("error nvmlEventSetWait_v2 999\ngpu\n xid 1 79\n");
  const auto before = Calls("nvmlEventSetWait_v2");
  EXPECT_THAT(Xids(), IsEmpty());
  EXPECT_EQ(Calls("nvmlEventSetWait_v2"), before + 1) << "it does not spin";
  Script("gpu\n xid 1 79\n");
  EXPECT_THAT(Xids(), ElementsAre(std::string(kGpu) + " 79"));
}

TEST_F(MigTest, AGpuThatFailsForGoodTellsABoundedNumberATime) {
  Open("gpu\n");
  std::string script = "gpu\n";
  for (int i = 0; i < 100; ++i) script += " xid " + std::to_string(i) + " 79\n";
  Script(script);
  EXPECT_THAT(Xids(), SizeIs(64));
  EXPECT_THAT(Xids(), SizeIs(36));
}

TEST_F(OldNvmlTest, HasNoMigAndNoEvents) {
  EXPECT_THAT(Open("gpu\n mig_mode 1\n").devices, SizeIs(1));
  EXPECT_TRUE(backend_->Check());
  EXPECT_THAT(backend_->TakeXids(), IsEmpty());
}

}  // namespace
}  // namespace kgs::gpu::nvml
