// SPDX-License-Identifier: Apache-2.0
//
// The pages that every role has: metrics, probes and, where it has something to show, debug.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/options.h"
#include "http/metrics_page.h"
#include "http/page.h"
#include "http/server.h"
#include "tls/certificate_files.h"

namespace kgs::app {

/// What /metrics shows of certificates.
std::vector<http::TlsMetrics> TlsMetricsOf(const tls::CertificateWatch& certificates);

class Pages {
 public:
  /// Called on the servers' threads; must not block.
  struct Content {
    std::function<http::Page()> metrics;
    std::function<http::Page()> healthz;
    std::function<http::Page()> readyz;
    /// Empty for a role without.
    http::Routes debug;
  };

  absl::Status Start(const Options& options, Content content);
  void Stop();

  /// Of those that are not disabled.
  std::vector<uint16_t> ports() const;
  /// "9090", or "disabled".
  std::string metrics_port() const { return PortText(metrics_.get()); }
  std::string probe_port() const { return PortText(probes_.get()); }
  std::string debug_port() const { return PortText(debug_.get()); }

 private:
  static std::string PortText(const http::Server* server);

  std::unique_ptr<http::Server> metrics_;
  std::unique_ptr<http::Server> probes_;
  std::unique_ptr<http::Server> debug_;
};

}  // namespace kgs::app
