// SPDX-License-Identifier: Apache-2.0
//
// The two kinds of TCP socket a server has: the one it listens on, and one a connection.
#pragma once

#include <absl/status/statusor.h>

#include <string>

namespace kgs::http {

/// Owns a file descriptor.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket();
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;

  bool valid() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  int Release();

 private:
  int fd_ = -1;
};

/// A listening socket on \p address, an IPv4 or IPv6 address or "" for all of both (of IPv4 alone
/// where the node has no IPv6), and \p port, 0 for any free one. The port is this socket's alone:
/// SO_REUSEADDR is set, so that a restart need not wait for old connections to be forgotten, and
/// SO_REUSEPORT is not. INVALID_ARGUMENT for an address or port that is none, else UNAVAILABLE, in
/// one line that names both and what the system said.
absl::StatusOr<Socket> Listen(const std::string& address, int port);

/// The port that \p socket is bound to; 0 where it is not.
int PortOf(const Socket& socket);

}  // namespace kgs::http
