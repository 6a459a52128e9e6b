// SPDX-License-Identifier: Apache-2.0
#include "kube/jwt.h"

#include <absl/strings/escaping.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/support/case_count.h"

namespace kgs::kube {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Part(const std::string& text) {
  std::string encoded;
  absl::WebSafeBase64Escape(text, &encoded);
  return encoded;
}
std::string Jwt(const std::string& claims) {
  return Part(R"({"alg":"RS256"})") + "." + Part(claims) + "." + Part("signature");
}
std::string Problem(const std::string& token) {
  const auto expiry = ExpiryOfJwt(token);
  if (expiry.ok()) return "";
  EXPECT_TRUE(absl::IsInvalidArgument(expiry.status()));
  return std::string(expiry.status().message());
}

TEST(JwtTest, HasItsExpiry) {
  EXPECT_EQ(*ExpiryOfJwt(Jwt(R"({"exp":1700000000})")), 1'700'000'000);
  EXPECT_EQ(*ExpiryOfJwt(Jwt(R"({"aud":["a"],"kubernetes.io":{"exp":1},"exp":1700000000.9})")),
            1'700'000'000);
  EXPECT_EQ(*ExpiryOfJwt(Jwt(R"({"exp":0})")), 0);
}

// Lengths with each remainder, and the two letters that base64url has of its own.
TEST(JwtTest, ReadsBase64UrlWithoutPadding) {
  for (int pad = 0; pad < 8; ++pad) {
    const std::string claims = R"({"x":")" + std::string(static_cast<size_t>(pad), '?') +
                               "\xc3\xbf\xc3\xbe" + R"(~~~","exp":7})";
    EXPECT_EQ(*ExpiryOfJwt(Jwt(claims)), 7) << pad;
  }
}

TEST(JwtTest, WithoutATimeThereIsNone) {
  EXPECT_THAT(Problem(Jwt("{}")), HasSubstr("no claim exp"));
  for (const char* time :
       {"null", "\"1700000000\"", "-1", "1e300", "[1]", "true", "99999999999999999999999"}) {
    EXPECT_THAT(Problem(Jwt(std::string(R"({"exp":)") + time + "}")),
                HasSubstr("claim exp is no time"))
        << time;
  }
}

TEST(JwtTest, WhatIsNoneIsToldAndNeverShown) {
  for (const char* text :
       {"", ".", "..", "...", "secret", "secret.e30", "secret.e30.", ".e30.x", "secret..x",
        "secret.e30.x.y", "secret.e30=.x", "secret.e30.x\n", "secret e30.x.y", "secret.\xff.x"}) {
    EXPECT_FALSE(CheckJwt(text).ok()) << text;
    EXPECT_THAT(Problem(text), HasSubstr("not three parts of base64url")) << text;
    EXPECT_THAT(Problem(text), Not(HasSubstr("secret"))) << text;
  }
  // These are for who reads the claims.
  for (const std::string& claims :
       {Part("secret"), Part("[1]"), Part("{\"exp\":1"), Part("\xff")}) {
    EXPECT_TRUE(CheckJwt("x." + claims + ".y").ok()) << claims;
    EXPECT_EQ(Problem("x." + claims + ".y"),
              "the token is no ServiceAccount token (a JWT): its claims are no JSON object");
  }
  EXPECT_THAT(Problem("x.eyJle.y"), HasSubstr("claims are no base64url"));
}

TEST(JwtTest, ALongOneIsNotRead) {
  const std::string most = Jwt(R"({"exp":1})");
  const std::string longest = most + std::string(kLargestJwt - most.size(), 'x');
  EXPECT_EQ(*ExpiryOfJwt(longest), 1);
  EXPECT_THAT(Problem(longest + "x"), HasSubstr("longer than 16384 bytes"));
}

TEST(JwtTest, DeepJsonIsNoTrouble) {
  const std::string deep = "{\"a\":" + std::string(5'000, '[') + std::string(5'000, ']');
  EXPECT_EQ(*ExpiryOfJwt(Jwt(deep + ",\"exp\":5}")), 5);
}

class RandomText {
 public:
  explicit RandomText(unsigned seed) : random_(seed) {}
  size_t Below(size_t end) { return std::uniform_int_distribution<size_t>(0, end - 1)(random_); }
  std::string Of(std::string_view letters, size_t longest) {
    std::string text(Below(longest + 1), ' ');
    for (char& c : text) c = letters[Below(letters.size())];
    return text;
  }
  /// A few bytes changed, put in, or taken out.
  std::string Changed(std::string text) {
    for (size_t i = Below(4); i > 0 && !text.empty(); --i) {
      const size_t at = Below(text.size());
      const char c = static_cast<char>(Below(256));
      const size_t how = Below(3);
      if (how == 0) text[at] = c;
      if (how == 1) text.insert(at, 1, c);
      if (how == 2) text.erase(at, 1);
    }
    return text;
  }

 private:
  std::mt19937 random_;
};

// Whatever comes in: an error in words, or a time that the claims have.
TEST(JwtTest, AnyTextIsReadOrRefused) {
  RandomText random(20'261);
  int read = 0;
  const int cases = testing::CaseCount(50'000);
  for (int i = 0; i < cases; ++i) {
    const std::string claims = random.Changed(R"({"exp":1700000000,"aud":["keda-gpu-scaler"]})");
    std::string token = Jwt(claims);
    if (i % 4 == 1) token = random.Changed(token);
    if (i % 4 == 2) token = random.Of("ab.-_=eyJ\xff", 60);
    if (i % 4 == 3) token = Part("{}") + "." + random.Of("eyJleHAiOjF9MTcw", 40) + ".x";
    const auto expiry = ExpiryOfJwt(token);
    if (expiry.ok()) {
      ++read;
      ASSERT_GE(*expiry, 0);
      ASSERT_LE(*expiry, 253'402'300'799);
    } else {
      ASSERT_TRUE(absl::IsInvalidArgument(expiry.status()));
      ASSERT_LT(expiry.status().message().size(), 512U);
      ASSERT_THAT(std::string(expiry.status().message()), Not(HasSubstr("1700")));
    }
  }
  EXPECT_GT(read, cases / 20);
  EXPECT_LT(read, cases - cases / 20);
}

}  // namespace
}  // namespace kgs::kube
