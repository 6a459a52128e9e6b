// SPDX-License-Identifier: Apache-2.0
//
// A server under measurement: a child process, and what the kernel says of it.
#pragma once

#include <absl/status/statusor.h>
#include <sys/types.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"

namespace kgs::bench {

/// Resident memory, as in /proc/PID/status.
struct Memory {
  double rss_mib = 0;
  /// Of it: heap, stacks, written data.
  double anonymous_mib = 0;
  /// Of it: code and constants of the binary and its libraries.
  double file_mib = 0;
};

/// Owned and used by one thread.
class ServerProcess {
 public:
  /// Starts \p command with \p environment ("NAME=VALUE") on top of ours, its log going to
  /// \p log_path, and waits for the line that says which ports it serves.
  static absl::StatusOr<std::unique_ptr<ServerProcess>> Start(
      const std::vector<std::string>& command, const std::vector<std::string>& environment,
      const std::string& log_path);
  /// Ends the process with SIGTERM, or SIGKILL where that does not end it within 10 s.
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  int port() const { return port("port"); }
  /// Under another name in that line: "agent_port". 0 where it is not there.
  int port(const std::string& name) const {
    const auto found = ports_.find(name);
    return found == ports_.end() ? 0 : found->second;
  }

  /// Stops all its threads, and lets them run again.
  void Pause();
  void Resume();

  absl::StatusOr<Memory> ReadMemory() const;
  /// CPU time of the whole process so far.
  double CpuSeconds() const;
  /// CPU time so far by thread name; threads of one name are added up.
  std::map<std::string, double> ThreadCpuSeconds() const;
  /// File names of the shared libraries that are mapped.
  std::set<std::string> SharedLibraries() const;

 private:
  explicit ServerProcess(pid_t pid) : pid_(pid) {}
  absl::Status WaitForPort(const std::string& log_path);
  std::string ProcPath(const std::string& name) const;

  const pid_t pid_;
  std::map<std::string, int> ports_;
};

}  // namespace kgs::bench
