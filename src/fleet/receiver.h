// SPDX-License-Identifier: Apache-2.0
//
// The hub's side: the service that agents stream to. Called by gRPC on its own threads.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "fleet.grpc.pb.h"
#include "fleet/interest.h"
#include "fleet/store.h"
#include "telemetry/counters.h"

namespace kgs::fleet {

struct ReceiverOptions {
  /// Open streams; one more is RESOURCE_EXHAUSTED.
  size_t most_streams = 20000;
  /// An agent is asked to list its pods no more often.
  base::Duration least_list_interval = std::chrono::seconds(1);
};

/// Of one report; for the server that this is registered with.
inline constexpr int kLongestReportBytes = 4 << 20;

/// Keeps the latest report of every agent in a Store. A stream that breaks the protocol ends with
/// INVALID_ARGUMENT; of two streams of one node the later stays. All members: any thread.
class Receiver final : public kedagpuscaler::fleet::v1::Fleet::CallbackService {
 public:
  /// \p on_report is called after each report has been stored, on a gRPC thread, and must not
  /// block.
  Receiver(ReceiverOptions options, Store& store, const base::Clock& clock,
           telemetry::ReceiverCounters& counters,
           std::function<void(const std::string& node)> on_report);
  /// The server must have ended: no stream may be left.
  ~Receiver() override;

  grpc::ServerBidiReactor<kedagpuscaler::fleet::v1::AgentMessage,
                          kedagpuscaler::fleet::v1::HubMessage>*
  Connect(grpc::CallbackServerContext* context) override;

  /// Told to every agent, now and when it connects.
  void SetInterest(Interest interest);
  /// Has the agent of \p node ask its kubelet again. False where it has no stream, or was asked too
  /// recently.
  bool ListPods(const std::string& node);
  /// Ends every stream with OK; later ones end at once.
  void EndAll();

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace kgs::fleet
