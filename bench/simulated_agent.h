// SPDX-License-Identifier: Apache-2.0
//
// One simulated agent's stream to one server, over a TCP connection of its own, with the settings
// that a real agent has.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/support/client_callback.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "bench/simulated_fleet.h"
#include "fleet.grpc.pb.h"

namespace kgs::bench {

/// Of all agents' streams to one server.
struct StreamCounts {
  std::atomic<int> connected{0};
  /// Ended, or never came to be.
  std::atomic<int> failed{0};
  /// Written out, and not written since the one before was still under way.
  std::atomic<uint64_t> sent{0};
  std::atomic<uint64_t> skipped{0};
  std::atomic<uint64_t> bytes{0};
};

/// Lives as long as the process.
class SimulatedAgent final : public grpc::ClientBidiReactor<kedagpuscaler::fleet::v1::AgentMessage,
                                                            kedagpuscaler::fleet::v1::HubMessage> {
 public:
  /// \p start: when second 0 began.
  SimulatedAgent(const SimulatedFleet& fleet, int node, base::SteadyTime start, int port,
                 StreamCounts& counts);

  /// Says Hello. connected once the server has answered it.
  void Connect();
  /// The report of \p second. One thread.
  void Send(int64_t second);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  void FillLayout(kedagpuscaler::fleet::v1::Layout& layout) const;
  void FillValues(int64_t second, kedagpuscaler::fleet::v1::Report& report) const;

  const SimulatedFleet& fleet_;
  const int node_;
  const base::SteadyTime start_;
  StreamCounts& counts_;
  const std::unique_ptr<kedagpuscaler::fleet::v1::Fleet::Stub> stub_;
  grpc::ClientContext context_;
  std::atomic<bool> connected_{false};
  std::atomic<bool> writing_{false};
  uint64_t sequence_ = 0;
  /// gRPC's while writing_, else of the thread that sends.
  kedagpuscaler::fleet::v1::AgentMessage sending_;
  kedagpuscaler::fleet::v1::HubMessage read_;
};

}  // namespace kgs::bench
