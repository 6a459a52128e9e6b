// SPDX-License-Identifier: Apache-2.0
#include "fleet/hello.h"

#include <gtest/gtest.h>

#include <string>

namespace kgs::fleet {
namespace {

absl::Status Check(const std::string& node, const std::string& boot_id = "b",
                   const std::string& version = "0.2.0") {
  kedagpuscaler::fleet::v1::Hello hello;
  hello.set_node(node);
  hello.set_boot_id(boot_id);
  hello.set_version(version);
  return CheckHello(hello);
}

TEST(CheckHello, TakesNamesThatKubernetesGives) {
  for (const std::string& node : {std::string("a"), std::string("node-1"), std::string("10.0.0.7"),
                                  std::string("gpu.rack-2.example.com"), std::string(253, 'a')}) {
    EXPECT_TRUE(Check(node).ok()) << Check(node);
  }
}

TEST(CheckHello, RefusesOthers) {
  for (const std::string& node :
       {std::string(), std::string("Node"), std::string("-a"), std::string("a-"), std::string("a."),
        std::string(".a"), std::string("a..b"), std::string("a_b"), std::string("a b"),
        std::string("a/b"), std::string("a\n"), std::string(254, 'a')}) {
    EXPECT_EQ(Check(node).code(), absl::StatusCode::kInvalidArgument) << node;
  }
}

TEST(CheckHello, BoundsBootIdAndVersion) {
  EXPECT_TRUE(Check("a", std::string(64, 'x')).ok());
  EXPECT_FALSE(Check("a", std::string(65, 'x')).ok());
  EXPECT_FALSE(Check("a", "").ok());
  EXPECT_FALSE(Check("a", "a b").ok());
  EXPECT_FALSE(Check("a", "a\x7f").ok());
  EXPECT_TRUE(Check("a", "b", "").ok());
  EXPECT_TRUE(Check("a", "b", std::string(64, '1')).ok());
  EXPECT_FALSE(Check("a", "b", std::string(65, '1')).ok());
  EXPECT_FALSE(Check("a", "b", "1\n2").ok());
}

}  // namespace
}  // namespace kgs::fleet
