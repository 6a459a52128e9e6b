// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "fleet/publisher.h"

namespace kgs::fleet {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ResolveByDns, TakesAddressesAsTheyAre) {
  EXPECT_THAT(*ResolveByDns("127.0.0.1:6001"), ElementsAre("127.0.0.1:6001"));
  EXPECT_THAT(*ResolveByDns("[::1]:6001"), ElementsAre("[::1]:6001"));
}

// A name of both families means each hub once.
TEST(ResolveByDns, GivesOneFamilyOfAName) {
  const auto addresses = ResolveByDns("localhost:6001");
  ASSERT_TRUE(addresses.ok()) << addresses.status();
  std::set<bool> families;
  for (const std::string& address : *addresses) families.insert(address.front() == '[');
  EXPECT_EQ(families.size(), 1);
}

TEST(ResolveByDns, SaysWhatIsWrong) {
  for (const char* wrong :
       {"hubs", "hubs:", ":6001", "hubs:0", "hubs:65536", "hubs:x", "::1:6001", "hubs:+1", ""}) {
    EXPECT_EQ(ResolveByDns(wrong).status().code(), absl::StatusCode::kInvalidArgument) << wrong;
  }
  // ".invalid" never resolves (RFC 6761).
  const auto unknown = ResolveByDns("hubs.invalid:6001");
  EXPECT_EQ(unknown.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(unknown.status().message()), HasSubstr("hubs.invalid: "));
}

}  // namespace
}  // namespace kgs::fleet
