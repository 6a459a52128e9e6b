// SPDX-License-Identifier: Apache-2.0
//
// Whether text can be a certificate or a key at all, so that a wrong file is told at start and by
// name instead of as a handshake that fails for ever. Whether it is a good one, TLS finds out.
#pragma once

#include <absl/status/status.h>

#include <string>

namespace kgs::base {

/// One or more PEM certificates. INVALID_ARGUMENT begins with \p what and never shows the text.
absl::Status CheckCertificates(const std::string& pem, const std::string& what);

/// A PEM private key that needs no password. As above.
absl::Status CheckPrivateKey(const std::string& pem, const std::string& what);

}  // namespace kgs::base
