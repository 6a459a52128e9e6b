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
#include "fleet/agent_identity.h"
#include "fleet/agent_stream.h"
#include "fleet/engine_scrapes.h"
#include "fleet/interest.h"
#include "fleet/store.h"
#include "telemetry/counters.h"

namespace kgs::fleet {

struct ReceiverOptions {
  /// Open streams; one more is RESOURCE_EXHAUSTED.
  size_t most_streams = 20000;
  /// Of them from one address those whose agent has not yet proved who it is.
  size_t most_unproved_of_peer = 64;
  ReportLimits reports;
  /// An agent is asked to list its pods no more often.
  base::Duration least_list_interval = std::chrono::seconds(1);
};

/// Settings that the server needs which a Receiver is registered with: how long a report may be for
/// gRPC (twice what it may be for us, so that we can say so), and that agents may ask whether it is
/// still there (gRPC would take their pings for an attack). Credentials and port, and that it asks
/// the same of agents, are left to the caller.
void SetUpForAgents(grpc::ServerBuilder& builder, const ReportLimits& limits);

/// Keeps the latest report of every agent in a Store. Where agents must prove who they are, a
/// stream is read only once its token has been found good, and only for the token's node, until it
/// expires. A stream that breaks the protocol ends with INVALID_ARGUMENT; of two streams of one
/// node the later stays, and the other ends with ABORTED. An agent is answered with the interest at
/// once, before its first report: it waits for that, so that the report is not stamped while the
/// way is still blocked. All members: any thread.
class Receiver final : public kedagpuscaler::fleet::v1::Fleet::CallbackService {
 public:
  /// How it works with its surroundings.
  struct Events {
    /// After each report has been stored, on a gRPC thread; must not block.
    std::function<void(const std::string& node)> on_report;
    /// Null: whoever connects is believed to be on the node that he names.
    Authenticate authenticate = nullptr;
  };

  Receiver(ReceiverOptions options, Store& store, const base::Clock& clock,
           telemetry::ReceiverCounters& counters, telemetry::LimitCounters& limits, Events events);
  /// The server must have ended: no stream may be left.
  ~Receiver() override;

  grpc::ServerBidiReactor<kedagpuscaler::fleet::v1::AgentMessage,
                          kedagpuscaler::fleet::v1::HubMessage>*
  Connect(grpc::CallbackServerContext* context) override;

  /// Told to every agent, now and when it connects: what it is to report at once, and which metrics
  /// it is to read. The two are found out apart, and each leaves the other as it is; of
  /// SetCrossings the metrics do not count.
  void SetCrossings(Interest crossings);
  void SetMetrics(const model::MetricSet& metrics);
  /// Which engines the agents of the named nodes are to ask, and no others: each is told its own,
  /// where they have changed.
  void SetScrapes(std::map<std::string, EngineScrapes> scrapes);
  /// Has the agent of \p node ask its kubelet again. False where it has no stream, or was asked too
  /// recently.
  bool ListPods(const std::string& node);
  /// Ends the streams whose agents' proof has expired, and cuts those that have not ended for 5 s
  /// since their agent takes in nothing. To be called about twice a second.
  void EndExpired();
  /// Ends every stream with OK; later ones end at once.
  void EndAll();

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace kgs::fleet
