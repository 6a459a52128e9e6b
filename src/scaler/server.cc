// SPDX-License-Identifier: Apache-2.0
#include "scaler/server.h"

#include <arpa/inet.h>
#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mutex>
#include <system_error>

#include "base/log.h"

namespace kgs::scaler {
namespace {

constexpr char kWholeServer[] = "";
constexpr int kLongestRequestBytes = 256 << 10;

/// gRPC's own lines go where ours go; what it calls an error is for us a detail, told in our words.
void LogGrpcLine(gpr_log_func_args* line) { base::LogDebug(line->message, {{"file", line->file}}); }

void SetUpGrpcOnce() {
  static std::once_flag once;
  std::call_once(once, [] {
    gpr_set_log_function(&LogGrpcLine);
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

void SetUpServer(grpc::ServerBuilder& builder, const std::string& address, int port,
                 int* bound_port) {
  SetUpGrpcOnce();
  // gRPC's default would let a second scaler share the port and answer half of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // KEDA sends one trigger's metadata; more would only keep the few handler threads busy.
  builder.SetMaxReceiveMessageSize(kLongestRequestBytes);
  builder.AddListeningPort(HostPort(address, port), grpc::InsecureServerCredentials(), bound_port);
}

absl::Status CannotListen(const std::string& address, int port) {
  return absl::UnavailableError("cannot listen on " + HostPort(address, port) + ": " +
                                WhyNotListening(address, port));
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const std::string& address, int port,
                                                      Service& service, grpc::Service* debug) {
  std::unique_ptr<Server> server(new Server(service));
  grpc::ServerBuilder builder;
  SetUpServer(builder, address, port, &server->port_);
  builder.RegisterService(&service);
  if (debug != nullptr) builder.RegisterService(debug);
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr || server->port_ == 0) {
    return CannotListen(address, port);
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
