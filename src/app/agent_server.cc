// SPDX-License-Identifier: Apache-2.0
#include "app/agent_server.h"

#include <grpcpp/server_builder.h>

namespace kgs::app {

absl::StatusOr<std::unique_ptr<AgentServer>> AgentServer::Start(const scaler::ListenOptions& listen,
                                                                const fleet::ReportLimits& limits,
                                                                fleet::Receiver& receiver) {
  std::unique_ptr<AgentServer> server(new AgentServer(receiver));
  server->credentials_ = listen.credentials;
  grpc::ServerBuilder builder;
  scaler::SetUpServer(builder, listen, &server->port_);
  fleet::SetUpForAgents(builder, limits);
  builder.RegisterService(&receiver);
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr || server->port_ == 0) {
    return scaler::CannotListen(listen.address, listen.port);
  }
  return server;
}

AgentServer::~AgentServer() { Stop(base::Duration::zero()); }

void AgentServer::Stop(base::Duration patience) {
  if (server_ == nullptr) return;
  receiver_.EndAll();
  server_->Shutdown(std::chrono::system_clock::now() +
                    std::chrono::duration_cast<std::chrono::microseconds>(patience));
  server_->Wait();
}

}  // namespace kgs::app
