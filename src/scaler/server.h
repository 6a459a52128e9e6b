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

/// gRPC's own log lines go where ours go. Of the whole process; SetUpServer does it too.
void RouteGrpcLog();

/// Where and how a server listens.
struct ListenOptions {
  /// "" for all, IPv4 and IPv6.
  std::string address;
  /// 0 for any free one.
  int port = 0;
  /// They must outlive the server.
  std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
};

/// The settings of every server of ours, the service aside: grpc.health.v1, reflection, gRPC's log
/// lines to ours, and that a peer which is gone is noticed within 10 s. \p bound_port is set by
/// BuildAndStart, to 0 where it cannot listen. On its own so that bench/ measures against the same.
void SetUpServer(grpc::ServerBuilder& builder, const ListenOptions& listen, int* bound_port);

/// Why a server that was set up so could not listen: UNAVAILABLE, naming address, port and what the
/// system says.
absl::Status CannotListen(const std::string& address, int port);

class Server {
 public:
  struct Options {
    ListenOptions listen;
    /// A connection gets no new calls at this age, give or take a tenth, so that clients look for
    /// replicas that are new. Zero: it may live for ever.
    base::Duration longest_connection_age{};
    /// No stream lives longer: what is left of a connection by then is cut.
    base::Duration longest_stream_age = std::chrono::minutes(5);
    /// Beyond them gRPC refuses a request unread, so that it is in no metric of ours. Twice what
    /// Service accepts, which says so.
    size_t most_request_bytes = size_t{512} << 10;
    /// Of one connection. Well above what Service accepts of one: beyond them calls would wait in
    /// KEDA, without a deadline and without a word.
    size_t most_streams_of_connection = 20000;
  };

  /// Listens. UNAVAILABLE, saying why, where it cannot: a taken port is never shared by
  /// SO_REUSEPORT. \p service must outlive the server, and so must \p debug, which may be null.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Options& options, Service& service,
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
  /// gRPC's server does not keep them.
  std::shared_ptr<grpc::ServerCredentials> credentials_;
  /// Null only where Start fails.
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
  base::Mutex health_mutex_;
  bool stopping_ KGS_GUARDED_BY(health_mutex_) = false;
  /// What gRPC was last told, by service name.
  std::map<std::string, bool> serving_ KGS_GUARDED_BY(health_mutex_);
};

}  // namespace kgs::scaler
