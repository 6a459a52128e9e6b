// SPDX-License-Identifier: Apache-2.0
#include "endpoint/ip_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <string>
#include <vector>

namespace kgs::endpoint {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string TextOf(std::string_view text) {
  const auto address = IpAddress::Parse(text);
  return address ? address->Text() : "none";
}

std::vector<std::string> Embedded(std::string_view text) {
  std::vector<std::string> texts;
  for (const IpAddress& address : EmbeddedV4(IpAddress::Parse(text).value())) {
    texts.push_back(address.Text());
  }
  return texts;
}

std::string Error(std::string_view block) {
  const auto parsed = Cidr::Parse(block);
  EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << block;
  return std::string(parsed.status().message());
}

TEST(IpAddressTest, HasOneSpelling) {
  EXPECT_EQ(TextOf("10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(TextOf("255.255.255.255"), "255.255.255.255");
  EXPECT_EQ(TextOf("FD00:0:0::0001"), "fd00::1");
  EXPECT_EQ(TextOf("::ffff:10.0.0.1"), "::ffff:10.0.0.1");
  EXPECT_EQ(IpAddress::Parse("fd00::1")->UrlText(), "[fd00::1]");
  EXPECT_EQ(IpAddress::Parse("10.0.0.1")->UrlText(), "10.0.0.1");
}

TEST(IpAddressTest, RefusesEveryOtherSpelling) {
  for (const char* text :
       {"",           "1",           "127.1",      "127.0.1",    "2130706433",   "0x7f.0.0.1",
        "0x7f000001", "0177.0.0.1",  "127.0.0.01", "127.0.0.1.", "127.0.0.256",  " 127.0.0.1",
        "127.0.0.1 ", "127.0.0.1/8", "[::1]",      "::1%lo",     "fe80::1%eth0", "1::2::3",
        "gateway",    "::ffff:127.1"}) {
    EXPECT_EQ(TextOf(text), "none") << text;
  }
  EXPECT_EQ(TextOf(std::string("127.0.0.1\0", 10)), "none");
  EXPECT_EQ(TextOf(std::string(100, '1')), "none");
}

TEST(IpAddressTest, IsReadFromASocketsAddress) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(0x0a000001);
  EXPECT_EQ(IpAddress::From(reinterpret_cast<const sockaddr&>(v4)), IpAddress::V4(0x0a000001));
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_addr.s6_addr[15] = 1;
  EXPECT_EQ(IpAddress::From(reinterpret_cast<const sockaddr&>(v6)), IpAddress::Parse("::1"));
  sockaddr other{};
  other.sa_family = AF_UNIX;
  EXPECT_EQ(IpAddress::From(other), std::nullopt);
}

TEST(IpAddressTest, SortsIpv4FirstAndByNumber) {
  std::vector<std::string> texts = {"::1", "10.0.0.2", "fd00::1", "9.0.0.1", "10.0.0.1"};
  std::vector<IpAddress> addresses;
  for (const auto& text : texts) addresses.push_back(IpAddress::Parse(text).value());
  std::sort(addresses.begin(), addresses.end());
  texts.clear();
  for (const auto& address : addresses) texts.push_back(address.Text());
  EXPECT_THAT(texts, ElementsAre("9.0.0.1", "10.0.0.1", "10.0.0.2", "::1", "fd00::1"));
}

TEST(EmbeddedV4Test, FindsTheAddressOfEveryForm) {
  EXPECT_THAT(Embedded("::ffff:10.1.2.3"), ElementsAre("10.1.2.3"));
  EXPECT_THAT(Embedded("::ffff:0:10.1.2.3"), ElementsAre("10.1.2.3"));
  EXPECT_THAT(Embedded("::10.1.2.3"), ElementsAre("10.1.2.3"));
  EXPECT_THAT(Embedded("64:ff9b::10.1.2.3"), ElementsAre("10.1.2.3"));
  EXPECT_THAT(Embedded("2002:0a01:0203::1"), ElementsAre("10.1.2.3"));
  // A Teredo server at 65.54.227.120 and a client at 192.0.2.45.
  EXPECT_THAT(Embedded("2001:0:4136:e378:8000:63bf:3fff:fdd2"),
              ElementsAre("65.54.227.120", "192.0.2.45"));
}

// The examples of RFC 6052, 2.4, of 192.0.2.33, with a prefix within 64:ff9b:1::/48.
TEST(EmbeddedV4Test, FindsTheAddressOfLocalNat64WhereverItStands) {
  EXPECT_THAT(Embedded("64:ff9b:1::192.0.2.33"), ElementsAre("192.0.2.33"));
  EXPECT_THAT(Embedded("64:ff9b:1:c000:2:2100::"), ::testing::Contains("192.0.2.33"));
  EXPECT_THAT(Embedded("64:ff9b:1:c0:0:221::"), ::testing::Contains("192.0.2.33"));
  EXPECT_THAT(Embedded("64:ff9b:1:0:c0:2:2100:0"), ::testing::Contains("192.0.2.33"));
  EXPECT_THAT(Embedded("64:ff9b:1::"), ::testing::Each("0.0.0.0"));
  EXPECT_THAT(Embedded("64:ff9b:1::"), ::testing::Not(IsEmpty()));
}

TEST(EmbeddedV4Test, IsEmptyForAddressesOfTheirOwn) {
  for (const char* text : {"10.0.0.1", "::", "::1", "fd00::10.0.0.1", "2001:db8::1", "fe80::1",
                           "64:ff9b:2::1", "64:ff9c::1", "2003::1", "::1:ffff:10.0.0.1"}) {
    EXPECT_THAT(Embedded(text), IsEmpty()) << text;
  }
}

TEST(CidrTest, ContainsItsBlockAlone) {
  const auto block = Cidr::Parse("10.1.0.0/17");
  ASSERT_TRUE(block.ok());
  EXPECT_EQ(block->Text(), "10.1.0.0/17");
  EXPECT_TRUE(block->Contains(*IpAddress::Parse("10.1.0.0")));
  EXPECT_TRUE(block->Contains(*IpAddress::Parse("10.1.127.255")));
  EXPECT_FALSE(block->Contains(*IpAddress::Parse("10.1.128.0")));
  EXPECT_FALSE(block->Contains(*IpAddress::Parse("10.0.255.255")));
  const auto all_v4 = Cidr::Parse("0.0.0.0/0");
  ASSERT_TRUE(all_v4.ok());
  EXPECT_TRUE(all_v4->Contains(*IpAddress::Parse("255.1.1.1")));
  EXPECT_FALSE(all_v4->Contains(*IpAddress::Parse("::1")));
  const auto v6 = Cidr::Parse("fd00:1::/33");
  ASSERT_TRUE(v6.ok());
  EXPECT_TRUE(v6->Contains(*IpAddress::Parse("fd00:1:7fff::1")));
  EXPECT_FALSE(v6->Contains(*IpAddress::Parse("fd00:1:8000::1")));
}

TEST(CidrTest, OneAddressIsABlock) {
  EXPECT_EQ(Cidr::Parse("10.0.0.1")->Text(), "10.0.0.1/32");
  EXPECT_EQ(Cidr::Parse("fd00::1")->Text(), "fd00::1/128");
}

TEST(CidrTest, TellsWhatIsWrong) {
  for (const char* block : {"", "/", "/8", "10/8", "10.0.0/8", "gateway/8", "10.0.0.0\\8",
                            "[fd00::]/8", "010.0.0.0/8"}) {
    EXPECT_THAT(Error(block), HasSubstr("is no block of addresses")) << block;
  }
  for (const char* block : {"10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/+8",
                            "10.0.0.0/8/8", "10.0.0.0/8 ", "10.0.0.0/255.0.0.0"}) {
    EXPECT_THAT(Error(block), HasSubstr("from 0 to 32 after the /")) << block;
  }
  EXPECT_THAT(Error("fd00::/129"), HasSubstr("from 0 to 128"));
  EXPECT_EQ(Error("10.0.0.1/8"),
            "\"10.0.0.1/8\" has bits set behind its prefix; write 10.0.0.0/8 or 10.0.0.1/32");
}

}  // namespace
}  // namespace kgs::endpoint
