// SPDX-License-Identifier: Apache-2.0
#include "app/flags.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "catalogue/metrics.h"
#include "endpoint/address_guard.h"
#include "endpoint/ip_address.h"
#include "gpu/backends.h"

namespace kgs::app {
namespace {

using base::Duration;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

std::optional<int> ParsePortNumber(const std::string& text) {
  if (text == "auto") return 0;
  const auto number = base::ParseInteger(text);
  if (!number || *number < 0 || *number > 65535) return std::nullopt;
  return static_cast<int>(*number);
}

FlagReader ReadServicePort(int Options::* member) {
  return [member](const std::string& text, Options& options) -> std::optional<std::string> {
    const auto port = ParsePortNumber(text);
    if (!port) return "a port from 1 to 65535, or 0 or auto for any free one";
    options.*member = *port;
    return std::nullopt;
  };
}

FlagReader ReadOptionalPort(Port Options::* member) {
  return [member](const std::string& text, Options& options) -> std::optional<std::string> {
    const auto port = ParsePortNumber(text);
    if (!port) return "a port from 1 to 65535, 0 to disable, or auto for any free one";
    const bool disabled = *port == 0 && text != "auto";
    options.*member = disabled ? std::nullopt : port;
    return std::nullopt;
  };
}

FlagReader ReadText(std::string Options::* member) {
  return [member](const std::string& text, Options& options) -> std::optional<std::string> {
    options.*member = text;
    return std::nullopt;
  };
}

/// Where pages listen that are not for everybody: no address would mean all of them.
FlagReader ReadDebugAddress() {
  return [](const std::string& text, Options& options) -> std::optional<std::string> {
    if (!endpoint::IpAddress::Parse(text))
      return "an IP address, such as 127.0.0.1 or, for all, ::";
    options.debug_address = text;
    return std::nullopt;
  };
}

/// A path, of which there may be none.
FlagReader ReadPath(tls::CertificatePaths Options::* member,
                    std::string tls::CertificatePaths::* path) {
  return [=](const std::string& text, Options& options) -> std::optional<std::string> {
    options.*member.*path = text;
    return std::nullopt;
  };
}

FlagReader ReadCount(size_t Options::* member, size_t least, size_t most) {
  return [=](const std::string& text, Options& options) -> std::optional<std::string> {
    const auto number = base::ParseInteger(text);
    if (!number || *number < static_cast<long long>(least) ||
        *number > static_cast<long long>(most)) {
      return "a number from " + std::to_string(least) + " to " + std::to_string(most);
    }
    options.*member = static_cast<size_t>(*number);
    return std::nullopt;
  };
}

/// NAMESPACE/NAME; or nothing.
FlagReader ReadServiceAccount(std::string Options::* member) {
  return [member](const std::string& text, Options& options) -> std::optional<std::string> {
    const size_t slash = text.find('/');
    const bool fits = slash != std::string::npos && slash > 0 && slash + 1 < text.size() &&
                      text.find_first_of("/: ", slash + 1) == std::string::npos;
    if (!text.empty() && !fits) return "NAMESPACE/NAME, such as keda/keda-gpu-scaler-agent";
    options.*member = text;
    return std::nullopt;
  };
}

FlagReader ReadDuration(Duration Options::* member, Duration least, Duration most) {
  return [=](const std::string& text, Options& options) -> std::optional<std::string> {
    const auto duration = base::ParseDuration(text);
    if (!duration || *duration < least || *duration > most) {
      return "a duration from " + base::FormatDuration(least) + " to " +
             base::FormatDuration(most) + " such as 500ms, 30s or 1m30s";
    }
    options.*member = *duration;
    return std::nullopt;
  };
}

template <typename T>
FlagReader ReadChoice(T Options::* member, std::vector<std::pair<std::string, T>> choices) {
  return [member, choices = std::move(choices)](const std::string& text,
                                                Options& options) -> std::optional<std::string> {
    std::string names;
    for (const auto& [name, value] : choices) {
      if (name == text) {
        options.*member = value;
        return std::nullopt;
      }
      names += (names.empty() ? "" : "|") + name;
    }
    return names;
  };
}

FlagReader ReadBackend() {
  std::vector<std::pair<std::string, std::string>> choices;
  for (const std::string& name : gpu::BackendNames()) choices.emplace_back(name, name);
  return ReadChoice(&Options::gpu_backend, std::move(choices));
}

FlagReader ReadSwitch(bool Options::* member) {
  return ReadChoice(member, {{"true", true}, {"false", false}});
}

/// What stands between commas; nothing of an empty text.
std::vector<std::string> SplitList(const std::string& text) {
  std::vector<std::string> words;
  size_t begin = 0;
  while (!text.empty() && begin <= text.size()) {
    const size_t comma = std::min(text.find(',', begin), text.size());
    words.push_back(text.substr(begin, comma - begin));
    begin = comma + 1;
  }
  return words;
}

/// Words separated by commas; \p least of them, none empty.
FlagReader ReadList(std::vector<std::string> Options::* member, size_t least) {
  return [=](const std::string& text, Options& options) -> std::optional<std::string> {
    std::vector<std::string> words = SplitList(text);
    const bool fits =
        words.size() >= least && std::none_of(words.begin(), words.end(), [](const auto& word) {
          return word.empty() || word.find(' ') != std::string::npos;
        });
    if (!fits) return "names separated by commas, without spaces";
    options.*member = std::move(words);
    return std::nullopt;
  };
}

FlagReader ReadBlocks(std::vector<endpoint::Cidr> Options::* member) {
  return [member](const std::string& text, Options& options) -> std::optional<std::string> {
    auto blocks = endpoint::ParseAllowed(SplitList(text));
    if (!blocks.ok()) {
      return "addresses or blocks of them separated by commas, such as 127.0.0.0/8,fd00::/8 (" +
             std::string(blocks.status().message()) + ")";
    }
    options.*member = *std::move(blocks);
    return std::nullopt;
  };
}

/// Names of metrics, separated by commas.
FlagReader ReadMetrics(model::MetricSet Options::* member) {
  return [member](const std::string& text, Options& options) -> std::optional<std::string> {
    std::vector<std::string_view> known;
    for (const catalogue::Metric& metric : catalogue::Metrics()) known.push_back(metric.name);
    model::MetricSet metrics;
    for (const std::string& name : SplitList(text)) {
      const auto found = std::ranges::find(catalogue::Metrics(), name, &catalogue::Metric::name);
      if (found == catalogue::Metrics().end()) {
        const std::string nearest = base::NearestWord(name, known);
        return "names of GPU metrics separated by commas, without spaces (" +
               base::QuoteForMessage(name) + " is none" +
               (nearest.empty() ? "" : "; did you mean " + nearest + "?") + ")";
      }
      metrics.set(model::Index(found->id));
    }
    options.*member = metrics;
    return std::nullopt;
  };
}

FlagReader ReadHostPort(std::string Options::* member) {
  return [member](const std::string& text, Options& options) -> std::optional<std::string> {
    const size_t colon = text.rfind(':');
    const auto port =
        colon == std::string::npos ? std::nullopt : base::ParseInteger(text.substr(colon + 1));
    if (!port || *port < 1 || *port > 65535 || colon == 0 || text.find('/') != std::string::npos) {
      return "HOST:PORT, such as keda-gpu-scaler-agents.keda.svc:6001";
    }
    options.*member = text;
    return std::nullopt;
  };
}

const std::vector<Role> kAll = {Role::kStandalone, Role::kAgent, Role::kHub};
const std::vector<Role> kNodes = {Role::kStandalone, Role::kAgent};
const std::vector<Role> kAnswering = {Role::kStandalone, Role::kHub};
const std::vector<Role> kFleet = {Role::kAgent, Role::kHub};

}  // namespace

const std::vector<FlagRow>& FlagRows() {
  static const std::vector<FlagRow> rows = {
      {"port", kAnswering, "6000", "KEDA's port: the external scaler, its health and reflection",
       ReadServicePort(&Options::port)},
      {"agent-port",
       {Role::kHub},
       "6001",
       "The agents' port",
       ReadServicePort(&Options::agent_port)},
      {"metrics-port", kAll, "9090", "Prometheus /metrics; 0 disables",
       ReadOptionalPort(&Options::metrics_port)},
      {"probe-port", kAll, "8081", "/healthz and /readyz; 0 disables",
       ReadOptionalPort(&Options::probe_port)},
      {"debug-port", kAnswering, "8082",
       "What is known of nodes and workloads, as JSON; 0 disables, also the debug calls on KEDA's "
       "port",
       ReadOptionalPort(&Options::debug_port)},
      {"debug-address", kAnswering, "127.0.0.1", "IP address that the debug port listens on",
       ReadDebugAddress()},
      {"bind-address", kAll, "", "IP address to listen on; empty for all, IPv4 and IPv6",
       ReadText(&Options::bind_address)},
      {"kubeconfig", kAnswering, "",
       "How to reach the API server; empty for the pod's ServiceAccount where there is one, none "
       "for "
       "no Kubernetes",
       ReadText(&Options::kubeconfig)},
      {"service-names", kAnswering, "keda-gpu-scaler",
       "Triggers are ours whose scalerAddress has one of these hosts; a name without a dot also "
       "means its namespaced forms",
       ReadList(&Options::service_names, 1)},
      {"namespaces", kAnswering, "", "Watch ScaledObjects and ScaledJobs in these only",
       ReadList(&Options::namespaces, 0)},
      {"hub",
       {Role::kAgent},
       "",
       "HOST:PORT of the hubs; every address behind the name is one replica",
       ReadHostPort(&Options::hub)},
      {"node-name", kNodes, "", "The Kubernetes node's name; empty for $NODE_NAME",
       ReadText(&Options::node_name)},
      {"pod-resources-socket", kNodes, "/var/lib/kubelet/pod-resources/kubelet.sock",
       "The kubelet's PodResources socket", ReadText(&Options::pod_resources_socket)},
      {"engine-endpoint-allow", kAll, "",
       "IP addresses and blocks where engines and endpoints may be asked whatever else would "
       "refuse "
       "it: loopback, link-local and the like; of a hub also itself, the API server and other "
       "namespaces",
       ReadBlocks(&Options::engine_endpoint_allow)},
      {"named-endpoints", kAnswering, "",
       "YAML file of endpoints that triggers choose by name, with what is sent to each",
       ReadText(&Options::named_endpoints)},
      {"tls-cert", kAnswering, "", "PEM file of the certificate of KEDA's port; empty: plaintext",
       ReadPath(&Options::tls, &tls::CertificatePaths::certificate)},
      {"tls-key", kAnswering, "", "PEM file of its private key",
       ReadPath(&Options::tls, &tls::CertificatePaths::key)},
      {"tls-client-ca", kAnswering, "",
       "PEM file of the authorities of whose certificates KEDA must show one; empty: none needed",
       ReadPath(&Options::tls, &tls::CertificatePaths::authorities)},
      {"agent-tls-cert",
       {Role::kHub},
       "",
       "PEM file of the certificate of the agents' port; empty: that of KEDA's port",
       ReadPath(&Options::agent_tls, &tls::CertificatePaths::certificate)},
      {"agent-tls-key",
       {Role::kHub},
       "",
       "PEM file of its private key",
       ReadPath(&Options::agent_tls, &tls::CertificatePaths::key)},
      {"agent-service-account",
       {Role::kHub},
       "",
       "NAMESPACE/NAME of the agents' ServiceAccount, whose tokens of audience keda-gpu-scaler are "
       "accepted",
       ReadServiceAccount(&Options::agent_service_account)},
      {"hub-ca",
       {Role::kAgent},
       "",
       "PEM file of the authorities that a hub's certificate must be of",
       ReadText(&Options::hub_ca)},
      {"hub-server-name",
       {Role::kAgent},
       "",
       "Name that a hub's certificate must have; empty for the host of --hub",
       ReadText(&Options::hub_server_name)},
      {"hub-token",
       {Role::kAgent},
       "/var/run/secrets/keda-gpu-scaler/token",
       "File of the ServiceAccount token, of audience keda-gpu-scaler, that proves to hubs which "
       "node this is",
       ReadText(&Options::hub_token)},
      {"insecure-agents", kFleet, "false",
       "For development: agents and hubs talk in plaintext, and hubs believe whoever connects",
       ReadSwitch(&Options::insecure_agents), true},
      {"gpu-backend", kNodes, "auto",
       "How GPUs are read: auto (every real vendor; never simulates), nvml, rocm, simulated",
       ReadBackend()},
      {"nvml-library", kNodes, "", "Load this NVML library instead of libnvidia-ml.so.1",
       ReadText(&Options::nvml_library)},
      {"rocm-library", kNodes, "", "Load this ROCm SMI library instead of librocm_smi64",
       ReadText(&Options::rocm_library)},
      {"simulated-gpus", kNodes, "", "YAML file of the simulated backend's GPUs",
       ReadText(&Options::simulated_gpus)},
      {"per-process", kNodes, "false",
       "Split utilization and memory of a shared GPU to its pods by process; needs the node's PID "
       "namespace (hostPID)",
       ReadSwitch(&Options::per_process), true},
      {"proc-root", kNodes, "/proc", "Where --per-process finds the node's processes",
       ReadText(&Options::proc_root)},
      {"sampling-interval", kNodes, "500ms", "How often every GPU is read (100ms to 1m)",
       ReadDuration(&Options::sampling_interval, milliseconds(100), minutes(1))},
      {"always-read", kNodes, "",
       "GPU metrics, separated by commas, that are read whether or not a trigger asks for them; "
       "only what blocks for long (pcie_tx_kbps on some GPUs) waits to be asked for",
       ReadMetrics(&Options::always_read)},
      {"health-check-interval", kNodes, "30s",
       "Longest wait between attempts to open a missing driver or find a lost GPU again",
       ReadDuration(&Options::health_check_interval, seconds(1), hours(1))},
      {"device-hang-limit", kNodes, "5m",
       "A driver call that has not returned for so long makes /healthz fail",
       ReadDuration(&Options::hang_limit, seconds(10), hours(24))},
      {"driver-mismatch-grace", kNodes, "1m",
       "Exit with status 1 when the driver was replaced on the node for so long, since only a new "
       "process can load the new library; 0s never exits",
       ReadDuration(&Options::driver_mismatch_grace, seconds(0), hours(24))},
      {"driver-release-time", kNodes, "1m",
       "How long SIGUSR1 lets go of the GPU drivers (1s to 1h), for a reset, a MIG change or an "
       "upgrade; SIGUSR2 opens them again at once",
       ReadDuration(&Options::driver_release_time, seconds(1), hours(1))},
      {"stream-max-age", kAnswering, "5m",
       "A push stream ends with OK at this age; KEDA opens the next",
       ReadDuration(&Options::stream_max_age, seconds(10), hours(24))},
      {"max-connection-age", kAnswering, "10m",
       "A connection to KEDA's port gets no new calls at this age, so that KEDA looks for new "
       "replicas; 0s never",
       ReadDuration(&Options::max_connection_age, seconds(0), hours(24))},
      {"max-request-bytes", kAnswering, "262144", "Largest request of KEDA's port",
       ReadCount(&Options::max_request_bytes, 1024, size_t{64} << 20)},
      {"max-metadata-keys", kAnswering, "128", "Most keys of a trigger's metadata",
       ReadCount(&Options::max_metadata_keys, 1, 100'000)},
      {"max-metadata-value-bytes", kAnswering, "16384",
       "Longest key or value of a trigger's metadata",
       ReadCount(&Options::max_metadata_value_bytes, 64, size_t{16} << 20)},
      {"max-streams", kAnswering, "20000", "Most push streams; a push trigger takes two",
       ReadCount(&Options::max_streams, 2, 1'000'000)},
      {"max-streams-per-peer", kAnswering, "10000",
       "Of them from one address, of which KEDA is one",
       ReadCount(&Options::max_streams_per_peer, 2, 1'000'000)},
      {"max-objects", kAnswering, "20000", "Most ScaledObjects and ScaledJobs that are tracked",
       ReadCount(&Options::max_objects, 1, 1'000'000)},
      {"max-agents",
       {Role::kHub},
       "20000",
       "Most agents with an open stream",
       ReadCount(&Options::max_agents, 1, 1'000'000)},
      {"max-report-bytes",
       {Role::kHub},
       "4194304",
       "Largest report of an agent",
       ReadCount(&Options::max_report_bytes, 4096, size_t{256} << 20)},
      {"max-report-rate",
       {Role::kHub},
       "20",
       "Most reports a second of one agent, over ten seconds",
       ReadCount(&Options::max_report_rate, 1, 1000)},
      {"decision-history", kAnswering, "20",
       "Answers of each number of each trigger that are remembered, for /debug/decisions",
       ReadCount(&Options::decision_history, 1, 1000)},
      {"unknown-metadata", kAnswering, "refuse",
       "What to do with metadata keys of a newer version: refuse, or warn and go on",
       ReadChoice(&Options::unknown_metadata, {{"refuse", trigger::UnknownKeys::kRefuse},
                                               {"warn", trigger::UnknownKeys::kWarn}})},
      {"log-level", kAll, "info", "debug, info, warn or error",
       ReadChoice(&Options::log_level, {{"debug", base::LogLevel::kDebug},
                                        {"info", base::LogLevel::kInfo},
                                        {"warn", base::LogLevel::kWarn},
                                        {"error", base::LogLevel::kError}})},
      {"log-format", kAll, "json", "json or text",
       ReadChoice(&Options::log_format,
                  {{"json", base::LogFormat::kJson}, {"text", base::LogFormat::kText}})},
  };
  return rows;
}

}  // namespace kgs::app
