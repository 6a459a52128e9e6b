// SPDX-License-Identifier: Apache-2.0
//
// The hub's side: the service that agents stream to. Called by gRPC on its own threads.
#pragma once

#include <grpcpp/server_builder.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "fleet.grpc.pb.h"
#include "fleet/engine_scrapes.h"
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

/// Of one report.
inline constexpr int kLongestReportBytes = 4 << 20;

/// Settings that the server needs which a Receiver is registered with: how long a report may be,
/// that agents may ask whether it is still there (gRPC would take their pings for an attack), and
/// that it asks the same of them. Credentials and port are left to the caller.
void SetUpForAgents(grpc::ServerBuilder& builder);

/// Keeps the latest report of every agent in a Store. A stream that breaks the protocol ends with
/// INVALID_ARGUMENT; of two streams of one node the later stays, and the other ends with ABORTED.
/// An agent is answered with the interest at once, before its first report: it waits for that, so
/// that the report is not stamped while the way is still blocked. All members: any thread.
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
  /// Which engines the agents of the named nodes are to ask, and no others: each is told its own,
  /// where they have changed.
  void SetScrapes(std::map<std::string, EngineScrapes> scrapes);
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
