// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "debug.grpc.pb.h"
#include "scaler/trigger_watch.h"

namespace kgs::scaler {

/// Whether \p peer, as gRPC writes it ("ipv4:127.0.0.1:40312"), is this machine or pod itself.
bool IsLoopbackPeer(const std::string& peer);

/// proto/debug.proto. Called by gRPC on its own threads.
class DebugService final : public debug::v1::Debug::CallbackService {
 public:
  explicit DebugService(const TriggerWatch& triggers) : triggers_(triggers) {}

  grpc::ServerUnaryReactor* ListDecisions(grpc::CallbackServerContext* context,
                                          const debug::v1::ListDecisionsRequest* request,
                                          debug::v1::ListDecisionsResponse* response) override;

 private:
  const TriggerWatch& triggers_;
};

}  // namespace kgs::scaler
