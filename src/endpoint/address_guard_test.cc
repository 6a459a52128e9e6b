// SPDX-License-Identifier: Apache-2.0
#include "endpoint/address_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace kgs::endpoint {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr uint16_t kPort = 8000;

IpAddress At(std::string_view text) { return IpAddress::Parse(text).value(); }

std::string Judged(const AddressGuard& guard, std::string_view address, uint16_t port = kPort,
                   std::string_view object_namespace = "mine") {
  const absl::Status status = guard.Judge(At(address), port, object_namespace);
  if (status.ok()) return "ok";
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << address;
  return std::string(status.message());
}

AddressGuard Allowing(const std::vector<std::string>& blocks) {
  GuardRules rules;
  rules.allowed = ParseAllowed(blocks).value();
  return AddressGuard(std::move(rules));
}

struct Case {
  const char* address;
  const char* why;
};

// All that is refused by what it is, in the form that is its own.
constexpr Case kRefused[] = {
    {"127.0.0.1", "is a loopback address"},
    {"127.255.255.255", "is a loopback address"},
    {"::1", "is a loopback address"},
    {"0.0.0.0", "is an unspecified address"},
    {"0.1.2.3", "is an unspecified address"},
    {"::", "is an unspecified address"},
    {"169.254.0.1", "is a link-local address"},
    {"169.254.170.2", "is a link-local address"},
    {"fe80::1", "is a link-local address"},
    {"febf::1", "is a link-local address"},
    {"224.0.0.1", "is a multicast address"},
    {"239.255.255.255", "is a multicast address"},
    {"ff02::1", "is a multicast address"},
    {"255.255.255.255", "is the broadcast address"},
    {"169.254.169.254", "is a cloud's metadata service"},
    {"100.100.100.200", "is a cloud's metadata service"},
    {"168.63.129.16", "is a cloud's metadata service"},
    {"192.0.0.192", "is a cloud's metadata service"},
    {"fd00:ec2::254", "is a cloud's metadata service"},
    {"fd00:ec2::23", "is a cloud's metadata service"},
    {"fd20:ce::254", "is a cloud's metadata service"},
    {"fd00:42::42", "is a cloud's metadata service"},
};

TEST(AddressGuardTest, RefusesByWhatAnAddressIs) {
  const AddressGuard guard({});
  for (const auto& [address, why] : kRefused) {
    EXPECT_EQ(Judged(guard, address),
              std::string(address) + " " + why + "; --engine-endpoint-allow can allow it");
  }
}

// \p v4 as every kind of IPv6 address that leads to it.
std::vector<std::string> EmbeddingForms(const IpAddress& v4) {
  const auto hex = [](uint32_t bits) {
    char text[16];
    snprintf(text, sizeof(text), "%x", bits);
    return std::string(text);
  };
  const uint32_t bits = v4.v4_bits();
  const std::string high = hex(bits >> 16);
  const std::string low = hex(bits & 0xffff);
  const std::string a = hex(bits >> 24);
  const std::string bc = hex(bits >> 8 & 0xffff);
  return {
      "::ffff:" + v4.Text(),
      "::ffff:0:" + v4.Text(),
      "64:ff9b::" + v4.Text(),
      "64:ff9b:1::" + v4.Text(),
      "64:ff9b:1:fffe::" + v4.Text(),
      // Prefixes of 48, 56 and 64 bits.
      "64:ff9b:1:" + high + ":" + hex(bits >> 8 & 0xff) + ":" + hex((bits & 0xff) << 8) + "::",
      "64:ff9b:1:" + a + ":" + hex(bits >> 16 & 0xff) + ":" + low + "::",
      "64:ff9b:1:0:" + a + ":" + bc + ":" + hex((bits & 0xff) << 8) + ":0",
      "2002:" + high + ":" + low + "::1",
  };
}

TEST(AddressGuardTest, RefusesWhatLeadsToARefusedAddress) {
  const AddressGuard guard({});
  for (const auto& [address, why] : kRefused) {
    if (!At(address).is_v4()) continue;
    for (const std::string& form : EmbeddingForms(At(address))) {
      // Of a local NAT64 any of several addresses may be meant, if one does not begin with 0.
      const bool local = form.rfind("64:ff9b:1:", 0) == 0;
      if (local && At(address).v4_bits() >> 24 == 0) continue;
      const std::string judged = Judged(guard, form);
      EXPECT_THAT(judged, HasSubstr(" leads to ")) << form;
      if (local) continue;
      EXPECT_EQ(judged, At(form).Text() + " leads to " + address + ", which " + why +
                            "; --engine-endpoint-allow can allow it");
    }
  }
  EXPECT_THAT(Judged(guard, "::127.0.0.1"), HasSubstr("leads to 127.0.0.1"));
  EXPECT_THAT(Judged(guard, "2001:0:7f00:1::f5ff:fffe"), HasSubstr("leads to 127.0.0.1"));
  EXPECT_THAT(Judged(guard, "2001:0:a00:1::80ff:fffe"), HasSubstr("leads to 127.0.0.1"));
  EXPECT_THAT(Judged(guard, "::169.254.169.254"), HasSubstr(" leads to 169.254."));
}

// A translator may not look at what follows the address, which could be a harmless one.
TEST(AddressGuardTest, RefusesALocalNat64WithADecoy) {
  const AddressGuard guard({});
  EXPECT_THAT(Judged(guard, "64:ff9b:1:a9fe:a9:fe00:808:808"), HasSubstr(" leads to 169.254."));
}

TEST(AddressGuardTest, LetsOthersPass) {
  const AddressGuard guard({});
  for (const char* address : {"10.0.0.1",
                              "172.16.0.1",
                              "192.168.1.1",
                              "100.64.0.1",
                              "8.8.8.8",
                              "126.255.255.255",
                              "128.0.0.0",
                              "1.0.0.0",
                              "169.253.255.255",
                              "169.255.0.0",
                              "223.255.255.255",
                              "255.255.255.254",
                              "168.63.129.17",
                              "100.100.100.201",
                              "fd00::1",
                              "2001:db8::1",
                              "fec0::1",
                              "fd00:ec2::255",
                              "::ffff:10.0.0.1",
                              "64:ff9b::8.8.8.8",
                              "2002:a00:1::1",
                              "2001:0:a00:1::f5ff:fffe",
                              "64:ff9b:1:fffe::10.0.0.1",
                              "::10.0.0.1"}) {
    EXPECT_EQ(Judged(guard, address), "ok") << address;
  }
}

TEST(AddressGuardTest, TheAllowListGoesFirst) {
  const AddressGuard guard = Allowing({"127.0.0.0/8", "fd00:ec2::254"});
  EXPECT_EQ(Judged(guard, "127.0.0.1"), "ok");
  EXPECT_EQ(Judged(guard, "fd00:ec2::254"), "ok");
  EXPECT_EQ(Judged(guard, "::ffff:127.0.0.1"), "ok");
  EXPECT_EQ(Judged(guard, "64:ff9b::127.0.0.1"), "ok");
  EXPECT_THAT(Judged(guard, "::1"), HasSubstr("loopback"));
  EXPECT_THAT(Judged(guard, "169.254.169.254"), HasSubstr("metadata"));
  EXPECT_THAT(Judged(guard, "::ffff:169.254.169.254"), HasSubstr("metadata"));
}

TEST(AddressGuardTest, TellsWhatTheOperatorAllows) {
  const AddressGuard guard = Allowing({"10.0.0.0/8"});
  EXPECT_FALSE(guard.allows_none());
  EXPECT_TRUE(guard.IsAllowed(At("10.0.0.1")));
  EXPECT_TRUE(guard.IsAllowed(At("::ffff:10.0.0.1")));
  EXPECT_FALSE(guard.IsAllowed(At("8.8.8.8"))) << "what is not refused is not allowed by that";
  EXPECT_FALSE(guard.IsAllowed(At("::ffff:8.8.8.8")));
  // Either of several addresses may be meant.
  EXPECT_FALSE(guard.IsAllowed(At("64:ff9b:1:a9fe:a9:fe00:a00:1")));
  EXPECT_TRUE(AddressGuard({}).allows_none());
}

TEST(AddressGuardTest, AllOfIpv6AllowsNoIpv4InDisguise) {
  const AddressGuard guard = Allowing({"::/0"});
  EXPECT_EQ(Judged(guard, "::1"), "ok");
  EXPECT_THAT(Judged(guard, "::ffff:127.0.0.1"), HasSubstr("leads to 127.0.0.1"));
  EXPECT_THAT(Judged(guard, "2002:7f00:1::1"), HasSubstr("leads to 127.0.0.1"));
}

TEST(AddressGuardTest, RefusesWhatItIsToldToRefuse) {
  GuardRules rules;
  rules.denied = {{At("10.0.0.1"), std::nullopt, "the API server"},
                  {At("::ffff:10.0.0.2"), 6000, "this process's own port"},
                  {At("fd00::2"), 6000, "this process's own port"}};
  rules.allowed = ParseAllowed({"10.0.0.3"}).value();
  rules.denied.push_back({At("10.0.0.3"), std::nullopt, "the API server"});
  const AddressGuard guard(std::move(rules));
  EXPECT_THAT(Judged(guard, "10.0.0.1", 443), HasSubstr("10.0.0.1 is the API server"));
  EXPECT_THAT(Judged(guard, "10.0.0.1", 80), HasSubstr("is the API server"));
  EXPECT_THAT(Judged(guard, "64:ff9b::10.0.0.1"), HasSubstr("leads to 10.0.0.1, which is the API"));
  EXPECT_THAT(Judged(guard, "10.0.0.2", 6000), HasSubstr("own port"));
  EXPECT_EQ(Judged(guard, "10.0.0.2", 6001), "ok");
  EXPECT_THAT(Judged(guard, "fd00::2", 6000), HasSubstr("own port"));
  EXPECT_EQ(Judged(guard, "fd00::2", 8000), "ok");
  EXPECT_EQ(Judged(guard, "10.0.0.3"), "ok");
}

TEST(AddressGuardTest, RefusesWhatIsAnotherNamespaces) {
  GuardRules rules;
  rules.owner_namespace = [](const IpAddress& address) -> std::optional<std::string> {
    if (address == At("10.0.0.1")) return "mine";
    if (address == At("10.0.0.2") || address == At("10.0.0.4")) return "theirs";
    return std::nullopt;
  };
  rules.allowed = ParseAllowed({"10.0.0.4"}).value();
  const AddressGuard guard(std::move(rules));
  EXPECT_EQ(Judged(guard, "10.0.0.1"), "ok");
  EXPECT_EQ(Judged(guard, "10.0.0.3"), "ok");
  EXPECT_EQ(Judged(guard, "10.0.0.4"), "ok");
  const std::string judged = Judged(guard, "10.0.0.2");
  EXPECT_THAT(judged, HasSubstr("10.0.0.2 belongs to another namespace than the object's"));
  EXPECT_THAT(judged, Not(HasSubstr("theirs")));
  EXPECT_THAT(Judged(guard, "::ffff:10.0.0.2"), HasSubstr("another namespace"));
  EXPECT_EQ(Judged(guard, "10.0.0.2", kPort, "theirs"), "ok");
  EXPECT_THAT(Judged(guard, "10.0.0.1", kPort, ""), HasSubstr("another namespace"));
}

TEST(AddressGuardTest, WhereAnOwnerIsNotKnownOnlyTheOperatorsWordCounts) {
  GuardRules rules;
  rules.owner_namespace = [](const IpAddress&) { return absl::UnavailableError("not listed yet"); };
  rules.allowed = ParseAllowed({"10.0.0.4"}).value();
  const AddressGuard guard(std::move(rules));
  EXPECT_EQ(Judged(guard, "10.0.0.4"), "ok");
  EXPECT_EQ(Judged(guard, "10.0.0.1"),
            "10.0.0.1 cannot be judged: not listed yet; --engine-endpoint-allow can allow it");
  EXPECT_THAT(Judged(guard, "127.0.0.1"), HasSubstr("is a loopback address"));
}

TEST(ParseAllowedTest, TellsAllThatIsWrong) {
  EXPECT_EQ(ParseAllowed({})->size(), 0U);
  EXPECT_EQ(ParseAllowed({"127.0.0.0/8", "::1"})->size(), 2U);
  const auto wrong = ParseAllowed(
      {"127.0.0.1/8", "10.0.0.0/8", "nowhere", "::ffff:10.0.0.0/104", "64:ff9b::/96", "2002::/16"});
  EXPECT_EQ(wrong.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(wrong.status().message());
  for (const char* part :
       {"\"127.0.0.1/8\" has bits", "\"nowhere\" is no block", "::ffff:10.0.0.0/104 never matches",
        "64:ff9b::/96 never matches", "2002::/16 never matches"}) {
    EXPECT_THAT(message, HasSubstr(part));
  }
  EXPECT_THAT(message, Not(HasSubstr("10.0.0.0/8 ")));
}

}  // namespace
}  // namespace kgs::endpoint
