// SPDX-License-Identifier: Apache-2.0
//
// The agents of a simulated fleet, all in this one process, each with a TCP connection of its own
// to either of two servers. fleet_bench says over HTTP on loopback which of them gets the reports:
//   POST /connect?server=hub|bare   answers when every agent has its stream
//   POST /report?server=hub|bare|none
//   GET  /status                    JSON: of each server sent, skipped, bytes, failed
// Reports that are due while none is chosen, or that the machine is too slow for, are left out:
// nothing queues. Ends with the process that started it.
#include <httplib.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdlib>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/log.h"
#include "bench/simulated_agent.h"
#include "bench/simulated_fleet.h"

namespace kgs::bench {
namespace {

using base::SteadyTime;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// So many are connecting at a time: the servers' queue for new connections is finite.
constexpr int kConnectingAtOnce = 64;
constexpr auto kConnectPatience = seconds(60);
constexpr auto kTick = milliseconds(1);

/// All agents' streams to one server.
struct Streams {
  StreamCounts counts;
  std::vector<std::unique_ptr<SimulatedAgent>> agents;
};

class Agents {
 public:
  Agents(int nodes, SteadyTime start, int hub_port, int bare_port)
      : fleet_(nodes), start_(start), ports_{{"hub", hub_port}, {"bare", bare_port}} {
    for (const auto& [name, port] : ports_) streams_[name] = std::make_unique<Streams>();
  }

  bool Knows(const std::string& server) const { return ports_.count(server) > 0; }

  /// Once for each server. False where not every agent came through.
  bool Connect(const std::string& server) {
    Streams& streams = *streams_.at(server);
    const SteadyTime end = std::chrono::steady_clock::now() + kConnectPatience;
    const auto wait_for = [&](int connected) {
      while (streams.counts.connected < connected && streams.counts.failed == 0 &&
             std::chrono::steady_clock::now() < end) {
        std::this_thread::sleep_for(kTick);
      }
    };
    for (int node = 0; node < fleet_.nodes(); ++node) {
      streams.agents.push_back(std::make_unique<SimulatedAgent>(fleet_, node, start_,
                                                                ports_.at(server), streams.counts));
      streams.agents.back()->Connect();
      wait_for(node + 1 - kConnectingAtOnce);
    }
    wait_for(fleet_.nodes());
    return streams.counts.connected == fleet_.nodes();
  }

  /// Null for none. A server's agents must be connected.
  void ReportTo(const std::string& server) {
    target_ = Knows(server) ? streams_.at(server).get() : nullptr;
  }

  std::string Status() const {
    nlohmann::json status;
    for (const auto& [name, streams] : streams_) {
      const StreamCounts& counts = streams->counts;
      status[name] = {{"sent", counts.sent.load()},
                      {"skipped", counts.skipped.load()},
                      {"bytes", counts.bytes.load()},
                      {"failed", counts.failed.load()}};
    }
    return status.dump();
  }

  /// Sends every report when it is due, for ever.
  [[noreturn]] void Run() {
    int64_t next = 0;
    for (SteadyTime tick = start_;; tick += kTick) {
      std::this_thread::sleep_until(tick);
      const base::Duration since_start = std::chrono::steady_clock::now() - start_;
      Streams* const target = target_;
      // The node's place in its second, and the second.
      for (; DueAt(next) <= since_start; ++next) {
        const bool replaced = DueAt(next + fleet_.nodes()) <= since_start;
        if (target == nullptr || replaced) continue;
        const auto node = static_cast<size_t>(next % fleet_.nodes());
        target->agents[node]->Send(next / fleet_.nodes());
      }
    }
  }

 private:
  base::Duration DueAt(int64_t report) const {
    return fleet_.DueAt(static_cast<int>(report % fleet_.nodes()), report / fleet_.nodes());
  }

  const SimulatedFleet fleet_;
  const SteadyTime start_;
  const std::map<std::string, int> ports_;
  std::map<std::string, std::unique_ptr<Streams>> streams_;
  std::atomic<Streams*> target_{nullptr};
};

void SetUpControl(Agents& agents, httplib::Server& server) {
  server.Post("/connect", [&agents](const httplib::Request& request, httplib::Response& response) {
    const std::string name = request.get_param_value("server");
    response.status = agents.Knows(name) && agents.Connect(name) ? 200 : 500;
  });
  server.Post("/report", [&agents](const httplib::Request& request, httplib::Response&) {
    agents.ReportTo(request.get_param_value("server"));
  });
  server.Get("/status", [&agents](const httplib::Request&, httplib::Response& response) {
    response.set_content(agents.Status(), "application/json");
  });
}

int Run(int nodes, int hub_port, int bare_port, int64_t start_ns) {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGTERM, [](int) { std::_Exit(0); });
  base::ConfigureLog(base::LogLevel::kInfo, base::LogFormat::kJson);
  Agents agents(nodes, SteadyTime(std::chrono::nanoseconds(start_ns)), hub_port, bare_port);
  httplib::Server control;
  control.new_task_queue = [] { return new httplib::ThreadPool(2); };
  SetUpControl(agents, control);
  const int port = control.bind_to_any_port("127.0.0.1");
  if (port <= 0) {
    base::LogError("cannot listen on any port");
    return 1;
  }
  std::thread control_thread([&control] { control.listen_after_bind(); });
  base::LogInfo("serving", {{"port", std::to_string(port)}});
  agents.Run();
}

}  // namespace
}  // namespace kgs::bench

int main(int argc, char** argv) {
  int nodes = 0;
  int hub_port = 0;
  int bare_port = 0;
  int64_t start_ns = 0;
  CLI::App cli("Simulates the agents of a fleet.", "fleet_agents");
  cli.add_option("--nodes", nodes)->required()->check(CLI::Range(1, 4000));
  cli.add_option("--hub-port", hub_port)->required();
  cli.add_option("--bare-port", bare_port)->required();
  cli.add_option("--start-ns", start_ns, "When second 0 began, on the monotonic clock")->required();
  CLI11_PARSE(cli, argc, argv);
  return kgs::bench::Run(nodes, hub_port, bare_port, start_ns);
}
