// SPDX-License-Identifier: Apache-2.0
//
// Certificates for tests, made anew in each run so that none expires.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

namespace kgs::testing {

using SslContext = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

struct PemPair {
  std::string certificate;
  std::string key;
};

/// An authority of its own.
class TestAuthority {
 public:
  explicit TestAuthority(const std::string& name = "test authority");
  const std::string& pem() const { return self_.certificate; }
  /// \p names as OpenSSL writes them: "IP:127.0.0.1,DNS:kube.test".
  /// \p curve is that of the key.
  PemPair Issue(const std::string& common_name, const std::string& names,
                const char* curve = "P-256") const;

 private:
  PemPair self_;
};

/// A server's side of TLS: shows \p own, speaks \p protocol ("h2" or "http/1.1"), and wants a
/// certificate of \p clients where that is not empty.
SslContext ServerContext(const PemPair& own, const std::string& protocol,
                         const std::string& clients = "");

}  // namespace kgs::testing
