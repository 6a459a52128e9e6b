// SPDX-License-Identifier: Apache-2.0
#include "attribution/pci_address.h"

#include <gtest/gtest.h>

namespace kgs::attribution {
namespace {

TEST(ParsePciAddressTest, BothFormsOfOneAddressAreEqual) {
  const auto nvml = ParsePciAddress("00000000:C1:1F.7");
  ASSERT_TRUE(nvml.has_value());
  EXPECT_EQ(*nvml, (PciAddress{0, 0xc1, 0x1f, 7}));
  EXPECT_EQ(nvml, ParsePciAddress("0000:c1:1f.7"));
  EXPECT_EQ(ParsePciAddress("00010000:3b:00.0"), (PciAddress{0x10000, 0x3b, 0, 0}));
}

TEST(ParsePciAddressTest, OrdersByNumber) {
  EXPECT_LT(*ParsePciAddress("0000:9:00.0"), *ParsePciAddress("00000000:10:00.0"));
  EXPECT_LT(*ParsePciAddress("0000:ff:1f.7"), *ParsePciAddress("0001:00:00.0"));
  EXPECT_LT(*ParsePciAddress("0000:01:00.0"), *ParsePciAddress("0000:01:00.1"));
}

TEST(ParsePciAddressTest, AnythingElseIsNone) {
  for (const char* text :
       {"", ":", "0000:03:00", "03:00.0", "0000:03:00.", "0000:03:00.0 ", " 0000:03:00.0",
        "000000000:03:00.0", "0000:103:00.0", "0000:03:00.10", "0000:0g:00.0", "0000:-3:00.0",
        "0000:03.00:0", "0000:03:00.0-slice-1", "amdgpu_xcp_30", "0x00:03:00.0"}) {
    EXPECT_FALSE(ParsePciAddress(text)) << text;
  }
}

}  // namespace
}  // namespace kgs::attribution
