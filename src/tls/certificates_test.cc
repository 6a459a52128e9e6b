// SPDX-License-Identifier: Apache-2.0
#include "tls/certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "tls/test_files.h"

namespace kgs::tls {
namespace {

using kgs::testing::PemPair;
using kgs::testing::TestAuthority;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::TestFiles;

constexpr char kNames[] = "IP:127.0.0.1";

class CertificatesTest : public ::testing::Test {
 protected:
  const TestAuthority authority_;
  const PemPair pair_ = authority_.Issue("scaler", kNames);
  TestFiles files_{pair_};

  std::string Refusal(const CertificatePaths& paths) {
    const auto read = ReadCertificates(paths);
    EXPECT_FALSE(read.ok());
    const std::string message(read.status().message());
    EXPECT_THAT(message, Not(HasSubstr("-----")));
    return message;
  }
};

TEST_F(CertificatesTest, ReadsAPairAndWhenItEnds) {
  const auto read = ReadCertificates(files_.Pair());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->certificate, pair_.certificate);
  EXPECT_EQ(read->key, pair_.key);
  EXPECT_EQ(read->authorities, "");
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  // TestAuthority's end a day from now.
  EXPECT_NEAR(static_cast<double>(read->expires.value() - now), 86400, 600);
}

TEST_F(CertificatesTest, ReadsAuthoritiesAlone) {
  files_.Write("ca.crt", authority_.pem());
  const auto read = ReadCertificates(files_.Authorities());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->authorities, authority_.pem());
  EXPECT_FALSE(read->expires.has_value());
}

TEST_F(CertificatesTest, NamesTheFileThatIsWrong) {
  const std::string& certificate = files_.Path("tls.crt");
  const std::string& key = files_.Path("tls.key");
  EXPECT_THAT(Refusal({files_.Path("none.crt"), key, ""}), HasSubstr(files_.Path("none.crt")));
  EXPECT_THAT(Refusal({certificate, files_.Path("none.key"), ""}),
              HasSubstr(files_.Path("none.key")));
  EXPECT_THAT(Refusal(files_.PairAndAuthorities()), HasSubstr(files_.Path("ca.crt")));
  EXPECT_EQ(Refusal({key, key, ""}), key + ": holds no PEM certificate");
  EXPECT_EQ(Refusal({certificate, certificate, ""}), certificate + ": holds no PEM private key");
  files_.Write("ca.crt", "nothing of the kind");
  EXPECT_EQ(Refusal(files_.Authorities()), files_.Path("ca.crt") + ": holds no PEM certificate");
}

TEST_F(CertificatesTest, APairMustFit) {
  files_.Write("tls.key", authority_.Issue("scaler", kNames).key);
  EXPECT_EQ(
      Refusal(files_.Pair()),
      files_.Path("tls.key") + ": is not the key of the certificate in " + files_.Path("tls.crt"));
}

TEST_F(CertificatesTest, WhatTlsWouldNotShowIsRefused) {
  files_.Write(authority_.Issue("scaler", kNames, "P-192"));
  EXPECT_THAT(Refusal(files_.Pair()), HasSubstr(files_.Path("tls.crt")));
  EXPECT_THAT(Refusal(files_.Pair()), HasSubstr("too weak"));
}

TEST_F(CertificatesTest, WhatIsNoCertificateInsideIsBroken) {
  // DER that is well formed, and of something else.
  const std::string other = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
  files_.Write("ca.crt", other);
  EXPECT_THAT(Refusal(files_.Authorities()), HasSubstr("its first certificate is broken"));
  files_.Write("tls.crt", other);
  EXPECT_THAT(Refusal(files_.Pair()), HasSubstr("its first certificate is broken"));
  files_.Write(pair_);
  files_.Write("tls.key", "-----BEGIN PRIVATE KEY-----\nMAMCAQE=\n-----END PRIVATE KEY-----\n");
  EXPECT_THAT(Refusal(files_.Pair()), HasSubstr("holds a private key that is broken"));
}

}  // namespace
}  // namespace kgs::tls
