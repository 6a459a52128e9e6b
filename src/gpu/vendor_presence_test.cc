// SPDX-License-Identifier: Apache-2.0
#include "gpu/vendor_presence.h"

#include <gtest/gtest.h>

#include "tests/support/fake_backend.h"
#include "tests/support/fake_sysfs.h"

namespace kgs::gpu {
namespace {

using kgs::testing::FakeBackend;
using kgs::testing::FakeDriver;
using kgs::testing::FakeSysfs;

class VendorPresenceTest : public ::testing::Test {
 protected:
  /// Whether a failed Open of NVIDIA's driver is marked on this node.
  bool Marked() {
    driver_->SetOpenError(absl::UnavailableError("no driver"));
    const auto backend = MarkingAbsence(std::make_unique<FakeBackend>(driver_), kNvidiaVendor,
                                        sysfs_.root().string());
    const absl::Status status = backend->Open().status();
    EXPECT_EQ(status.message(), "no driver");
    return status.GetPayload(std::string(kNoSuchGpuPayload)).has_value();
  }

  FakeSysfs sysfs_;
  const std::shared_ptr<FakeDriver> driver_ = std::make_shared<FakeDriver>();
};

TEST_F(VendorPresenceTest, GpusByVendorAndClass) {
  const std::string root = sysfs_.root().string();
  EXPECT_FALSE(HasPciGpu(root, kNvidiaVendor));
  EXPECT_FALSE(HasPciGpu("/nowhere", kNvidiaVendor));
  // An audio function, a bridge and another vendor's GPU.
  sysfs_.AddPci("0000:01:00.1", "0x10de", "0x040300");
  sysfs_.AddPci("0000:02:00.0", "0x10de", "0x068000");
  sysfs_.AddPci("0000:03:00.0", "0x1002", "0x120000");
  EXPECT_FALSE(HasPciGpu(root, kNvidiaVendor));
  EXPECT_TRUE(HasPciGpu(root, kAmdVendor));
  sysfs_.AddPci("0000:04:00.0", "0x10de", "0x030200");
  EXPECT_TRUE(HasPciGpu(root, kNvidiaVendor));
}

TEST_F(VendorPresenceTest, AFailedOpenIsMarkedWhereThereIsNoGpu) {
  EXPECT_TRUE(Marked());
  sysfs_.AddPci("0000:04:00.0", "0x10de", "0x030000");
  EXPECT_FALSE(Marked());
}

TEST_F(VendorPresenceTest, AnOpenThatSucceedsIsPassedOn) {
  driver_->SetGpus({{.uuid = "GPU-a"}});
  const auto backend =
      MarkingAbsence(std::make_unique<FakeBackend>(driver_), kNvidiaVendor, sysfs_.root().string());
  const auto session = backend->Open();
  ASSERT_TRUE(session.ok());
  EXPECT_EQ(session->devices.size(), 1u);
  EXPECT_TRUE(backend->Check());
  driver_->AddXid("GPU-a", 79);
  EXPECT_EQ(backend->TakeXids().size(), 1u);
  backend->Close();
  EXPECT_EQ(driver_->closes(), 1);
}

}  // namespace
}  // namespace kgs::gpu
