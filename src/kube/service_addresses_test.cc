// SPDX-License-Identifier: Apache-2.0
#include "kube/service_addresses.h"

#include <gtest/gtest.h>

namespace kgs::kube {
namespace {

class ServiceAddressesTest : public ::testing::Test {
 protected:
  ServiceAddressesTest() { services_.SetProblem(""); }
  /// "nobody's" where no Service has it.
  std::string Of(const std::string& address) const {
    const auto owner = services_.NamespaceOf(address);
    return owner.ok() ? owner->value_or("nobody's") : std::string(owner.status().message());
  }

  ServiceAddresses services_;
};

TEST_F(ServiceAddressesTest, KnowWhoseTheyAre) {
  services_.Put("team/web", "team", {"10.96.0.1", "fd00::1"});
  services_.Put("other/db", "other", {"10.96.0.2"});
  EXPECT_EQ(Of("10.96.0.1"), "team");
  EXPECT_EQ(Of("fd00::1"), "team");
  EXPECT_EQ(Of("10.96.0.2"), "other");
  EXPECT_EQ(Of("10.96.0.3"), "nobody's");
}

TEST_F(ServiceAddressesTest, AreNoOnesOwnWhereSeveralNamespacesHaveOne) {
  services_.Put("team/web", "team", {"203.0.113.1"});
  services_.Put("other/web", "other", {"203.0.113.1"});
  EXPECT_EQ(Of("203.0.113.1"), "");
  services_.Put("other/web", "other", {});
  EXPECT_EQ(Of("203.0.113.1"), "team");
}

TEST_F(ServiceAddressesTest, FollowWhatChanges) {
  services_.Put("team/web", "team", {"10.96.0.1", "203.0.113.1"});
  services_.Put("team/web", "team", {"10.96.0.1"});
  EXPECT_EQ(Of("203.0.113.1"), "nobody's");
  EXPECT_EQ(Of("10.96.0.1"), "team");
  services_.Put("other/db", "other", {"10.96.0.2"});
  services_.Retain({"other/db"});
  EXPECT_EQ(Of("10.96.0.1"), "nobody's");
  EXPECT_EQ(Of("10.96.0.2"), "other");
}

TEST_F(ServiceAddressesTest, AreAnErrorWhileTheyAreNotKnown) {
  EXPECT_EQ(ServiceAddresses().NamespaceOf("10.96.0.1").status(),
            absl::UnavailableError("Services: not listed yet"));
  services_.Put("team/web", "team", {"10.96.0.1"});
  services_.SetProblem("Services: out of touch");
  EXPECT_EQ(Of("10.96.0.1"), "Services: out of touch");
  services_.SetProblem("");
  EXPECT_EQ(Of("10.96.0.1"), "team");
}

}  // namespace
}  // namespace kgs::kube
