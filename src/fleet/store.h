// SPDX-License-Identifier: Apache-2.0
//
// The latest report of every node. Written by the receiver (in a standalone process: by its own
// sampler), read by RPC handlers. Pointers are swapped under a short lock.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "model/node_report.h"

namespace kgs::fleet {

/// What is known of a node.
struct NodeState {
  /// Null until the first report of the node.
  std::shared_ptr<const model::NodeReport> report;
  /// When that came in.
  base::SteadyTime received;
  /// A stream of the node is open.
  bool connected = false;
  std::string agent_version;
};

class Store {
 public:
  /// A node whose stream has ended is forgotten after this.
  static constexpr base::Duration kMemory = std::chrono::minutes(10);

  explicit Store(const base::Clock& clock);
  ~Store();

  /// A stream of \p node has begun. Returns a number that its later calls carry: calls of a stream
  /// that another has taken over do nothing.
  uint64_t Connect(const std::string& node, const std::string& agent_version);
  /// False: another stream has taken over the node, and this one should end.
  bool Put(const std::string& node, uint64_t stream,
           std::shared_ptr<const model::NodeReport> report);
  void Disconnect(const std::string& node, uint64_t stream);

  /// Nothing known: a state without report that is not connected.
  NodeState Find(const std::string& node) const;
  /// By name. For pages, and for a hub that has no Kubernetes.
  std::map<std::string, NodeState> All() const;
  /// Nodes with an open stream.
  size_t connected() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace kgs::fleet
