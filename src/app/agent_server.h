// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/status/statusor.h>
#include <grpcpp/server.h>

#include <memory>
#include <string>

#include "base/clock.h"
#include "fleet/receiver.h"
#include "scaler/server.h"

namespace kgs::app {

/// The hub's port for agents.
class AgentServer {
 public:
  /// As scaler::Server::Start. \p receiver must outlive the server; \p limits are its own.
  static absl::StatusOr<std::unique_ptr<AgentServer>> Start(const scaler::ListenOptions& listen,
                                                            const fleet::ReportLimits& limits,
                                                            fleet::Receiver& receiver);
  ~AgentServer();

  int port() const { return port_; }

  /// Ends every stream with OK and stops accepting.
  void Stop(base::Duration patience);

 private:
  explicit AgentServer(fleet::Receiver& receiver) : receiver_(receiver) {}

  fleet::Receiver& receiver_;
  /// gRPC's server does not keep them.
  std::shared_ptr<grpc::ServerCredentials> credentials_;
  /// Null only where Start fails.
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace kgs::app
