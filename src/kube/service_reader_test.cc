// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "kube/objects.h"

namespace kgs::kube {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

json Service(const json& spec, const json& ingress = json::array()) {
  return {{"metadata", {{"namespace", "team"}, {"name", "web"}, {"uid", "s"}}},
          {"spec", spec},
          {"status", {{"loadBalancer", {{"ingress", ingress}}}}}};
}

TEST(ReadServiceAddresses, AreAllThatLeadToIt) {
  const auto addresses = ReadServiceAddresses(
      Service({{"clusterIP", "10.96.0.1"},
               {"clusterIPs", json::array({"10.96.0.1", "fd00::1"})},
               {"externalIPs", json::array({"203.0.113.1"})}},
              json::array({{{"ip", "198.51.100.1"}}, {{"hostname", "lb.example.com"}}})));
  ASSERT_TRUE(addresses.ok()) << addresses.status();
  EXPECT_THAT(*addresses, ElementsAre("10.96.0.1", "198.51.100.1", "203.0.113.1", "fd00::1"));
}

TEST(ReadServiceAddresses, AreSpelledInOneWay) {
  const auto addresses = ReadServiceAddresses(
      Service({{"clusterIP", "10.96.0.1"},
               {"externalIPs", json::array({"FD00:0:0::0:1", "2001:DB8:0:0::5"})}}));
  ASSERT_TRUE(addresses.ok()) << addresses.status();
  EXPECT_THAT(*addresses, ElementsAre("10.96.0.1", "2001:db8::5", "fd00::1"));
}

TEST(ReadServiceAddresses, AHeadlessServiceHasNone) {
  EXPECT_THAT(
      ReadServiceAddresses(Service({{"clusterIP", "None"}, {"clusterIPs", json::array({"None"})}}))
          .value(),
      IsEmpty());
  EXPECT_THAT(
      ReadServiceAddresses(Service({{"type", "ExternalName"}, {"externalName", "api.example.com"}}))
          .value(),
      IsEmpty());
  EXPECT_THAT(ReadServiceAddresses(Service(nullptr, nullptr)).value(), IsEmpty());
}

TEST(ReadServiceAddresses, NamesWhatIsWrong) {
  EXPECT_EQ(ReadServiceAddresses(Service({{"clusterIP", 5}})).status(),
            absl::InvalidArgumentError("Service team/web: spec.clusterIP: not a string"));
}

}  // namespace
}  // namespace kgs::kube
