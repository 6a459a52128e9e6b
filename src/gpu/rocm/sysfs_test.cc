// SPDX-License-Identifier: Apache-2.0
#include "gpu/rocm/sysfs.h"

#include <gtest/gtest.h>

#include "gpu/rocm/rocm_test_fixture.h"

namespace kgs::gpu::rocm {
namespace {

using model::Missing;

class SysfsTest : public ::testing::Test {
 protected:
  std::string WhyNothing() const { return sysfs().WhyNothing(sysfs().Cards()); }
  Sysfs sysfs() const { return Sysfs(fake_.root().string()); }
  model::Reading Power(const std::filesystem::path& device) const {
    return ReadHwmonPower(device.string(), {});
  }

  testing::FakeSysfs fake_;
};

TEST_F(SysfsTest, CardsOfAmdAlone) {
  fake_.AddCard(10, "0000:c3:00.0");
  fake_.AddCard(2, "0000:83:00.0");
  fake_.AddCard(0, "0000:04:00.0", "0x10de");
  std::filesystem::create_directories(fake_.root() / "class/drm/card2-DP-1");
  std::filesystem::create_directories(fake_.root() / "class/drm/renderD128");
  EXPECT_EQ(sysfs().Cards(), (std::vector<Card>{{2, "0000:83:00.0"}, {10, "0000:c3:00.0"}}));
  EXPECT_EQ(WhyNothing(), "");
  EXPECT_EQ(Sysfs("/nowhere").Cards(), std::vector<Card>());
}

TEST_F(SysfsTest, ANodeWithoutAmdGpus) {
  fake_.AddCard(0, "0000:04:00.0", "0x10de");
  EXPECT_EQ(WhyNothing(), "no AMD GPU: no card under " + fake_.root().string() +
                              "/class/drm is AMD's; is the amdgpu driver loaded on this node?");
}

TEST_F(SysfsTest, AnAmdCardWithoutTheComputeDriver) {
  fake_.AddCard(0, "0000:04:00.0");
  std::filesystem::remove(fake_.root() / "class/kfd");
  EXPECT_EQ(WhyNothing(), "no AMD GPU that ROCm can read: there is no " + fake_.root().string() +
                              "/class/kfd; is the amdgpu driver loaded on this node?");
}

TEST_F(SysfsTest, PowerIsTheAverageWhereThereIsOne) {
  const auto device = fake_.AddCard(0, "0000:03:00.0");
  testing::FakeSysfs::Write(device / "hwmon/hwmon0/name", "nvme");
  testing::FakeSysfs::Write(device / "hwmon/hwmon0/power1_average", "1");
  EXPECT_THAT(Power(device),
              IsAbsent(Missing::kUnsupported, "hwmon has neither power1_average nor power1_input"));
  testing::FakeSysfs::Write(device / "hwmon/hwmon7/name", "amdgpu");
  testing::FakeSysfs::Write(device / "hwmon/hwmon7/power1_input", "150000000");
  EXPECT_THAT(Power(device), IsValue(150));
  testing::FakeSysfs::Write(device / "hwmon/hwmon7/power1_average", "125500000");
  EXPECT_THAT(Power(device), IsValue(125.5));
}

TEST_F(SysfsTest, PowerThatCannotBe) {
  const auto device = fake_.AddCard(0, "0000:03:00.0");
  testing::FakeSysfs::Write(device / "hwmon/hwmon7/name", "amdgpu");
  for (const char* nonsense : {"", "1.5", "12 W"}) {
    testing::FakeSysfs::Write(device / "hwmon/hwmon7/power1_input", nonsense);
    EXPECT_THAT(Power(device),
                IsAbsent(Missing::kDriverError, "power1_input: the driver answered no number"))
        << nonsense;
  }
  testing::FakeSysfs::Write(device / "hwmon/hwmon7/power1_input", "-1");
  EXPECT_THAT(Power(device), IsAbsent(Missing::kDriverError,
                                      "power1_input: the driver answered less than nothing"));
  testing::FakeSysfs::Write(device / "hwmon/hwmon7/power1_input", "100000000001");
  EXPECT_THAT(Power(device), IsAbsent(Missing::kDriverError,
                                      "power1_input: the driver answered more than 100 kW"));
}

TEST_F(SysfsTest, TemperatureOfTheEdgeElseOfTheJunction) {
  const auto device = fake_.AddCard(0, "0000:03:00.0");
  const auto hwmon = device / "hwmon/hwmon7";
  testing::FakeSysfs::Write(hwmon / "name", "amdgpu");
  const auto temperature = [&] { return ReadHwmonTemperature(device.string(), {}); };
  EXPECT_THAT(temperature(),
              IsAbsent(Missing::kUnsupported, "hwmon has no sensor named edge or junction"));
  testing::FakeSysfs::Write(hwmon / "temp1_label", "mem");
  testing::FakeSysfs::Write(hwmon / "temp1_input", "99000");
  testing::FakeSysfs::Write(hwmon / "temp2_label", "junction");
  testing::FakeSysfs::Write(hwmon / "temp2_input", "71500");
  EXPECT_THAT(temperature(), IsValue(71.5));
  testing::FakeSysfs::Write(hwmon / "temp3_label", "edge");
  testing::FakeSysfs::Write(hwmon / "temp3_input", "50000");
  EXPECT_THAT(temperature(), IsValue(50));
}

TEST_F(SysfsTest, UniqueIdsAreWrittenOneWay) {
  const auto device = fake_.AddCard(0, "0000:03:00.0");
  const auto id = [&] { return sysfs().UniqueId({0, "0000:03:00.0"}); };
  EXPECT_EQ(id(), "");
  testing::FakeSysfs::Write(device / "unique_id", "18FF74a1b2c3d4");
  EXPECT_EQ(id(), "0018ff74a1b2c3d4");
  for (const char* none : {"0", "", "none", "0123456789abcdef0"}) {
    testing::FakeSysfs::Write(device / "unique_id", none);
    EXPECT_EQ(id(), "") << none;
  }
}

TEST_F(SysfsTest, TheGpusThatTheComputeDriverKnows) {
  EXPECT_TRUE(sysfs().ComputeGpus().empty());
  fake_.AddKfdNode(0, 0, "cpu_cores_count 64\n");
  fake_.AddKfdNode(1, 4711, "cpu_cores_count 0\nlocation_id 49920\ndomain 1\n");
  fake_.AddKfdNode(2, 4712, "location_id 768\n");
  EXPECT_EQ(sysfs().ComputeGpus(), std::vector<std::string>{"0001:c3:00.0"});
}

TEST(PciAddressTest, OfWhatTheLibraryAnswers) {
  EXPECT_EQ(PciAddress(0x0000000000000300), "0000:03:00.0");
  EXPECT_EQ(PciAddress(0x000000000000c30a), "0000:c3:01.2");
  EXPECT_EQ(PciAddress(0x0001234500000300), "12345:03:00.0");
  // The partition is no part of it.
  EXPECT_EQ(PciAddress(0x0000000070000300), "0000:03:00.0");
}

}  // namespace
}  // namespace kgs::gpu::rocm
