// SPDX-License-Identifier: Apache-2.0
#include "tests/support/loopback_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

namespace kgs::testing {
namespace {

void Require(bool condition, const char* what) {
  if (condition) return;
  std::perror(what);
  std::abort();
}

// OpenSSL writes to connections that the client has closed. For this thread only, so that a test
// still dies of one that the client's side raises.
void BlockSigpipe() {
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
}

}  // namespace

bool Connection::ReadMore() {
  std::array<char, 16384> buffer;
  const ssize_t n = tls_ != nullptr ? SSL_read(tls_, buffer.data(), static_cast<int>(buffer.size()))
                                    : recv(socket_, buffer.data(), buffer.size(), 0);
  if (n <= 0) return false;
  buffer_.append(buffer.data(), static_cast<size_t>(n));
  return true;
}

std::optional<std::string> Connection::ReadHead() {
  while (true) {
    const size_t end = buffer_.find("\r\n\r\n");
    if (end != std::string::npos) return Read(end + 4);
    if (!ReadMore()) return std::nullopt;
  }
}

std::optional<std::string> Connection::Read(size_t bytes) {
  while (buffer_.size() < bytes) {
    if (!ReadMore()) return std::nullopt;
  }
  std::string data = buffer_.substr(0, bytes);
  buffer_.erase(0, bytes);
  return data;
}

void Connection::Send(std::string_view data) {
  while (!data.empty()) {
    const ssize_t n = tls_ != nullptr ? SSL_write(tls_, data.data(), static_cast<int>(data.size()))
                                      : send(socket_, data.data(), data.size(), MSG_NOSIGNAL);
    if (n <= 0) return;
    data.remove_prefix(static_cast<size_t>(n));
  }
}

void Connection::AwaitClosed() {
  while (ReadMore()) buffer_.clear();
}

bool Connection::speaks_http2() const {
  const unsigned char* protocol = nullptr;
  unsigned length = 0;
  if (tls_ != nullptr) SSL_get0_alpn_selected(tls_, &protocol, &length);
  return std::string_view(reinterpret_cast<const char*>(protocol), length) == "h2";
}

LoopbackServer::LoopbackServer(Serve serve, SSL_CTX* tls)
    : LoopbackServer(std::move(serve), "127.0.0.1", 0, tls) {}

LoopbackServer::LoopbackServer(Serve serve, const std::string& ip, int port, SSL_CTX* tls)
    : serve_(std::move(serve)), tls_(tls), listening_(socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  Require(inet_pton(AF_INET, ip.c_str(), &address.sin_addr) == 1, "inet_pton");
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t length = sizeof(address);
  Require(listening_ >= 0, "socket");
  Require(bind(listening_, generic, length) == 0, "bind");
  Require(listen(listening_, 64) == 0, "listen");
  Require(getsockname(listening_, generic, &length) == 0, "getsockname");
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

LoopbackServer::~LoopbackServer() {
  std::vector<std::thread> threads;
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
    for (const int socket : sockets_) shutdown(socket, SHUT_RDWR);
  }
  shutdown(listening_, SHUT_RDWR);
  acceptor_.join();
  {
    base::MutexLock lock(mutex_);
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
  base::MutexLock lock(mutex_);
  for (const int socket : sockets_) close(socket);
  close(listening_);
}

int LoopbackServer::connections() const {
  base::MutexLock lock(mutex_);
  return static_cast<int>(sockets_.size());
}

void LoopbackServer::Accept() {
  while (true) {
    const int socket = accept(listening_, nullptr, nullptr);
    if (socket < 0) return;
    base::MutexLock lock(mutex_);
    const int number = static_cast<int>(sockets_.size());
    sockets_.push_back(socket);
    if (stopping_) return;
    threads_.emplace_back([this, socket, number] { ServeOne(socket, number); });
  }
}

void LoopbackServer::ServeOne(int socket, int number) {
  BlockSigpipe();
  const std::unique_ptr<SSL, decltype(&SSL_free)> tls(tls_ != nullptr ? SSL_new(tls_) : nullptr,
                                                      &SSL_free);
  bool ready = true;
  if (tls != nullptr) {
    SSL_set_fd(tls.get(), socket);
    ready = SSL_accept(tls.get()) == 1;
  }
  Connection connection(socket, tls.get());
  if (ready) serve_(connection, number);
  // Closed for good only at the end, so that its number is not given to another meanwhile.
  shutdown(socket, SHUT_RDWR);
}

}  // namespace kgs::testing
