// SPDX-License-Identifier: Apache-2.0
#include "scaler/debug_service.h"

#include <string_view>

#include "scaler/decision_proto.h"

namespace kgs::scaler {

bool IsLoopbackPeer(const std::string& peer) {
  // gRPC escapes the brackets of an IPv6 address.
  for (const std::string_view loopback : {"ipv4:127.", "ipv6:[::1]", "ipv6:%5B::1%5D",
                                          "ipv6:[::ffff:127.", "ipv6:%5B::ffff:127.", "unix:"}) {
    if (std::string_view(peer).starts_with(loopback)) return true;
  }
  return false;
}

grpc::ServerUnaryReactor* DebugService::ListDecisions(
    grpc::CallbackServerContext* context, const debug::v1::ListDecisionsRequest* request,
    debug::v1::ListDecisionsResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  if (!IsLoopbackPeer(context->peer())) {
    // What a workload does is nobody's business who merely reaches the port.
    reactor->Finish({grpc::StatusCode::PERMISSION_DENIED,
                     "decisions are shown to callers of this machine or pod alone: use kubectl "
                     "port-forward"});
    return reactor;
  }
  bool cut = false;
  const auto histories =
      triggers_.Histories(request->namespace_(), request->name(), kMostHistories, &cut);
  if (cut) {
    reactor->Finish({grpc::StatusCode::RESOURCE_EXHAUSTED,
                     std::to_string(histories.size()) +
                         " triggers are meant: give namespace and name of one object"});
    return reactor;
  }
  *response = DecisionsProto(histories, Moment::Now());
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace kgs::scaler
