// SPDX-License-Identifier: Apache-2.0
#include "processes/process_table.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <sstream>
#include <system_error>
#include <utility>

#include "base/strings.h"
#include "processes/cgroup.h"

namespace kgs::processes {
namespace {

/// PROC_PID_INIT_INO of include/linux/proc_ns.h: fixed since Linux 3.8.
constexpr char kInitialNamespace[] = "pid:[4026531836]";
/// Cgroups of every kind are a few hundred bytes.
constexpr size_t kLargestFile = size_t{64} << 10;
/// proc(5): field 22 of /proc/PID/stat, counted after the name, which ends field 2.
constexpr int kFieldsBeforeStart = 19;

/// The whole file, or the error.
absl::StatusOr<std::string> ReadAll(const std::string& path, int& error) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  error = errno;
  if (fd < 0) return absl::UnknownError("");
  std::string text;
  std::array<char, 4096> buffer;
  ssize_t n = 0;
  while (text.size() < kLargestFile) {
    n = read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    error = errno;
    if (n <= 0) break;
    text.append(buffer.data(), static_cast<size_t>(n));
  }
  close(fd);
  if (n < 0) return absl::UnknownError("");
  return text;
}

absl::Status NotTheNodes(const std::string& what) {
  return absl::FailedPreconditionError(
      "--per-process: " + what +
      ", so this process does not see the node's processes and every pod would seem to use no GPU: "
      "run it with hostPID: true (chart: perProcess=true), or without --per-process");
}

}  // namespace

absl::Status ProcessTable::CheckPidNamespace() const {
  const std::string path = proc_root_ + "/self/ns/pid";
  std::array<char, 64> target{};
  const ssize_t length = readlink(path.c_str(), target.data(), target.size());
  if (length < 0) {
    return NotTheNodes("cannot read " + path + " (" + std::generic_category().message(errno) + ")");
  }
  const std::string name(target.data(), static_cast<size_t>(length));
  if (name == kInitialNamespace) return absl::OkStatus();
  return NotTheNodes(path + " is " + base::QuoteForMessage(name) + " and not " + kInitialNamespace);
}

absl::StatusOr<std::string> ProcessTable::Read(uint32_t pid, const std::string& file) const {
  int error = 0;
  auto text = ReadAll(proc_root_ + "/" + std::to_string(pid) + "/" + file, error);
  if (text.ok()) return text;
  if (error == ENOENT || error == ESRCH) return absl::NotFoundError("no such process");
  return absl::FailedPreconditionError("cannot read " + proc_root_ + "/PID/" + file + ": " +
                                       std::generic_category().message(error));
}

absl::StatusOr<uint64_t> ProcessTable::StartOf(uint32_t pid) const {
  const auto stat = Read(pid, "stat");
  if (!stat.ok()) return stat.status();
  // The name may hold anything, parentheses too.
  const size_t name_end = stat->rfind(')');
  if (name_end != std::string::npos) {
    std::istringstream fields(stat->substr(name_end + 1));
    std::string skipped;
    for (int i = 0; i < kFieldsBeforeStart; ++i) fields >> skipped;
    uint64_t started = 0;
    if (fields >> started) return started;
  }
  return absl::FailedPreconditionError(proc_root_ + "/PID/stat is not as proc(5) describes it");
}

absl::StatusOr<std::string> ProcessTable::PodOf(uint32_t pid) {
  const auto started = StartOf(pid);
  if (!started.ok()) {
    known_.erase(pid);
    return started.status();
  }
  const auto known = known_.find(pid);
  if (known != known_.end() && known->second.started == *started) {
    known->second.asked = true;
    return known->second.pod_uid;
  }
  known_.erase(pid);
  const auto cgroup = Read(pid, "cgroup");
  if (!cgroup.ok()) return cgroup.status();
  // Had the pid gone to another process meanwhile, the cgroup would be that one's.
  const auto still = StartOf(pid);
  if (!still.ok()) return still.status();
  if (*still != *started) return absl::NotFoundError("the process has just ended");
  std::string pod_uid = PodUidOf(*cgroup);
  // Of a pod in a form that is not known: as nobody's it would make that pod seem idle.
  if (pod_uid.empty() && cgroup->find("kubepods") != std::string::npos) {
    return absl::FailedPreconditionError(
        "the cgroup of a process that uses it is that of a pod, and does not say of which");
  }
  known_[pid] = {*started, pod_uid, true};
  return pod_uid;
}

void ProcessTable::ForgetUnasked() {
  std::erase_if(known_, [](const auto& entry) { return !entry.second.asked; });
  for (auto& [pid, known] : known_) known.asked = false;
}

}  // namespace kgs::processes
