// SPDX-License-Identifier: Apache-2.0
//
// What answering costs when there is nothing to answer: the scaler's protocol, server settings and
// libraries around a handler that returns a constant. bench/node_bench measures the scaler against
// it.
#include <signal.h>

#include <cstdio>
#include <memory>

#include "app/main.h"
#include "base/log.h"
#include "externalscaler.grpc.pb.h"
#include "scaler/server.h"

namespace kgs::bench {
namespace {

class EmptyService final : public externalscaler::ExternalScaler::CallbackService {
  grpc::ServerUnaryReactor* GetMetrics(grpc::CallbackServerContext* context,
                                       const externalscaler::GetMetricsRequest*,
                                       externalscaler::GetMetricsResponse* response) override {
    externalscaler::MetricValue* metric = response->add_metricvalues();
    metric->set_metricname("keda_gpu_vllm_inference");
    metric->set_metricvalue(60);
    metric->set_metricvaluefloat(60);
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
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

  EmptyService service;
  int port = 0;
  grpc::ServerBuilder builder;
  scaler::SetUpServer(builder, {}, &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    base::LogError("cannot listen on any port");
    return 1;
  }
  base::LogInfo("serving", {{"port", std::to_string(port)}});
  int received = 0;
  sigwait(&stop, &received);
  server->Shutdown();
  server->Wait();
  return 0;
}

}  // namespace
}  // namespace kgs::bench

int main(int argc, char** argv) {
  // Takes no argument; with one it would be the scaler. So the linker gives it all that the scaler
  // has, and what both need to be there at all is the same.
  return argc > 1 ? kgs::app::Main(argc, argv) : kgs::bench::Run();
}
