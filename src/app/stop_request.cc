// SPDX-License-Identifier: Apache-2.0
#include "app/stop_request.h"

#include <signal.h>
#include <unistd.h>

#include "base/log.h"

namespace kgs::app {
namespace {

sigset_t OurSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGUSR1);
  sigaddset(&signals, SIGUSR2);
  return signals;
}

}  // namespace

void StopRequest::BlockSignals() {
  const sigset_t signals = OurSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

int StopRequest::Wait(const std::function<void(DriverRequest)>& on_driver_request) {
  const sigset_t signals = OurSignals();
  int signal = 0;
  while (signal != SIGTERM && signal != SIGINT) {
    if (sigwait(&signals, &signal) != 0) continue;
    if (signal == SIGUSR1) on_driver_request(DriverRequest::kRelease);
    if (signal == SIGUSR2) on_driver_request(DriverRequest::kReopen);
  }
  if (exit_status_ == 0) {
    base::LogInfo("stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
  }
  return exit_status_;
}

void StopRequest::GiveUp(int exit_status) {
  exit_status_ = exit_status;
  kill(getpid(), SIGTERM);
}

}  // namespace kgs::app
