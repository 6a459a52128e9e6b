// SPDX-License-Identifier: Apache-2.0
#include "fleet/hub_link.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/fake_clock.h"

namespace kgs::fleet {
namespace {

using namespace std::chrono_literals;

struct NoHost final : HubLink::Host {
  void Wake() override {}
  void OnListPods() override {}
  void OnStreamStart() override { ADD_FAILURE() << "without a token"; }
  void OnStreamEnd(std::shared_ptr<HubStream>) override {}
};

TEST(HubLinkTest, AgentsThatFailedTogetherDoNotTryAgainTogether) {
  const PublisherOptions options{.hub = "hubs:6001",
                                 .node = "node-a",
                                 .boot_id = "boot-1",
                                 .version = "0.2.0",
                                 .first_backoff = 4s,
                                 .longest_backoff = 4s};
  const HubAccess access{nullptr, "", [] { return absl::UnauthenticatedError("no token"); }};
  const kgs::testing::FakeClock clock;
  telemetry::PublisherCounters counters;
  NoHost host;
  std::set<base::SteadyTime> next;
  for (int agent = 0; agent < 20; ++agent) {
    const auto link =
        std::make_shared<HubLink>("127.0.0.1:1", options, access, clock, counters, host);
    link->Turn(clock.Now(), nullptr, nullptr);
    next.insert(link->Turn(clock.Now(), nullptr, nullptr));
  }
  EXPECT_GT(next.size(), 15u);
  EXPECT_GE(*next.begin(), clock.Now() + 3s);
  EXPECT_LE(*next.rbegin(), clock.Now() + 5s);
}

}  // namespace
}  // namespace kgs::fleet
