// SPDX-License-Identifier: Apache-2.0
//
// A hub and raw agents over real gRPC on loopback, for the tests of this folder.
#pragma once

#include <grpcpp/create_channel.h>
#include <grpcpp/server.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "fleet/receiver.h"
#include "fleet/store.h"
#include "fleet/wire.h"

namespace kgs::fleet::testing {

/// False where \p condition does not come true within a minute.
inline bool Await(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

/// A hub's side, listening on loopback.
class TestHub {
 public:
  explicit TestHub(const base::Clock& clock, ReceiverOptions options = {}, int port = 0,
                   Authenticate authenticate = nullptr)
      : store_(clock),
        receiver_(options, store_, clock, counters_, limits_,
                  {[this](const std::string& node) { OnReport(node); }, std::move(authenticate)}) {
    grpc::ServerBuilder builder;
    SetUpForAgents(builder, options.reports);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port), grpc::InsecureServerCredentials(),
                             &port_);
    builder.RegisterService(&receiver_);
    server_ = builder.BuildAndStart();
  }
  ~TestHub() {
    receiver_.EndAll();
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
    server_->Wait();
  }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  int port() const { return port_; }
  Receiver& receiver() { return receiver_; }
  Store& store() { return store_; }
  telemetry::ReceiverCounters& counters() { return counters_; }
  telemetry::LimitCounters& limits() { return limits_; }
  /// Calls of on_report.
  int reports() const { return reports_; }
  /// The utilization of the first GPU in each report so far, in their order; -1 where it has none.
  std::vector<double> Seen() const {
    base::MutexLock lock(mutex_);
    return seen_;
  }
  /// The utilization of a node's first GPU in its last report.
  std::optional<double> Utilization(const std::string& node) const {
    const NodeState state = store_.Find(node);
    if (state.report == nullptr) return std::nullopt;
    const model::Reading& reading =
        state.report->snapshot->gpus.at(0).readings[model::MetricId::kGpuUtilization];
    return reading.has_value() ? std::optional(reading.value()) : std::nullopt;
  }

 private:
  void OnReport(const std::string& node) {
    {
      base::MutexLock lock(mutex_);
      seen_.push_back(Utilization(node).value_or(-1));
    }
    reports_.fetch_add(1);
  }

  telemetry::ReceiverCounters counters_;
  telemetry::LimitCounters limits_;
  std::atomic<int> reports_{0};
  mutable base::Mutex mutex_;
  std::vector<double> seen_ KGS_GUARDED_BY(mutex_);
  Store store_;
  Receiver receiver_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

/// One stream that a test writes by hand.
class RawAgent {
 public:
  /// Over a connection of its own.
  explicit RawAgent(const TestHub& hub, const std::string& token = "") {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    // Else the window, and with it what may wait in it, grows while nobody reads.
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    stub_ = pb::Fleet::NewStub(
        grpc::CreateCustomChannel(hub.address(), grpc::InsecureChannelCredentials(), arguments));
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(1));
    if (!token.empty()) context_.AddMetadata(kTokenHeader, kTokenPrefix + token);
    stream_ = stub_->Connect(&context_);
  }
  ~RawAgent() {
    if (stream_ == nullptr) return;
    context_.TryCancel();
    AwaitEnd();
  }

  bool Hello(const std::string& node, const std::string& boot_id = "boot") {
    pb::AgentMessage message;
    message.mutable_hello()->set_node(node);
    message.mutable_hello()->set_boot_id(boot_id);
    message.mutable_hello()->set_version("0.2.0");
    return Write(message);
  }
  bool Report(const model::NodeReport& report, base::SteadyTime sent) {
    pb::AgentMessage message;
    writer_.Write(report, sent, message.mutable_report());
    return Write(message);
  }
  bool Write(const pb::AgentMessage& message) { return stream_->Write(message); }
  pb::HubMessage Read() {
    pb::HubMessage message;
    EXPECT_TRUE(stream_->Read(&message)) << "the stream ended";
    return message;
  }
  void HalfClose() { stream_->WritesDone(); }
  void Cancel() { context_.TryCancel(); }
  grpc::Status AwaitEnd() {
    pb::HubMessage message;
    while (stream_->Read(&message)) {
    }
    const grpc::Status status = stream_->Finish();
    stream_ = nullptr;
    return status;
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<pb::Fleet::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<pb::AgentMessage, pb::HubMessage>> stream_;
  ReportWriter writer_;
};

}  // namespace kgs::fleet::testing
