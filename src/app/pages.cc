// SPDX-License-Identifier: Apache-2.0
#include "app/pages.h"

#include <utility>

namespace kgs::app {
namespace {

absl::Status StartOne(const char* name, const std::string& address, const Port& port,
                      http::Routes routes, std::unique_ptr<http::Server>& server) {
  if (!port) return absl::OkStatus();
  auto started = http::StartServer(name, address, *port, std::move(routes));
  if (!started.ok()) return started.status();
  server = *std::move(started);
  return absl::OkStatus();
}

}  // namespace

std::vector<http::TlsMetrics> TlsMetricsOf(const tls::CertificateWatch& certificates) {
  std::vector<http::TlsMetrics> metrics;
  for (const auto& files : certificates.all()) {
    metrics.push_back({files->name(), files->Current()->expires, &files->failures()});
  }
  return metrics;
}

absl::Status Pages::Start(const Options& options, Content content) {
  absl::Status status = StartOne("metrics", options.bind_address, options.metrics_port,
                                 {{"/metrics", std::move(content.metrics)}}, metrics_);
  if (!status.ok()) return status;
  status = StartOne(
      "probes", options.bind_address, options.probe_port,
      {{"/healthz", std::move(content.healthz)}, {"/readyz", std::move(content.readyz)}}, probes_);
  if (!status.ok() || content.debug.empty()) return status;
  return StartOne("debug", options.debug_address, options.debug_port, std::move(content.debug),
                  debug_);
}

void Pages::Stop() {
  metrics_.reset();
  probes_.reset();
  debug_.reset();
}

std::vector<uint16_t> Pages::ports() const {
  std::vector<uint16_t> ports;
  for (const http::Server* server : {metrics_.get(), probes_.get(), debug_.get()}) {
    if (server != nullptr) ports.push_back(static_cast<uint16_t>(server->port()));
  }
  return ports;
}

std::string Pages::PortText(const http::Server* server) {
  return server == nullptr ? "disabled" : std::to_string(server->port());
}

}  // namespace kgs::app
