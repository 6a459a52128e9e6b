// SPDX-License-Identifier: Apache-2.0
//
// An agent's side over real gRPC on loopback, for tests.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/latest.h"
#include "base/mutex.h"
#include "fleet/publisher.h"
#include "fleet/test_hub.h"
#include "fleet/test_reports.h"

namespace kgs::fleet::testing {

using namespace std::chrono_literals;

/// The name service of a test.
class Names {
 public:
  void Set(absl::StatusOr<std::vector<std::string>> answer) {
    base::MutexLock lock(mutex_);
    answer_ = std::move(answer);
  }
  ResolveHub Function() {
    return [this](const std::string& host_port) {
      EXPECT_EQ(host_port, "hubs:6001");
      base::MutexLock lock(mutex_);
      return answer_;
    };
  }

 private:
  base::Mutex mutex_;
  absl::StatusOr<std::vector<std::string>> answer_ KGS_GUARDED_BY(mutex_);
};

inline PublisherOptions Options(base::Duration interval) {
  return {.hub = "hubs:6001",
          .node = "node-a",
          .boot_id = "boot-1",
          .version = "0.2.0",
          .interval = interval,
          .least_interval = 1ms,
          .resolve_interval = 10ms,
          .first_backoff = 10ms,
          .longest_backoff = 100ms};
}

/// An agent's side, running.
struct Agent {
  telemetry::PublisherCounters counters;
  std::atomic<int> list_requests{0};
  /// Null until a hub has asked for any.
  base::Latest<EngineScrapes> scrapes;
  base::Latest<model::MetricSet> metrics;
  Publisher publisher;

  Agent(const PublisherOptions& options, ResolveHub resolve, const base::Clock& clock,
        std::function<absl::StatusOr<std::string>()> token = nullptr)
      : publisher(options, std::move(resolve),
                  {[credentials = grpc::InsecureChannelCredentials()] { return credentials; }, "",
                   std::move(token)},
                  clock, counters,
                  {[this] { ++list_requests; },
                   [this](EngineScrapes all) {
                     scrapes.Set(std::make_shared<const EngineScrapes>(std::move(all)));
                   },
                   [this](const model::MetricSet& all) {
                     metrics.Set(std::make_shared<const model::MetricSet>(all));
                   }}) {
    publisher.Start();
  }
  void Offer(double utilization) {
    publisher.Offer(PlainReport("node-a", {utilization}, std::chrono::steady_clock::now()));
  }
  size_t Connected() const {
    size_t connected = 0;
    for (const HubState& hub : publisher.Hubs()) connected += hub.connected ? 1 : 0;
    return connected;
  }
};

inline Interest Over(double threshold) {
  return {{{model::MetricId::kGpuUtilization, catalogue::Aggregation::kMax, threshold}}};
}

class PublisherTest : public ::testing::Test {
 protected:
  const base::SteadyClock clock_;
  Names names_;
};

}  // namespace kgs::fleet::testing
