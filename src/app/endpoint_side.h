// SPDX-License-Identifier: Apache-2.0
//
// The part of a process that asks endpoints itself: URLs that triggers name, of gateways and
// Services. For the roles hub and standalone with Kubernetes, since only a ScaledObject's namespace
// says who asks.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/endpoint_guard.h"
#include "app/options.h"
#include "base/clock.h"
#include "base/thread.h"
#include "endpoint/curl_fetcher.h"
#include "endpoint/named_endpoints.h"
#include "endpoint/resolver.h"
#include "http/metrics_page.h"
#include "scraping/endpoint_scraper.h"
#include "telemetry/counters.h"

namespace kgs::app {

class EndpointSide {
 public:
  /// What Kubernetes knows of addresses.
  struct Surroundings {
    /// As kube::Credentials::server.
    std::string api_server;
    /// Must be callable until Stop.
    endpoint::OwnerNamespace owner_namespace;
    endpoint::LookUp look_up = &endpoint::LookUpByDns;
    /// As EndpointScraper::Parts has it. May be null.
    std::function<void()> on_demand = nullptr;
  };

  /// An error has all that is wrong with the named endpoints and their files.
  static absl::StatusOr<std::unique_ptr<EndpointSide>> Make(const Options& options,
                                                            const base::Clock& clock,
                                                            Surroundings surroundings);
  ~EndpointSide() { Stop(); }
  EndpointSide(const EndpointSide&) = delete;
  EndpointSide& operator=(const EndpointSide&) = delete;

  /// Once, before the first SetTargets. \p own_ports: all on which this process listens, which no
  /// endpoint may lead to.
  void Start(std::vector<uint16_t> own_ports);
  /// No SetTargets afterwards. Harmless when not started or stopped before.
  void Stop();

  /// What to ask from now on; to be called each second, also with what is asked already: what
  /// endpoints are kept from is kept up to date by it. One caller at a time.
  void SetTargets(const std::vector<scraping::EndpointTarget>& targets);

  // Any thread.

  /// As EndpointScraper::Latest.
  std::optional<scraping::EndpointReading> Latest(const scraping::EndpointKey& endpoint,
                                                  const std::string& query_key) const {
    return scraper_.Latest(endpoint, query_key);
  }
  /// As EndpointScraper::LatestWake.
  std::optional<scraping::EndpointWake> LatestWake(const scraping::EndpointKey& endpoint,
                                                   const std::string& query_key) const {
    return scraper_.LatestWake(endpoint, query_key);
  }
  std::vector<base::ThreadHealth> Health() const;
  http::EndpointMetrics Metrics() const { return {scraper_.targets(), &counters_}; }

 private:
  EndpointSide(const Options& options, const base::Clock& clock, Surroundings surroundings,
               endpoint::NamedEndpoints named, std::unique_ptr<endpoint::CurlFetcher> fetcher);

  const base::Clock& clock_;
  const std::vector<endpoint::Cidr> allowed_;
  const Surroundings surroundings_;
  const endpoint::NamedEndpoints named_;
  telemetry::EndpointCounters counters_;
  /// From Start on.
  std::optional<EndpointGuard> guard_;
  endpoint::Resolver resolver_;
  const std::unique_ptr<endpoint::CurlFetcher> fetcher_;
  scraping::EndpointScraper scraper_;
};

}  // namespace kgs::app
