// SPDX-License-Identifier: Apache-2.0
//
// The agent's side: keeps one stream to every hub replica and sends each the latest report, every
// second, and at once when a value crosses what any hub waits for. Nothing queues: while a write is
// under way only the newest report waits.
#pragma once

#include <absl/status/statusor.h>
#include <grpcpp/security/credentials.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/thread.h"
#include "fleet/engine_scrapes.h"
#include "model/metric_id.h"
#include "model/node_report.h"
#include "telemetry/counters.h"

namespace kgs::fleet {

struct PublisherOptions {
  /// HOST:PORT; every address behind the name is a hub replica.
  std::string hub;
  std::string node;
  /// Of this process alone.
  std::string boot_id;
  std::string version;
  base::Duration interval = std::chrono::seconds(1);
  /// Between two reports, whatever crosses.
  base::Duration least_interval = std::chrono::milliseconds(100);
  /// Between two resolutions of the name.
  base::Duration resolve_interval = std::chrono::seconds(5);
  base::Duration first_backoff = std::chrono::milliseconds(200);
  base::Duration longest_backoff = std::chrono::seconds(5);
};

/// How an agent gets in at its hubs. The functions are called on the publisher's thread, before
/// each stream, and must not block.
struct HubAccess {
  /// What to trust and to show. Another pointer means another connection from the next stream on.
  std::function<std::shared_ptr<grpc::ChannelCredentials>()> credentials;
  /// The name that a hub's certificate must have; empty for the address that is connected to.
  std::string server_name;
  /// The proof of which node this is, read anew. Null: none is sent. Only over credentials that
  /// encrypt.
  std::function<absl::StatusOr<std::string>()> token = nullptr;
};

/// "10.0.0.7:6001" of each address, sorted, each once; or why not. May block.
using ResolveHub =
    std::function<absl::StatusOr<std::vector<std::string>>(const std::string& host_port)>;

/// By getaddrinfo. Of a name with addresses of both families only those of the preferred one: a hub
/// of a dual-stack Service has one of each, and is one hub.
absl::StatusOr<std::vector<std::string>> ResolveByDns(const std::string& host_port);

/// One replica, as pages show it.
struct HubState {
  std::string address;
  bool connected = false;
  /// Why not, in stable words; else empty.
  std::string problem;
};

/// What hubs ask of an agent beside its reports.
struct PublisherEvents {
  /// A new listing of the pods. On a gRPC thread.
  std::function<void()> on_list_pods;
  /// Which engines to ask: the union over all hubs, after each change. On the publisher's thread;
  /// must not block. May be null.
  std::function<void(EngineScrapes)> on_scrapes = nullptr;
  /// Which metrics of GPUs are read for their triggers (LastingMetrics): as on_scrapes.
  std::function<void(model::MetricSet)> on_metrics = nullptr;
};

class Publisher {
 public:
  Publisher(PublisherOptions options, ResolveHub resolve, HubAccess access,
            const base::Clock& clock, telemetry::PublisherCounters& counters,
            PublisherEvents events);
  ~Publisher();

  void Start();
  /// Ends every stream. Returns within a second; a name resolution that hangs is left behind.
  void Stop();

  /// Any thread: there is a newer report.
  void Offer(std::shared_ptr<const model::NodeReport> report);

  /// Any thread. Empty until the name has been resolved once.
  std::vector<HubState> Hubs() const;
  /// Why the name cannot be resolved at the moment; else empty. Any thread.
  std::string ResolveProblem() const;
  std::vector<base::ThreadHealth> Health() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace kgs::fleet
