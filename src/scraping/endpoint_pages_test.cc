// SPDX-License-Identifier: Apache-2.0
//
// The scraper of endpoints with its own thread, a real resolver's thread and a real fetcher, over
// real servers on two addresses of loopback behind one name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "endpoint/curl_fetcher.h"
#include "endpoint/resolver.h"
#include "scraping/endpoint_scraper.h"
#include "scraping/test_scrapes.h"
#include "tests/support/loopback_server.h"

namespace kgs::scraping {
namespace {

using namespace std::chrono_literals;
using endpoint::IpAddress;
using kgs::testing::Connection;
using kgs::testing::LoopbackServer;
using model::EngineGap;
using model::EngineReading;
using testing::Guard;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Query;

std::string Answer(const std::string& page, const std::string& status = "200 OK") {
  return "HTTP/1.1 " + status + "\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: " +
         std::to_string(page.size()) + "\r\n\r\n" + page;
}

/// A page with as many requests in a queue as it is told.
class Engine {
 public:
  LoopbackServer::Serve Serve() {
    return [this](Connection& connection, int) {
      while (connection.ReadHead()) {
        connection.Send(ill ? Answer("secret words", "503 Service Unavailable")
                            : Answer("queue_depth " + std::to_string(waiting) + "\n"));
      }
    };
  }
  std::atomic<int> waiting{0};
  std::atomic<bool> ill{false};
};

class EndpointPagesTest : public ::testing::Test {
 protected:
  EndpointPagesTest() { Allow({"127.0.0.0/8"}); }
  ~EndpointPagesTest() override {
    scraper_->Stop();
    resolver_.Stop();
    fetcher_->Stop();
  }
  void Allow(const std::vector<std::string>& blocks) {
    guard_ = std::make_shared<const endpoint::AddressGuard>(Guard(blocks));
  }
  void Start() {
    fetcher_->Start();
    resolver_.Start();
    scraper_->Start();
    scraper_->SetTargets({Target()});
  }
  static model::EngineQuery DepthQuery() {
    model::EngineQuery query = Query("prometheus", 50ms);
    query.series_name = "queue_depth";
    return query;
  }
  EndpointTarget Target() {
    const std::string url = "http://engines.test:" + std::to_string(first_.port()) + "/metrics?k=v";
    return {endpoint::ParseUrl(url).value(), "team", "", {DepthQuery()}};
  }
  EngineReading Latest() {
    const auto latest = scraper_->Latest(KeyOf(Target()), DepthQuery().Key());
    return latest ? latest->reading : EngineReading();
  }
  /// The first reading that \p fits. A test that never gets one hangs, and is ended.
  template <typename Fits>
  EngineReading Await(Fits fits) {
    for (;;) {
      const EngineReading reading = Latest();
      if (fits(reading)) return reading;
      std::this_thread::yield();
    }
  }
  EngineReading AwaitFault() {
    return Await([](const EngineReading& reading) {
      return !reading.has_value() && reading.gap() == EngineGap::kFault;
    });
  }

  base::SteadyClock clock_;
  Engine engine_;
  Engine other_;
  LoopbackServer first_{engine_.Serve()};
  std::optional<LoopbackServer> second_{std::in_place, other_.Serve(), "127.0.0.2", first_.port()};
  telemetry::EndpointCounters counters_;
  endpoint::NamedEndpoints credentials_;
  std::shared_ptr<const endpoint::AddressGuard> guard_;
  endpoint::Resolver resolver_{[](const std::string&) -> absl::StatusOr<endpoint::Addresses> {
                                 return endpoint::Addresses{IpAddress::Parse("127.0.0.1").value(),
                                                            IpAddress::Parse("127.0.0.2").value()};
                               },
                               clock_};
  std::unique_ptr<endpoint::CurlFetcher> fetcher_ =
      endpoint::CurlFetcher::Make("endpoint-pages", clock_).value();
  std::unique_ptr<EndpointScraper> scraper_ =
      std::make_unique<EndpointScraper>(EndpointScraper::Parts{
          *fetcher_,
          [this](endpoint::ResolveRequest request, endpoint::Resolver::OnAddresses tell) {
            resolver_.Resolve(std::move(request), std::move(tell));
          },
          [this] { return guard_; }, credentials_, clock_,
          [] { return int64_t{1'790'000'000'000}; }, counters_});
};

TEST_F(EndpointPagesTest, TheDemandIsTheSumOfAllServersBehindTheName) {
  engine_.waiting = 3;
  other_.waiting = 4;
  Start();
  Await([](const EngineReading& reading) { return reading.has_value(); });
  EXPECT_EQ(Latest().value(), 7);
  other_.waiting = 40;
  Await([](const EngineReading& reading) { return reading.has_value() && reading.value() == 43; });
}

TEST_F(EndpointPagesTest, OneServerThatFailsOrIsGoneLeavesNoValue) {
  Start();
  Await([](const EngineReading& reading) { return reading.has_value(); });
  other_.ill = true;
  const std::string at =
      "http://engines.test:" + std::to_string(first_.port()) + "/metrics at 127.0.0.2: ";
  const std::string ill = AwaitFault().detail();
  EXPECT_THAT(ill, HasSubstr(at));
  EXPECT_THAT(ill, HasSubstr("503"));
  EXPECT_THAT(ill, Not(HasSubstr("secret")));
  EXPECT_THAT(ill, Not(HasSubstr("k=v")));
  second_.reset();
  Await([&](const EngineReading& reading) {
    return !reading.has_value() && reading.detail().find("refused") != std::string::npos;
  });
  EXPECT_THAT(Latest().detail(), HasSubstr(at));
}

TEST_F(EndpointPagesTest, LoopbackIsNotAskedUnlessItIsAllowed) {
  Allow({"127.0.0.1/32"});
  Start();
  EXPECT_THAT(AwaitFault().detail(), HasSubstr("127.0.0.2 is a loopback address"));
  EXPECT_EQ(first_.connections(), 0) << "one that is refused refuses the name";
  EXPECT_EQ(second_->connections(), 0);
}

}  // namespace
}  // namespace kgs::scraping
