// SPDX-License-Identifier: Apache-2.0
//
// What taking reports costs when nothing is made of them: the hub's protocol, server settings and
// libraries around a stream that keeps each agent's last message. bench/fleet_bench measures the
// hub against it.
#include <signal.h>

#include <memory>

#include "app/main.h"
#include "base/log.h"
#include "fleet.grpc.pb.h"
#include "fleet/receiver.h"
#include "scaler/server.h"

namespace kgs::bench {
namespace {

namespace pb = kedagpuscaler::fleet::v1;

class BareStream final : public grpc::ServerBidiReactor<pb::AgentMessage, pb::HubMessage> {
 public:
  BareStream() { StartRead(&read_); }

  void OnReadDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status::OK);
      return;
    }
    // An agent waits for a word after its Hello.
    if (read_.has_hello()) StartWrite(&greeting_);
    // The memory of the last but one is used for the next, but not kept for a layout that will
    // hardly come again.
    last_.Swap(&read_);
    if (read_.has_hello() || read_.report().has_layout()) read_ = pb::AgentMessage();
    StartRead(&read_);
  }

  void OnDone() override { delete this; }

 private:
  pb::AgentMessage read_;
  pb::AgentMessage last_;
  const pb::HubMessage greeting_;
};

class BareFleet final : public pb::Fleet::CallbackService {
  grpc::ServerBidiReactor<pb::AgentMessage, pb::HubMessage>* Connect(
      grpc::CallbackServerContext*) override {
    return new BareStream;
  }
};

int Run() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  signal(SIGPIPE, SIG_IGN);
  base::ConfigureLog(base::LogLevel::kInfo, base::LogFormat::kJson);

  BareFleet service;
  int port = 0;
  grpc::ServerBuilder builder;
  scaler::SetUpServer(builder, {}, &port);
  fleet::SetUpForAgents(builder, {});
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    base::LogError("cannot listen on any port");
    return 1;
  }
  base::LogInfo("serving", {{"port", std::to_string(port)}});
  int received = 0;
  sigwait(&stop, &received);
  server->Shutdown(std::chrono::system_clock::now());
  server->Wait();
  return 0;
}

}  // namespace
}  // namespace kgs::bench

int main(int argc, char** argv) {
  // Takes no argument; with one it would be the scaler, so that it links all that the hub links.
  return argc > 1 ? kgs::app::Main(argc, argv) : kgs::bench::Run();
}
