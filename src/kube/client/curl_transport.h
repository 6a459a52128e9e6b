// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>

#include "base/thread.h"
#include "kube/client/credentials.h"
#include "kube/client/transport.h"

namespace kgs::kube {

/// A Transport over libcurl, with its thread.
class CurlTransport : public Transport {
 public:
  /// INVALID_ARGUMENT where the credentials cannot be used (a certificate that is none). Does not
  /// connect. \p thread_name names the loop's thread.
  static absl::StatusOr<std::unique_ptr<CurlTransport>> Make(Credentials credentials,
                                                             std::string thread_name,
                                                             const base::Clock& clock);

  virtual void Start() = 0;
  /// Ends the thread; no handler is called afterwards. Owners of requests and timers destroy them
  /// after this. Returns within a second whatever the network does.
  virtual void Stop() = 0;
  /// Any thread.
  virtual base::ThreadHealth Health() const = 0;
};

}  // namespace kgs::kube
