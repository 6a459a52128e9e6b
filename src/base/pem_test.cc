// SPDX-License-Identifier: Apache-2.0
#include "base/pem.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/test_certificates.h"

namespace kgs::base {
namespace {

using testing::PemPair;
using testing::TestAuthority;

std::string Block(const std::string& label, const std::string& body) {
  return "-----BEGIN " + label + "-----\n" + body + "\n-----END " + label + "-----\n";
}

TEST(PemTest, CertificatesAndKeysThatCanBeSome) {
  const TestAuthority authority;
  const PemPair pair = authority.Issue("server", "DNS:kube.test");
  EXPECT_EQ(CheckCertificates(authority.pem(), "ca"), absl::OkStatus());
  EXPECT_EQ(CheckCertificates("# two of them\n" + authority.pem() + pair.certificate, "ca"),
            absl::OkStatus());
  EXPECT_EQ(CheckPrivateKey(pair.key, "key"), absl::OkStatus());
  EXPECT_EQ(CheckPrivateKey(Block("EC PARAMETERS", "BggqhkjOPQMBBw==") + pair.key, "key"),
            absl::OkStatus());
}

TEST(PemTest, CertificatesThatAreNone) {
  const absl::Status none = absl::InvalidArgumentError("ca: holds no PEM certificate");
  const absl::Status broken =
      absl::InvalidArgumentError("ca: holds a PEM certificate that is broken");
  const TestAuthority authority;
  const PemPair pair = authority.Issue("server", "");
  EXPECT_EQ(CheckCertificates("", "ca"), none);
  EXPECT_EQ(CheckCertificates(pair.key, "ca"), none);
  EXPECT_EQ(CheckCertificates(authority.pem().substr(0, 200), "ca"), none);
  EXPECT_EQ(CheckCertificates(Block("CERTIFICATE", ""), "ca"), broken);
  EXPECT_EQ(CheckCertificates(Block("CERTIFICATE", "*"), "ca"), broken);
  // A length of 5 with one byte after it, and lengths that are none.
  for (const char* body : {"MAUA", "MIA=", "MIU=", "MIL//w=="}) {
    EXPECT_EQ(CheckCertificates(Block("CERTIFICATE", body), "ca"), broken) << body;
  }
  EXPECT_EQ(CheckCertificates(authority.pem() + Block("CERTIFICATE", "MAUA"), "ca"), broken);
}

TEST(PemTest, KeysThatAreNone) {
  EXPECT_EQ(CheckPrivateKey(TestAuthority().pem(), "key"),
            absl::InvalidArgumentError("key: holds no PEM private key"));
  EXPECT_EQ(CheckPrivateKey(Block("PRIVATE KEY", "c2VjcmV0"), "key"),
            absl::InvalidArgumentError("key: holds a PEM private key that is broken"));
  const absl::Status password =
      absl::InvalidArgumentError("key: needs a password; give the key without one");
  EXPECT_EQ(CheckPrivateKey(Block("ENCRYPTED PRIVATE KEY", "MAA="), "key"), password);
  EXPECT_EQ(CheckPrivateKey(Block("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\n\nMAA="), "key"),
            password);
}

}  // namespace
}  // namespace kgs::base
