// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fstream>
#include <string>

#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"
#include "tls/certificates.h"

namespace kgs::tls::testing {

/// A folder as a Secret is mounted.
class TestFiles {
 public:
  TestFiles() = default;
  explicit TestFiles(const kgs::testing::PemPair& pair) { Write(pair); }

  void Write(const kgs::testing::PemPair& pair) {
    Write("tls.crt", pair.certificate);
    Write("tls.key", pair.key);
  }
  void Write(const std::string& name, const std::string& content) {
    std::ofstream(Path(name), std::ios::trunc) << content;
  }
  std::string Path(const std::string& name) const { return (folder_.path() / name).string(); }

  CertificatePaths Pair() const { return {Path("tls.crt"), Path("tls.key"), ""}; }
  CertificatePaths PairAndAuthorities() const {
    return {Path("tls.crt"), Path("tls.key"), Path("ca.crt")};
  }
  CertificatePaths Authorities() const { return {"", "", Path("ca.crt")}; }

 private:
  kgs::testing::TempFolder folder_;
};

}  // namespace kgs::tls::testing
