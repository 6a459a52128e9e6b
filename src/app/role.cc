// SPDX-License-Identifier: Apache-2.0
#include "app/role.h"

#include <chrono>
#include <cstdlib>
#include <string>

#include "base/log.h"
#include "base/thread.h"

namespace kgs::app {
namespace {

/// The process must have ended within 5 s, whatever adds up.
constexpr auto kStopLimit = std::chrono::milliseconds(4500);

/// Ends the process when an orderly stop takes too long.
class StopGuard {
 public:
  explicit StopGuard(int exit_status)
      : thread_("stop-guard", kStopLimit,
                [this, exit_status, due = clock_.Now() + kStopLimit]() -> base::Duration {
                  const base::SteadyTime now = clock_.Now();
                  if (now < due) return due - now;
                  base::LogWarn("stopping takes too long: ending without waiting for the rest");
                  std::_Exit(exit_status);
                }) {
    thread_.Start();
  }

 private:
  const base::SteadyClock clock_;
  base::LoopThread thread_;
};

}  // namespace

int Run(std::unique_ptr<RunningRole> role, StopRequest& stop) {
  int exit_status = 1;
  const absl::Status started = role->Start();
  if (started.ok()) {
    exit_status = stop.Wait([&](DriverRequest request) { role->OnDriverRequest(request); });
  } else {
    base::LogError("cannot start", {{"reason", std::string(started.message())}});
  }
  const StopGuard guard(exit_status);
  if (!role->Stop()) {
    base::LogWarn("a driver call is stuck: ending without waiting for it");
    std::_Exit(exit_status);
  }
  // Under the guard too.
  role.reset();
  if (started.ok()) base::LogInfo("stopped");
  return exit_status;
}

}  // namespace kgs::app
