// SPDX-License-Identifier: Apache-2.0
//
// A server for tests that says, byte for byte, what a test wants; with TLS where it has a context.
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace kgs::testing {

/// A connection that a client made. On its own thread; the socket is the server's.
class Connection {
 public:
  /// \p tls: null for none.
  Connection(int socket, SSL* tls) : socket_(socket), tls_(tls) {}

  /// The head of the next request, or what else ends in a blank line; nothing when the client is
  /// gone.
  std::optional<std::string> ReadHead();
  /// Nothing when the client is gone before.
  std::optional<std::string> Read(size_t bytes);
  void Send(std::string_view data);
  /// Until the client, or the server's end, closes the connection.
  void AwaitClosed();
  bool speaks_http2() const;

 private:
  /// False when the client is gone.
  bool ReadMore();

  const int socket_;
  SSL* const tls_;
  std::string buffer_;
};

class LoopbackServer {
 public:
  using Serve = std::function<void(Connection& connection, int number)>;

  /// \p serve is called for each connection (0, 1, ...) on a thread of its own; its end closes the
  /// connection. \p tls is borrowed.
  explicit LoopbackServer(Serve serve, SSL_CTX* tls = nullptr);
  /// Of another address of loopback ("127.0.0.2"), and a port.
  LoopbackServer(Serve serve, const std::string& address, int port, SSL_CTX* tls = nullptr);
  ~LoopbackServer();
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  int port() const { return port_; }
  /// Made so far.
  int connections() const;

 private:
  void Accept();
  void ServeOne(int socket, int number);

  const Serve serve_;
  SSL_CTX* const tls_;
  int listening_ = -1;
  int port_ = 0;
  mutable base::Mutex mutex_;
  bool stopping_ KGS_GUARDED_BY(mutex_) = false;
  std::vector<int> sockets_ KGS_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ KGS_GUARDED_BY(mutex_);
  std::thread acceptor_;
};

}  // namespace kgs::testing
