// SPDX-License-Identifier: Apache-2.0
#include "app/stop_request.h"

#include <signal.h>
#include <unistd.h>

#include "base/log.h"

namespace kgs::app {
namespace {

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

}  // namespace

void StopRequest::BlockSignals() {
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

int StopRequest::Wait() {
  const sigset_t signals = StopSignals();
  int signal = 0;
  while (sigwait(&signals, &signal) != 0) {
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
