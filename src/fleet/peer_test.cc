// SPDX-License-Identifier: Apache-2.0
#include "fleet/peer.h"

#include <gtest/gtest.h>

namespace kgs::fleet {
namespace {

TEST(PeerTest, IsTheAddressWithoutThePort) {
  EXPECT_EQ(HostOfPeer("ipv4:10.0.0.7:4711"), "10.0.0.7");
  EXPECT_EQ(HostOfPeer("ipv6:%5B::1%5D:4711"), "[::1]");
  EXPECT_EQ(HostOfPeer("ipv6:[fd00::7]:4711"), "[fd00::7]");
  EXPECT_EQ(HostOfPeer("unix:/run/kgs.sock"), "unix:/run/kgs.sock");
  EXPECT_EQ(HostOfPeer("ipv4:"), "");
  EXPECT_EQ(HostOfPeer(""), "");
}

}  // namespace
}  // namespace kgs::fleet
