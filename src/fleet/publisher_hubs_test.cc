// SPDX-License-Identifier: Apache-2.0
//
// Publishers and hubs that do not do their part: one that stops reading, one that never answers.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "base/mutex.h"
#include "fleet/test_agent.h"
#include "tests/support/fake_clock.h"
#include "tests/support/gate.h"

namespace kgs::fleet {
namespace {

using namespace std::chrono_literals;
using testing::Agent;
using testing::Await;
using testing::Options;
using testing::PlainReport;
using testing::PublisherTest;

/// A hub that stops reading after the Hello until it is let go.
class StalledHub final : public pb::Fleet::Service {
 public:
  StalledHub() {
    gate_.Close();
    grpc::ServerBuilder builder;
    builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~StalledHub() override {
    gate_.Open();
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
  }
  grpc::Status Connect(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<pb::HubMessage, pb::AgentMessage>* stream) override {
    pb::AgentMessage message;
    stream->Read(&message);
    pb::HubMessage greeting;
    greeting.mutable_interest();
    stream->Write(greeting);
    gate_.Pass();
    while (stream->Read(&message)) {
      base::MutexLock lock(mutex_);
      read_.push_back(message.report().snapshot_sequence());
    }
    return grpc::Status::OK;
  }
  void Free() { gate_.Open(); }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  /// The numbers of the snapshots that were read.
  std::vector<uint64_t> read() const {
    base::MutexLock lock(mutex_);
    return read_;
  }

 private:
  kgs::testing::Gate gate_;
  mutable base::Mutex mutex_;
  std::vector<uint64_t> read_ KGS_GUARDED_BY(mutex_);
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(PublisherTest, NothingQueuesForAHubThatDoesNotRead) {
  StalledHub hub;
  names_.Set(std::vector<std::string>{hub.address()});
  Agent agent(Options(1ms), names_.Function(), clock_);
  uint64_t offered = 0;
  const auto offer = [&] {
    auto report = PlainReport("node-a", std::vector<double>(32, 50), clock_.Now());
    auto snapshot = std::make_shared<model::NodeSnapshot>(*report->snapshot);
    snapshot->sequence = ++offered;
    report->snapshot = std::move(snapshot);
    agent.publisher.Offer(report);
  };
  // Until no report has gone out for a hundred times the interval.
  uint64_t sent = 0;
  auto last_sent = clock_.Now();
  ASSERT_TRUE(Await([&] {
    offer();
    const uint64_t now_sent = agent.counters.reports.value();
    if (now_sent != sent || now_sent == 0) last_sent = clock_.Now();
    sent = now_sent;
    return clock_.Now() - last_sent > 100ms;
  }));
  const uint64_t stalled_at = offered;
  for (int i = 0; i < 1000; ++i) offer();
  hub.Free();
  ASSERT_TRUE(Await([&] {
    const std::vector<uint64_t> read = hub.read();
    return !read.empty() && read.back() == offered;
  })) << "what was on its way, then the newest";
  const std::vector<uint64_t> read = hub.read();
  EXPECT_TRUE(std::is_sorted(read.begin(), read.end()));
  EXPECT_LT(std::count_if(read.begin(), read.end(),
                          [&](uint64_t number) { return number > stalled_at && number < offered; }),
            500)
      << "what was offered meanwhile is gone";
  EXPECT_EQ(agent.Connected(), 1);
}

/// A hub that never answers the Hello.
class SilentHub final : public pb::Fleet::Service {
 public:
  SilentHub() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~SilentHub() override {
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
  }
  grpc::Status Connect(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<pb::HubMessage, pb::AgentMessage>* stream) override {
    pb::AgentMessage message;
    while (stream->Read(&message)) ++read_;
    return grpc::Status::OK;
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  int read() const { return read_; }

 private:
  std::atomic<int> read_{0};
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(PublisherTest, GivesUpOnAHubThatDoesNotAnswer) {
  SilentHub hub;
  names_.Set(std::vector<std::string>{hub.address()});
  kgs::testing::FakeClock clock;
  Agent agent(Options(1ms), names_.Function(), clock);
  agent.Offer(80);
  ASSERT_TRUE(Await([&] { return hub.read() == 1; }));
  EXPECT_EQ(agent.publisher.Hubs().at(0).problem, "not connected yet");
  clock.Advance(10s);
  agent.Offer(81);
  ASSERT_TRUE(Await([&] { return agent.counters.stream_failures.value() == 1; }));
  EXPECT_EQ(agent.publisher.Hubs().at(0).problem, "the hub does not answer");
  EXPECT_EQ(hub.read(), 1) << "no report before the hub has answered";
  // What it waits is up to a quarter more or less.
  clock.Advance(13ms);
  agent.Offer(82);
  ASSERT_TRUE(Await([&] { return hub.read() == 2; })) << "and tries again";
}

}  // namespace
}  // namespace kgs::fleet
