// SPDX-License-Identifier: Apache-2.0
//
// The scraper of endpoints over a fetcher and a resolver that answer what and when a test says, on
// a clock that stands still. For tests.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "scraping/endpoint_scraper.h"
#include "scraping/test_fetcher.h"
#include "scraping/test_scrapes.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_folder.h"

namespace kgs::scraping {

inline constexpr char kUrl[] = "http://gateway:9090/metrics?key=secret";

inline std::string Demand(int waiting) {
  return "vllm:num_requests_running 1\nvllm:num_requests_waiting " + std::to_string(waiting) + "\n";
}

inline EndpointTarget Target(
    std::vector<model::EngineQuery> queries = {testing::Query("vllm_demand")},
    const std::string& url = kUrl) {
  return {endpoint::ParseUrl(url).value(), "team", "", std::move(queries)};
}

inline endpoint::Addresses Parse(const std::vector<std::string>& texts) {
  endpoint::Addresses addresses;
  for (const std::string& text : texts)
    addresses.push_back(endpoint::IpAddress::Parse(text).value());
  return addresses;
}

/// Answers at once, unless it hangs; judges as the real one does.
class FakeNames {
 public:
  EndpointScraper::Resolve AsResolve() {
    return [this](endpoint::ResolveRequest request, endpoint::Resolver::OnAddresses tell) {
      ++lookups;
      waiting.emplace_back(std::move(request), std::move(tell));
      if (!hangs) Answer();
    };
  }
  /// Not within Resolve in the scraper's place for it: it holds no lock there.
  void Answer() {
    for (auto& [request, tell] : std::exchange(waiting, {})) {
      if (request.url.address) {
        tell(endpoint::Addresses{*request.url.address});
      } else if (!addresses.ok()) {
        tell(addresses.status());
      } else if (absl::Status refused = endpoint::JudgeAll(*addresses, request); !refused.ok()) {
        tell(refused);
      } else {
        tell(addresses);
      }
    }
  }

  absl::StatusOr<endpoint::Addresses> addresses = Parse({"10.0.0.1", "10.0.0.2"});
  bool hangs = false;
  int lookups = 0;
  std::vector<std::pair<endpoint::ResolveRequest, endpoint::Resolver::OnAddresses>> waiting;
};

class EndpointScraperTest : public ::testing::Test {
 protected:
  void Pass(base::Duration by) {
    for (base::Duration passed{}; passed < by; passed += std::chrono::milliseconds(10)) {
      clock_.Advance(std::chrono::milliseconds(10));
      scraper_.Turn();
    }
  }
  /// Until something is asked, at most a second and a bit.
  void AwaitAsked(size_t pages) {
    for (int i = 0; i < 110 && fetcher_.asked.empty(); ++i) Pass(std::chrono::milliseconds(10));
    ASSERT_THAT(fetcher_.asked, ::testing::SizeIs(pages));
  }
  /// Rounds of an interval of 1 s, each answered with \p page.
  void Rounds(int count, const std::string& page) {
    for (int i = 0; i < count; ++i) {
      for (int step = 0; step < 110 && fetcher_.asked.empty(); ++step)
        Pass(std::chrono::milliseconds(10));
      fetcher_.AnswerAll(page);
    }
  }
  model::EngineReading Latest(const EndpointTarget& target = Target(), size_t query = 0) {
    const auto latest = scraper_.Latest(KeyOf(target), target.queries[query].Key());
    EXPECT_TRUE(latest.has_value());
    return latest ? latest->reading : model::EngineReading();
  }
  /// Of what is under way.
  std::vector<std::string> Asked() const {
    std::vector<std::string> asked;
    for (const auto& one : fetcher_.asked) asked.push_back(one.request.address.Text());
    return asked;
  }
  std::string TokenFile() const { return (folder_.path() / "token").string(); }
  void WriteToken(const std::string& token) const { std::ofstream(TokenFile()) << token; }
  void SetGuard(endpoint::GuardRules rules) {
    guard_ = std::make_shared<const endpoint::AddressGuard>(std::move(rules));
  }

  kgs::testing::FakeClock clock_;
  testing::FakeFetcher fetcher_;
  FakeNames names_;
  std::shared_ptr<const endpoint::AddressGuard> guard_ =
      std::make_shared<const endpoint::AddressGuard>(endpoint::GuardRules());
  kgs::testing::TempFolder folder_;
  endpoint::NamedEndpoints credentials_;
  telemetry::EndpointCounters counters_;
  EndpointScraper scraper_{{fetcher_, names_.AsResolve(), [this] { return guard_; }, credentials_,
                            clock_, [] { return int64_t{1'790'000'000'000}; }, counters_}};
};

}  // namespace kgs::scraping
