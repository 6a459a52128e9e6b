// SPDX-License-Identifier: Apache-2.0
#include "http/socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>

#include "base/strings.h"

namespace kgs::http {
namespace {

constexpr int kBacklog = 64;

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

AddressList Resolve(const std::string& address, int port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  addrinfo* found = nullptr;
  if (getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
    found = nullptr;
  }
  return AddressList(found, &freeaddrinfo);
}

// 0, or the errno of the step that failed.
int TryListen(const addrinfo& address, Socket* listening) {
  Socket socket(::socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return errno;
  const int on = 1;
  const int off = 0;
  if (setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0) return errno;
  if (address.ai_family == AF_INET6 &&
      setsockopt(socket.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) != 0) {
    return errno;
  }
  if (bind(socket.fd(), address.ai_addr, address.ai_addrlen) != 0) return errno;
  // Of two sockets that were bound at the same moment, the second is refused only here.
  if (::listen(socket.fd(), kBacklog) != 0) return errno;
  *listening = std::move(socket);
  return 0;
}

bool MeansNoIpv6(int error) { return error == EAFNOSUPPORT || error == EADDRNOTAVAIL; }

}  // namespace

Socket::~Socket() {
  if (valid()) close(fd_);
}

Socket::Socket(Socket&& other) noexcept : fd_(other.Release()) {}

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    if (valid()) close(fd_);
    fd_ = other.Release();
  }
  return *this;
}

int Socket::Release() { return std::exchange(fd_, -1); }

absl::StatusOr<Socket> Listen(const std::string& address, int port) {
  if (port < 0 || port > 65535) {
    return absl::InvalidArgumentError("port " + std::to_string(port) + ": accepted are 0 to 65535");
  }
  const AddressList wanted = Resolve(address.empty() ? "::" : address, port);
  if (wanted == nullptr) {
    return absl::InvalidArgumentError("address " + base::QuoteForMessage(address) +
                                      ": accepted are IPv4 and IPv6 addresses");
  }
  Socket listening;
  int error = TryListen(*wanted, &listening);
  if (address.empty() && MeansNoIpv6(error)) {
    error = TryListen(*Resolve("0.0.0.0", port), &listening);
  }
  if (error != 0) {
    const std::string where = address.empty() ? "all addresses" : "address " + address;
    return absl::UnavailableError("cannot listen on port " + std::to_string(port) + " of " + where +
                                  ": " + std::generic_category().message(error));
  }
  return listening;
}

int PortOf(const Socket& socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  if (getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  }
  return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

}  // namespace kgs::http
