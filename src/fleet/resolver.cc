// SPDX-License-Identifier: Apache-2.0
#include "fleet/resolver.h"

#include <absl/status/status.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <set>
#include <utility>

#include "base/strings.h"

namespace kgs::fleet {
namespace {

/// An answer that takes longer is told of.
constexpr base::Duration kHangsAfter = std::chrono::seconds(5);
/// The lane's own thread is done within it, unless it hangs.
constexpr base::Duration kStopPatience = std::chrono::milliseconds(300);

struct HostPort {
  std::string host;
  std::string port;
};

std::optional<HostPort> Split(const std::string& host_port) {
  const size_t colon = host_port.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  HostPort split = {host_port.substr(0, colon), host_port.substr(colon + 1)};
  if (split.host.size() > 2 && split.host.front() == '[' && split.host.back() == ']') {
    split.host = split.host.substr(1, split.host.size() - 2);
  } else if (split.host.find(':') != std::string::npos) {
    return std::nullopt;
  }
  const auto port = base::ParseInteger(split.port);
  if (split.host.empty() || !port || *port < 1 || *port > 65535) return std::nullopt;
  return split;
}

std::string TextOf(const addrinfo& address) {
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  if (getnameinfo(address.ai_addr, address.ai_addrlen, host.data(), host.size(), port.data(),
                  port.size(), NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "";
  }
  const std::string text = host.data();
  return (address.ai_family == AF_INET6 ? "[" + text + "]" : text) + ":" + port.data();
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ResolveByDns(const std::string& host_port) {
  const auto split = Split(host_port);
  if (!split) {
    return absl::InvalidArgumentError(base::QuoteForMessage(host_port) + " is not HOST:PORT");
  }
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(split->host.c_str(), split->port.c_str(), &hints, &found);
  if (error != 0) return absl::UnavailableError(split->host + ": " + gai_strerror(error));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, &freeaddrinfo);
  // A pod of a dual-stack Service has an address of either family: one stream each, not two. The
  // first is of the family that is preferred here.
  std::set<std::string> addresses;
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    if (address->ai_family == found->ai_family) addresses.insert(TextOf(*address));
  }
  addresses.erase("");
  if (addresses.empty()) return absl::UnavailableError(split->host + ": no address");
  return std::vector<std::string>(addresses.begin(), addresses.end());
}

Resolver::Resolver(ResolveHub resolve, std::string host_port, base::Duration interval,
                   std::function<void()> on_answer)
    : resolve_(std::move(resolve)), host_port_(std::move(host_port)), interval_(interval) {
  base::MutexLock lock(shared_->mutex);
  shared_->on_answer = std::move(on_answer);
}

base::SteadyTime Resolver::Turn(base::SteadyTime now) {
  if (asked_ && now < *asked_ + interval_) return *asked_ + interval_;
  const auto ask = [shared = shared_, resolve = resolve_, host_port = host_port_] {
    Addresses answer = resolve(host_port);
    base::MutexLock lock(shared->mutex);
    shared->answer = std::move(answer);
  };
  // Under the lock, so that Stop can wait for it: what it calls may be gone afterwards.
  const auto tell = [shared = shared_] {
    base::MutexLock lock(shared->mutex);
    if (shared->on_answer) shared->on_answer();
  };
  if (lane_.TryRun(ask, tell)) asked_ = now;
  return now + interval_;
}

std::optional<Resolver::Addresses> Resolver::Take() {
  base::MutexLock lock(shared_->mutex);
  return std::exchange(shared_->answer, std::nullopt);
}

bool Resolver::Hangs(base::SteadyTime now) const {
  return lane_.busy() && asked_ && now - *asked_ > kHangsAfter;
}

void Resolver::Stop() {
  {
    base::MutexLock lock(shared_->mutex);
    shared_->on_answer = nullptr;
  }
  lane_.StopUntil(std::chrono::steady_clock::now() + kStopPatience);
}

}  // namespace kgs::fleet
