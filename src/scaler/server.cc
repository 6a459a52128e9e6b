// SPDX-License-Identifier: Apache-2.0
#include "scaler/server.h"

#include <arpa/inet.h>
#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mutex>
#include <system_error>

#include "base/log.h"

namespace kgs::scaler {
namespace {

constexpr char kWholeServer[] = "";
// A peer whose machine has lost its power, or stands behind a cut link, leaves a connection that
// nobody ends. Together they are how long it takes to notice.
constexpr int kPingIntervalMs = 5000;
constexpr int kPingTimeoutMs = 5000;
/// gRPC's own services hold one for each stream of theirs, as server reflection, and whoever
/// reaches the port may open as many as he likes. Ours need none.
constexpr int kMostThreadsOfGrpc = 8;
/// Beyond the age of the oldest stream, so that each has ended with OK before its connection is
/// cut.
constexpr base::Duration kConnectionGrace = std::chrono::seconds(30);

int Milliseconds(base::Duration duration) {
  return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

/// gRPC's own lines go where ours go; what it calls an error is for us a detail, told in our words.
void LogGrpcLine(gpr_log_func_args* line) { base::LogDebug(line->message, {{"file", line->file}}); }

void SetUpGrpcOnce() {
  static std::once_flag once;
  std::call_once(once, [] {
    RouteGrpcLog();
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
}

std::string HostPort(const std::string& address, int port) {
  const std::string host = address.empty() ? "::" : address;
  const bool ipv6 = host.find(':') != std::string::npos;
  return (ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

/// gRPC does not say why it could not listen: trying the same by hand tells.
std::string WhyNotListening(const std::string& address, int port) {
  sockaddr_storage storage{};
  socklen_t length = 0;
  auto* ipv4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* ipv6 = reinterpret_cast<sockaddr_in6*>(&storage);
  if (inet_pton(AF_INET, address.c_str(), &ipv4->sin_addr) == 1) {
    ipv4->sin_family = AF_INET;
    ipv4->sin_port = htons(static_cast<uint16_t>(port));
    length = sizeof *ipv4;
  } else if (address.empty() || inet_pton(AF_INET6, address.c_str(), &ipv6->sin6_addr) == 1) {
    ipv6->sin6_family = AF_INET6;
    ipv6->sin6_port = htons(static_cast<uint16_t>(port));
    length = sizeof *ipv6;
  } else {
    return "not an IP address of this machine";
  }
  const int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::system_category().message(errno);
  const bool bound =
      bind(fd, reinterpret_cast<const sockaddr*>(&storage), length) == 0 && listen(fd, 1) == 0;
  const int error = errno;
  close(fd);
  return bound ? "refused by gRPC" : std::system_category().message(error);
}

}  // namespace

void RouteGrpcLog() { gpr_set_log_function(&LogGrpcLine); }

void SetUpServer(grpc::ServerBuilder& builder, const ListenOptions& listen, int* bound_port) {
  SetUpGrpcOnce();
  // gRPC's default would let a second scaler share the port and answer half of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kPingIntervalMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPingTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  grpc::ResourceQuota quota;
  quota.SetMaxThreads(kMostThreadsOfGrpc);
  builder.SetResourceQuota(quota);
  builder.AddListeningPort(HostPort(listen.address, listen.port), listen.credentials, bound_port);
}

absl::Status CannotListen(const std::string& address, int port) {
  return absl::UnavailableError("cannot listen on " + HostPort(address, port) + ": " +
                                WhyNotListening(address, port));
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Options& options, Service& service,
                                                      grpc::Service* debug) {
  std::unique_ptr<Server> server(new Server(service));
  server->credentials_ = options.listen.credentials;
  grpc::ServerBuilder builder;
  SetUpServer(builder, options.listen, &server->port_);
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.most_request_bytes));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             static_cast<int>(options.most_streams_of_connection));
  if (options.longest_connection_age > base::Duration::zero()) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                               Milliseconds(options.longest_connection_age));
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS,
                               Milliseconds(options.longest_stream_age + kConnectionGrace));
  }
  builder.RegisterService(&service);
  if (debug != nullptr) builder.RegisterService(debug);
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr || server->port_ == 0) {
    return CannotListen(options.listen.address, options.listen.port);
  }
  server->SetHealth(false, true);
  return server;
}

Server::~Server() { Stop(base::Duration::zero()); }

void Server::SetHealth(bool ready, bool blind) {
  base::MutexLock lock(health_mutex_);
  if (stopping_) return;
  SetServing(kWholeServer, ready);
  SetServing(externalscaler::ExternalScaler::service_full_name(), ready && !blind);
}

void Server::SetServing(const std::string& name, bool serving) {
  const auto known = serving_.find(name);
  if (known != serving_.end() && known->second == serving) return;
  serving_[name] = serving;
  server_->GetHealthCheckService()->SetServingStatus(name, serving);
}

void Server::Stop(base::Duration patience) {
  if (server_ == nullptr) return;
  SetHealth(false, false);
  {
    base::MutexLock lock(health_mutex_);
    stopping_ = true;
  }
  service_.streams().EndAll();
  service_.waiting().Stop();
  server_->Shutdown(std::chrono::system_clock::now() +
                    std::chrono::duration_cast<std::chrono::microseconds>(patience));
  server_->Wait();
}

}  // namespace kgs::scaler
