// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/status/statusor.h>

#include "app/options.h"
#include "fleet/publisher.h"
#include "tls/certificate_files.h"

namespace kgs::app {

/// How this agent gets in at its hubs, by its flags. What it trusts is read from a file that is
/// added to \p certificates, which must outlive what is returned; the token is read from its file
/// at each stream. An error where the file of authorities cannot be used.
absl::StatusOr<fleet::HubAccess> MakeHubAccess(const Options& options,
                                               tls::CertificateWatch& certificates);

}  // namespace kgs::app
