// SPDX-License-Identifier: Apache-2.0
#include "kube/client/credentials.h"

#include <absl/status/status.h>

#include <cstddef>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/strings.h"

namespace kgs::kube {
namespace {

constexpr char kHost[] = "KUBERNETES_SERVICE_HOST";
constexpr char kPort[] = "KUBERNETES_SERVICE_PORT";
constexpr size_t kLargestCertificates = size_t{1024} * 1024;

std::string Value(const Environment& environment, const char* name) {
  const char* value = environment(name);
  return value == nullptr ? "" : value;
}

absl::StatusOr<std::string> Needed(const Environment& environment, const char* name) {
  std::string value = Value(environment, name);
  if (!value.empty()) return value;
  return absl::FailedPreconditionError(
      std::string(name) + " is not set: this is no pod, or its environment was emptied; " +
      "outside a cluster give --kubeconfig");
}

// An IPv6 address stands in brackets before a port.
std::string HostForUrl(const std::string& host) {
  const bool bare_ipv6 = host.find(':') != std::string::npos && host.front() != '[';
  return bare_ipv6 ? "[" + host + "]" : host;
}

}  // namespace

bool InCluster(const Environment& environment, const std::string& folder) {
  std::error_code error;
  return !Value(environment, kHost).empty() &&
         std::filesystem::is_regular_file(folder + "/token", error);
}

absl::StatusOr<Credentials> InClusterCredentials(const Environment& environment,
                                                 const std::string& folder) {
  auto host = Needed(environment, kHost);
  if (!host.ok()) return host.status();
  auto port = Needed(environment, kPort);
  if (!port.ok()) return port.status();
  const auto number = base::ParseInteger(*port);
  if (!number || *number < 1 || *number > 65535) {
    return absl::FailedPreconditionError(std::string(kPort) + " is " +
                                         base::QuoteForMessage(*port) + ", accepted: 1 to 65535");
  }
  auto authority = base::ReadFile(folder + "/ca.crt", kLargestCertificates);
  if (!authority.ok()) return authority.status();
  Credentials credentials;
  credentials.server = "https://" + HostForUrl(*host) + ":" + *port;
  credentials.certificate_authority = *std::move(authority);
  credentials.token_file = folder + "/token";
  // Read at each use; here only to tell at start that there is none.
  std::error_code error;
  if (!std::filesystem::is_regular_file(credentials.token_file, error)) {
    return absl::FailedPreconditionError("there is no " + credentials.token_file +
                                         ": give the pod a ServiceAccount token "
                                         "(automountServiceAccountToken)");
  }
  return credentials;
}

}  // namespace kgs::kube
