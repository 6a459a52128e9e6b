// SPDX-License-Identifier: Apache-2.0
//
// A small HTTP server for pages that are computed from the latest snapshot: metrics and probes.
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "http/page.h"

namespace kgs::http {

/// Serves until destroyed. The routes' functions are called on the server's own threads, several at
/// a time, and must answer without blocking.
class Server {
 public:
  virtual ~Server() = default;
  /// The port it listens on.
  virtual int port() const = 0;
};

/// Path ("/metrics") to what answers it. Other paths get 404 with the list of paths.
using Routes = std::map<std::string, std::function<Page()>>;

/// Listens on \p address ("" for all, IPv4 and IPv6) and \p port (0 for any free one) and serves.
/// INVALID_ARGUMENT for an address or port that is none. A port that anybody listens on already is
/// UNAVAILABLE: it is never shared by SO_REUSEPORT.
/// \p thread_name names the accepting thread; the two that answer have "-0" and "-1" behind it.
/// Only GET and HEAD are answered, one request a connection, within 5 s, of which a client that
/// sends nothing gets 1 s: idle clients cannot keep probes waiting for long. The destructor lets
/// requests that have arrived be answered and returns within a second.
absl::StatusOr<std::unique_ptr<Server>> StartServer(const std::string& thread_name,
                                                    const std::string& address, int port,
                                                    Routes routes);

}  // namespace kgs::http
