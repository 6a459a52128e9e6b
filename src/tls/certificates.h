// SPDX-License-Identifier: Apache-2.0
//
// What TLS needs, read from files and checked, so that a wrong file is told by its name instead of
// as a handshake that fails for ever.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>

namespace kgs::tls {

/// Paths of PEM files; empty for none. A certificate and its key go together.
struct CertificatePaths {
  /// Our own certificate, then those between it and its authority.
  std::string certificate;
  std::string key;
  /// Whose certificates the other side may have.
  std::string authorities;
};

/// What was in them, as PEM text. Secret.
struct Certificates {
  std::string certificate;
  std::string key;
  std::string authorities;
  /// When our own certificate ends, in seconds since 1970; nothing where there is none.
  std::optional<int64_t> expires;

  bool operator==(const Certificates&) const = default;
};

/// FAILED_PRECONDITION or INVALID_ARGUMENT begins with the file's path and shows nothing of it: it
/// cannot be read, holds no certificate or key, or the key is not that of the certificate. That a
/// certificate is out of date is for the other side to judge.
absl::StatusOr<Certificates> ReadCertificates(const CertificatePaths& paths);

}  // namespace kgs::tls
