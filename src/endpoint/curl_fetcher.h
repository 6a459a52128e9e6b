// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/thread.h"
#include "endpoint/fetcher.h"

namespace kgs::endpoint {

/// A Fetcher over libcurl, with one thread for all fetches: one that hangs delays no other.
/// Connections are kept by host, address and authorities, and used again.
class CurlFetcher : public Fetcher {
 public:
  struct Limits {
    /// Under way at a time; more are refused.
    size_t fetches = 1024;
    /// Kept for later fetches.
    long idle_connections = 256;
  };

  static absl::StatusOr<std::unique_ptr<CurlFetcher>> Make(std::string thread_name,
                                                           const base::Clock& clock, Limits limits);
  static absl::StatusOr<std::unique_ptr<CurlFetcher>> Make(std::string thread_name,
                                                           const base::Clock& clock) {
    return Make(std::move(thread_name), clock, Limits());
  }

  virtual void Start() = 0;
  /// Ends the thread, whatever the network does; no handler is called afterwards. Not from within
  /// a handler.
  virtual void Stop() = 0;
  /// Has the loop look at its clock. Any thread.
  virtual void Wake() = 0;
  /// Any thread.
  virtual base::ThreadHealth Health() const = 0;
};

}  // namespace kgs::endpoint
