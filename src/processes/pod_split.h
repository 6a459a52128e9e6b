// SPDX-License-Identifier: Apache-2.0
//
// From what processes use of a GPU to what pods use of it.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "model/node_snapshot.h"
#include "processes/process_table.h"

namespace kgs::processes {

/// Used by one thread at a time.
class PodSplit {
 public:
  explicit PodSplit(std::string proc_root) : table_(std::move(proc_root)) {}

  /// As ProcessTable has it.
  absl::Status CheckPidNamespace() const { return table_.CheckPidNamespace(); }

  /// Takes the processes out of each GPU of \p snapshot and puts in what pods use of it.
  ///
  /// What belongs to no pod (a process of the node, a server of MPS) is nobody's. A process that
  /// has ended since is left out. But where none of those that the driver tells of is there, or
  /// whose one is cannot be told, nothing is known of the GPU, and the problems say why.
  /// Where utilization is not ready, that of the last snapshot stands in, by pod.
  void Split(model::NodeSnapshot& snapshot);

 private:
  model::PodUses Split(const model::ProcessUses& uses);

  ProcessTable table_;
  /// By uuid, of the last snapshot. What the driver said some time ago is not looked up again: by
  /// now its pids may be of others.
  std::map<std::string, model::PodUses> last_;
};

}  // namespace kgs::processes
