// SPDX-License-Identifier: Apache-2.0
//
// The gRPC server around the service: KEDA's port, grpc.health.v1 and reflection.
#pragma once

#include <absl/status/statusor.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "scaler/service.h"

namespace kgs::scaler {

/// The settings of every server of ours, the service aside: \p address and \p port as for
/// Server::Start, grpc.health.v1, reflection, gRPC's log lines to ours. \p bound_port is set by
/// BuildAndStart, to 0 where it cannot listen. On its own so that bench/ measures against the same.
void SetUpServer(grpc::ServerBuilder& builder, const std::string& address, int port,
                 int* bound_port);

/// Why a server that was set up so could not listen: UNAVAILABLE, naming address, port and what the
/// system says.
absl::Status CannotListen(const std::string& address, int port);

class Server {
 public:
  /// Listens on \p address ("" for all, IPv4 and IPv6) and \p port (0 for any free one).
  /// UNAVAILABLE, saying why, where it cannot: a taken port is never shared by SO_REUSEPORT.
  /// \p service must outlive the server, and so must \p debug, which may be null.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const std::string& address, int port,
                                                       Service& service,
                                                       grpc::Service* debug = nullptr);
  ~Server();

  int port() const { return port_; }

  /// What grpc.health.v1 says: \p ready for the server (""), and SERVING for
  /// externalscaler.ExternalScaler where it is not \p blind as well. Watchers are told of changes
  /// only. Any thread.
  void SetHealth(bool ready, bool blind);

  /// Stops accepting and ends every stream with OK; calls under way have until \p patience is over.
  void Stop(base::Duration patience);

 private:
  explicit Server(Service& service) : service_(service) {}

  void SetServing(const std::string& name, bool serving) KGS_REQUIRES(health_mutex_);

  Service& service_;
  /// Null only where Start fails.
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
  base::Mutex health_mutex_;
  bool stopping_ KGS_GUARDED_BY(health_mutex_) = false;
  /// What gRPC was last told, by service name.
  std::map<std::string, bool> serving_ KGS_GUARDED_BY(health_mutex_);
};

}  // namespace kgs::scaler
