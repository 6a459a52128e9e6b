// SPDX-License-Identifier: Apache-2.0
#include "bench/fleet_setup.h"

#include <absl/status/status.h>
#include <httplib.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "base/strings.h"

namespace kgs::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kHubPatience = seconds(60);
constexpr auto kControlPatience = seconds(90);
constexpr char kTracked[] = "keda_gpu_scaler_tracked_objects{kind=\"ScaledObject\"}";
constexpr char kSelectedPods[] = "keda_gpu_scaler_workload_pods{";
constexpr char kKnownPods[] = "keda_gpu_scaler_workload_pods{devices=\"known\"}";
constexpr char kReceived[] = "keda_gpu_scaler_reports_received_total";

httplib::Client ClientOf(int port) {
  httplib::Client client("127.0.0.1", port);
  client.set_read_timeout(kControlPatience);
  return client;
}

}  // namespace

FleetSetup::FleetSetup(const FleetPrograms& programs, int nodes)
    : programs_(programs), fleet_(nodes), api_server_(SimulatedFleet(nodes)) {}

absl::StatusOr<std::unique_ptr<FleetSetup>> FleetSetup::Start(const FleetPrograms& programs,
                                                              int nodes) {
  std::unique_ptr<FleetSetup> setup(new FleetSetup(programs, nodes));
  if (absl::Status status = setup->StartServers(); !status.ok()) return status;
  absl::Status status = setup->WaitForHub(kTracked, kWorkloads);
  if (status.ok()) status = setup->WaitForHub(kSelectedPods, kPods);
  if (!status.ok()) return status;
  return setup;
}

absl::Status FleetSetup::StartServers() {
  if (absl::Status status = api_server_.Start(); !status.ok()) return status;
  const std::string kubeconfig = programs_.out + ".kubeconfig";
  std::ofstream file(kubeconfig);
  file << api_server_.Kubeconfig();
  file.close();
  if (!file) return absl::UnavailableError("cannot write " + kubeconfig);
  auto hub =
      ServerProcess::Start({programs_.scaler, "hub", "--port", "auto", "--agent-port", "auto",
                            "--metrics-port", "auto", "--probe-port", "auto", "--debug-port", "0",
                            "--kubeconfig", kubeconfig, "--insecure-agents=true"},
                           {}, programs_.out + ".hub.log");
  if (!hub.ok()) return hub.status();
  hub_ = *std::move(hub);
  auto bare = ServerProcess::Start({programs_.bare_server}, {}, programs_.out + ".bare.log");
  if (!bare.ok()) return bare.status();
  bare_ = *std::move(bare);
  return absl::OkStatus();
}

absl::Status FleetSetup::Connect() {
  // Second 0 is over before any of its reports could be due.
  start_ = std::chrono::steady_clock::now();
  const auto start_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(start_.time_since_epoch()).count();
  auto agents =
      ServerProcess::Start({programs_.agents, "--nodes", std::to_string(fleet_.nodes()),
                            "--hub-port", std::to_string(hub_->port("agent_port")), "--bare-port",
                            std::to_string(bare_->port()), "--start-ns", std::to_string(start_ns)},
                           {}, programs_.out + ".agents.log");
  if (!agents.ok()) return agents.status();
  agents_ = *std::move(agents);
  for (const std::string server : {kBare, kHub}) {
    absl::Status status = Tell("/connect?server=" + server);
    if (status.ok()) status = ReportTo(server);
    if (!status.ok()) return status;
    std::this_thread::sleep_for(seconds(2));
  }
  return WaitForHub(kKnownPods, kPods);
}

absl::Status FleetSetup::Tell(const std::string& path_and_query) const {
  const auto response = ClientOf(agents_->port()).Post(path_and_query.c_str());
  if (response && response->status == 200) return absl::OkStatus();
  return absl::UnavailableError("the agents failed at " + path_and_query + ", see " +
                                programs_.out + ".agents.log");
}

absl::Status FleetSetup::ReportTo(const std::string& server) {
  return Tell("/report?server=" + server);
}

absl::StatusOr<SentReports> FleetSetup::Sent(const std::string& server) const {
  const auto response = ClientOf(agents_->port()).Get("/status");
  if (!response) return absl::UnavailableError("the agents do not answer");
  const auto status = nlohmann::json::parse(response->body, nullptr, /*allow_exceptions=*/false);
  if (!status.is_object()) return absl::UnavailableError("the agents answer in no JSON");
  for (const auto& [name, streams] : status.items()) {
    if (streams["failed"] == 0) continue;
    return absl::UnavailableError("streams of agents to " + name + " have ended, see " +
                                  programs_.out + ".agents.log");
  }
  const auto& streams = status[server];
  return SentReports{streams["sent"], streams["skipped"], streams["bytes"]};
}

absl::StatusOr<double> FleetSetup::HubMetric(const std::string& series) const {
  const auto response = ClientOf(hub_->port("metrics_port")).Get("/metrics");
  if (!response || response->status != 200) {
    return absl::UnavailableError("the hub's /metrics does not answer");
  }
  std::istringstream lines(response->body);
  double sum = 0;
  for (std::string line; std::getline(lines, line);) {
    const size_t blank = line.rfind(' ');
    if (!line.starts_with(series) || blank == std::string::npos) continue;
    sum += base::ParseDouble(std::string_view(line).substr(blank + 1)).value_or(0);
  }
  return sum;
}

absl::StatusOr<double> FleetSetup::HubReports() const { return HubMetric(kReceived); }

absl::Status FleetSetup::WaitForHub(const std::string& series, double value) const {
  const base::SteadyTime end = std::chrono::steady_clock::now() + kHubPatience;
  double last = 0;
  while (std::chrono::steady_clock::now() < end) {
    const auto metric = HubMetric(series);
    if (!metric.ok()) return metric.status();
    if (*metric == value) return absl::OkStatus();
    last = *metric;
    std::this_thread::sleep_for(milliseconds(200));
  }
  return absl::UnavailableError("the hub has " + base::FormatNumber(last) + " of " +
                                base::FormatNumber(value) + " " + series + ", see " +
                                programs_.out + ".hub.log");
}

}  // namespace kgs::bench
