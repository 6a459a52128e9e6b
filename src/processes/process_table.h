// SPDX-License-Identifier: Apache-2.0
//
// Whose the node's processes are, by their /proc.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <string>

namespace kgs::processes {

/// Used by one thread at a time.
class ProcessTable {
 public:
  /// \p proc_root: "/proc".
  explicit ProcessTable(std::string proc_root) : proc_root_(std::move(proc_root)) {}

  /// FAILED_PRECONDITION, saying what to do, unless this process is in the PID namespace of the
  /// node. In another one no pid that the driver tells means anything, and every pod would seem to
  /// use nothing.
  absl::Status CheckPidNamespace() const;

  /// The uid of the pod that process \p pid belongs to now; empty where it belongs to none.
  /// NOT_FOUND where there is no such process; FAILED_PRECONDITION, without the pid, where that
  /// cannot be told.
  ///
  /// What was found is remembered for as long as the pid is that of the same process: pids return.
  absl::StatusOr<std::string> PodOf(uint32_t pid);

  /// Forgets the processes that were not asked about since the last time.
  void ForgetUnasked();

  const std::string& proc_root() const { return proc_root_; }
  size_t known() const { return known_.size(); }

 private:
  struct Known {
    /// In clock ticks since the node has started.
    uint64_t started = 0;
    std::string pod_uid;
    bool asked = false;
  };

  absl::StatusOr<std::string> Read(uint32_t pid, const std::string& file) const;
  absl::StatusOr<uint64_t> StartOf(uint32_t pid) const;

  const std::string proc_root_;
  std::map<uint32_t, Known> known_;
};

}  // namespace kgs::processes
