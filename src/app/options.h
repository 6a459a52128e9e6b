// SPDX-License-Identifier: Apache-2.0
//
// Everything that can be set from outside, with its default in place. Each flag is also an
// environment variable: --metrics-port is KGS_METRICS_PORT. Which role knows which flag: flags.cc.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "endpoint/ip_address.h"
#include "model/metric_id.h"
#include "tls/certificates.h"
#include "trigger/trigger.h"

namespace kgs::app {

/// A port to listen on: nothing where it is disabled, 0 for any free one.
using Port = std::optional<int>;

/// What this process is.
enum class Role {
  /// Agent and hub of one node in one process.
  kStandalone,
  kAgent,
  kHub,
};
inline constexpr Role kRoles[] = {Role::kStandalone, Role::kAgent, Role::kHub};
/// "agent".
const char* RoleName(Role role);

struct Options {
  Role role = Role::kStandalone;
  int port = 6000;
  int agent_port = 6001;
  Port metrics_port = 9090;
  Port probe_port = 8081;
  Port debug_port = 8082;
  /// Empty for all addresses, IPv4 and IPv6.
  std::string bind_address;
  std::string debug_address = "127.0.0.1";
  /// Empty for the pod's ServiceAccount where there is one, kNoKubernetes for none.
  std::string kubeconfig;
  std::vector<std::string> service_names = {"keda-gpu-scaler"};
  /// Empty for all.
  std::vector<std::string> namespaces;
  /// HOST:PORT.
  std::string hub;
  std::string node_name;
  std::string pod_resources_socket = "/var/lib/kubelet/pod-resources/kubelet.sock";
  bool insecure_agents = false;
  /// Of KEDA's port. Empty: plaintext.
  tls::CertificatePaths tls;
  /// Of the agents' port; empty: those of KEDA's. Without authorities: agents prove who they are by
  /// their tokens.
  tls::CertificatePaths agent_tls;
  /// NAMESPACE/NAME.
  std::string agent_service_account;
  std::string hub_ca;
  std::string hub_token = "/var/run/secrets/keda-gpu-scaler/token";
  /// Empty: the host of hub.
  std::string hub_server_name;
  /// Engines and endpoints may be asked there whatever else would refuse it.
  std::vector<endpoint::Cidr> engine_endpoint_allow;
  /// A file; empty for none.
  std::string named_endpoints;
  std::string gpu_backend = "auto";
  std::string nvml_library;
  std::string rocm_library;
  std::string simulated_gpus;
  bool per_process = false;
  std::string proc_root = "/proc";
  base::Duration sampling_interval = std::chrono::milliseconds(500);
  /// Whether or not a trigger asks.
  model::MetricSet always_read;
  base::Duration health_check_interval = std::chrono::seconds(30);
  base::Duration hang_limit = std::chrono::minutes(5);
  /// Zero: never exit.
  base::Duration driver_mismatch_grace = std::chrono::minutes(1);
  base::Duration driver_release_time = std::chrono::minutes(1);
  base::Duration stream_max_age = std::chrono::minutes(5);
  /// Zero: connections may live for ever.
  base::Duration max_connection_age = std::chrono::minutes(10);
  size_t max_request_bytes = size_t{256} << 10;
  size_t max_metadata_keys = 128;
  size_t max_metadata_value_bytes = 16384;
  size_t max_streams = 20000;
  size_t max_streams_per_peer = 10000;
  size_t max_objects = 20000;
  size_t max_agents = 20000;
  size_t max_report_bytes = size_t{4} << 20;
  size_t max_report_rate = 20;
  size_t decision_history = 20;
  trigger::UnknownKeys unknown_metadata = trigger::UnknownKeys::kRefuse;
  base::LogLevel log_level = base::LogLevel::kInfo;
  base::LogFormat log_format = base::LogFormat::kJson;
};

/// --kubeconfig none.
inline constexpr std::string_view kNoKubernetes = "none";

/// A flag as documents list it.
struct FlagInfo {
  std::string name;
  std::string environment;
  std::vector<Role> roles;
  /// "all", or "agent, hub".
  std::string roles_text;
  std::string default_text;
  std::string help;
};
std::vector<FlagInfo> Flags();

struct ParsedOptions {
  Options options;
  /// Set where the process should print this and end: help or version (status 0), or every wrong
  /// flag at once, a line each (status 2).
  std::string message;
  std::optional<int> exit_status;
};

/// \p argv without the word that names the role. \p environment looks up a variable: nullptr where
/// it is not set. A flag wins over its variable.
ParsedOptions ParseOptions(Role role, int argc, const char* const* argv,
                           const std::function<const char*(const char*)>& environment);

}  // namespace kgs::app
