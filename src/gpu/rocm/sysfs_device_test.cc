// SPDX-License-Identifier: Apache-2.0
#include "gpu/rocm/sysfs_device.h"

#include "gpu/rocm/rocm_test_fixture.h"

namespace kgs::gpu::rocm {
namespace {

using model::DeviceState;
using model::MetricId;
using model::Missing;
using testing::FakeSysfs;

class SysfsDeviceTest : public RocmTest {
 protected:
  /// The second card is a GPU that the library does not list.
  SysfsDeviceTest() {
    sysfs_.AddKfdNode(1, 1001, "location_id 768\ndomain 0\n");
    sysfs_.AddKfdNode(2, 1002, "location_id 1024\ndomain 0\n");
    const std::pair<const char*, const char*> files[] = {
        {"gpu_busy_percent", "33"},
        {"mem_busy_percent", "12"},
        {"mem_info_vram_total", "1048576000"},
        {"mem_info_vram_used", "262144000"},
        {"unique_id", "abcdef"},
        {"product_name", "AMD Instinct MI300X"},
        {"hwmon/hwmon5/name", "amdgpu"},
        {"hwmon/hwmon5/temp2_label", "junction"},
        {"hwmon/hwmon5/temp2_input", "61000"},
        {"hwmon/hwmon5/power1_input", "345000000"}};
    for (const auto& [name, value] : files) FakeSysfs::Write(second_ / name, value);
  }
};

TEST_F(SysfsDeviceTest, AGpuThatTheLibraryLeavesOut) {
  const Session session = Open("gpu\n busy 7\n");
  ASSERT_EQ(session.devices.size(), 2u);
  EXPECT_THAT(Read(session, 0).readings[MetricId::kGpuUtilization], IsValue(7));
  const model::GpuIdentity& gpu = session.devices[1].identity;
  EXPECT_EQ(gpu.index, 1);
  EXPECT_EQ(gpu.uuid, "GPU-0000000000abcdef");
  EXPECT_EQ(gpu.name, "AMD Instinct MI300X");
  EXPECT_EQ(gpu.pci_bus_id, "0000:04:00.0");
  EXPECT_EQ(gpu.drm_card, 2);
  const DeviceSample sample = Read(session, 1);
  EXPECT_EQ(sample.state, DeviceState::kPresent);
  EXPECT_THAT(sample.readings[MetricId::kGpuUtilization], IsValue(33));
  EXPECT_THAT(sample.readings[MetricId::kMemoryUtilization], IsValue(12));
  EXPECT_THAT(sample.readings[MetricId::kMemoryUsedMib], IsValue(250));
  EXPECT_THAT(sample.readings[MetricId::kMemoryTotalMib], IsValue(1000));
  EXPECT_THAT(sample.readings[MetricId::kMemoryUsedPercent], IsValue(25));
  EXPECT_THAT(sample.readings[MetricId::kTemperature], IsValue(61));
  EXPECT_THAT(sample.readings[MetricId::kPowerDraw], IsValue(345));
  EXPECT_TRUE(backend_->Check());
}

TEST_F(SysfsDeviceTest, AllOfThem) {
  const Session session = Open("# no GPU\n");
  ASSERT_EQ(session.devices.size(), 2u);
  EXPECT_EQ(session.devices[0].identity.pci_bus_id, "0000:03:00.0");
  EXPECT_EQ(session.devices[0].identity.uuid, "0000:03:00.0");
  EXPECT_THAT(Read(session, 0).readings[MetricId::kGpuUtilization],
              IsAbsent(Missing::kUnsupported, "gpu_busy_percent: not offered by this GPU"));
  for (int look = 0; look < 100; ++look) EXPECT_TRUE(backend_->Check());
}

TEST_F(SysfsDeviceTest, NumbersThatCannotBeAreAbsent) {
  const Session session = Open("gpu\n");
  FakeSysfs::Write(second_ / "gpu_busy_percent", "101");
  FakeSysfs::Write(second_ / "mem_busy_percent", "-1");
  FakeSysfs::Write(second_ / "mem_info_vram_used", "1048576001");
  const DeviceSample sample = Read(session, 1);
  const auto nonsense = [](const std::string& what) {
    return IsAbsent(Missing::kDriverError, what);
  };
  EXPECT_THAT(sample.readings[MetricId::kGpuUtilization],
              nonsense("gpu_busy_percent: the driver answered a utilization outside 0..100"));
  EXPECT_THAT(sample.readings[MetricId::kMemoryUtilization],
              nonsense("mem_busy_percent: the driver answered less than nothing"));
  EXPECT_THAT(sample.readings[MetricId::kMemoryUsedMib],
              nonsense("mem_info_vram_used: the driver answered more used than there is"));
}

}  // namespace
}  // namespace kgs::gpu::rocm
