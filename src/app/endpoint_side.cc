// SPDX-License-Identifier: Apache-2.0
#include "app/endpoint_side.h"

#include <utility>

#include "app/unix_time.h"
#include "base/log.h"

namespace kgs::app {
namespace {

absl::StatusOr<endpoint::NamedEndpoints> LoadNamed(const std::string& file) {
  if (file.empty()) return endpoint::NamedEndpoints();
  auto named = endpoint::NamedEndpoints::Load(file);
  if (!named.ok()) return named.status();
  if (absl::Status status = named->CheckFiles(); !status.ok()) return status;
  for (const std::string& name : named->InTheClear()) {
    base::LogWarn("a named endpoint's credential is sent in the clear; give its url https",
                  {{"endpoint", name}});
  }
  return named;
}

}  // namespace

absl::StatusOr<std::unique_ptr<EndpointSide>> EndpointSide::Make(const Options& options,
                                                                 const base::Clock& clock,
                                                                 Surroundings surroundings) {
  auto named = LoadNamed(options.named_endpoints);
  if (!named.ok()) {
    return absl::InvalidArgumentError("--named-endpoints: " +
                                      std::string(named.status().message()));
  }
  auto fetcher = endpoint::CurlFetcher::Make("endpoint-pages", clock);
  if (!fetcher.ok()) return fetcher.status();
  return std::unique_ptr<EndpointSide>(new EndpointSide(options, clock, std::move(surroundings),
                                                        *std::move(named), *std::move(fetcher)));
}

EndpointSide::EndpointSide(const Options& options, const base::Clock& clock,
                           Surroundings surroundings, endpoint::NamedEndpoints named,
                           std::unique_ptr<endpoint::CurlFetcher> fetcher)
    : clock_(clock),
      allowed_(options.engine_endpoint_allow),
      surroundings_(std::move(surroundings)),
      named_(std::move(named)),
      resolver_(surroundings_.look_up, clock),
      fetcher_(std::move(fetcher)),
      scraper_({*fetcher_,
                [this](endpoint::ResolveRequest request, endpoint::Resolver::OnAddresses tell) {
                  resolver_.Resolve(std::move(request), std::move(tell));
                },
                [this] { return guard_->Get(); }, named_, clock, &UnixNow, counters_,
                surroundings_.on_demand}) {}

void EndpointSide::Start(std::vector<uint16_t> own_ports) {
  GuardSources sources;
  sources.allowed = allowed_;
  sources.own_ports = std::move(own_ports);
  sources.api_server = surroundings_.api_server;
  sources.owner_namespace = surroundings_.owner_namespace;
  sources.look_up = surroundings_.look_up;
  guard_.emplace(std::move(sources));
  guard_->RefreshIfDue(clock_.Now());
  resolver_.Start();
  fetcher_->Start();
  scraper_.Start();
}

void EndpointSide::Stop() {
  scraper_.Stop();
  resolver_.Stop();
  fetcher_->Stop();
}

void EndpointSide::SetTargets(const std::vector<scraping::EndpointTarget>& targets) {
  guard_->RefreshIfDue(clock_.Now());
  scraper_.SetTargets(targets);
}

std::vector<base::ThreadHealth> EndpointSide::Health() const {
  return {scraper_.Health(), resolver_.Health(), fetcher_->Health()};
}

}  // namespace kgs::app
