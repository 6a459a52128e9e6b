// SPDX-License-Identifier: Apache-2.0
#include "app/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace kgs::app {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

ParsedOptions ParseAs(Role role, std::vector<const char*> arguments,
                      const std::map<std::string, std::string>& environment = {}) {
  arguments.insert(arguments.begin(), "keda-gpu-scaler");
  return ParseOptions(role, static_cast<int>(arguments.size()), arguments.data(),
                      [&](const char* name) -> const char* {
                        const auto found = environment.find(name);
                        return found == environment.end() ? nullptr : found->second.c_str();
                      });
}

ParsedOptions Parse(std::vector<const char*> arguments,
                    const std::map<std::string, std::string>& environment = {}) {
  return ParseAs(Role::kStandalone, std::move(arguments), environment);
}

/// The flags that a role knows.
std::vector<FlagInfo> FlagsOf(Role role) {
  std::vector<FlagInfo> flags = Flags();
  std::erase_if(flags, [&](const FlagInfo& flag) {
    return std::find(flag.roles.begin(), flag.roles.end(), role) == flag.roles.end();
  });
  return flags;
}

/// What the role cannot do without.
std::vector<const char*> Needed(Role role) {
  if (role == Role::kAgent) return {"--hub=hubs:6001", "--node-name=node-a", "--insecure-agents"};
  if (role == Role::kHub) return {"--insecure-agents"};
  return {};
}

std::string Refusal(const ParsedOptions& parsed) {
  EXPECT_EQ(parsed.exit_status, 2);
  return parsed.message;
}

TEST(Options, DefaultsAreThoseOfTheTable) {
  const ParsedOptions parsed = Parse({});
  EXPECT_EQ(parsed.exit_status, std::nullopt);
  // Giving each flag its default by hand changes nothing: the table and the struct agree.
  std::vector<std::string> given;
  for (const FlagInfo& flag : FlagsOf(Role::kStandalone)) {
    given.push_back(flag.name + "=" + flag.default_text);
  }
  std::vector<const char*> arguments;
  for (const std::string& argument : given) {
    if (argument.back() != '=') arguments.push_back(argument.c_str());
  }
  const ParsedOptions spelled = Parse(arguments);
  ASSERT_EQ(spelled.exit_status, std::nullopt) << spelled.message;
  const Options& a = parsed.options;
  const Options& b = spelled.options;
  EXPECT_EQ(std::tie(a.port, a.metrics_port, a.probe_port, a.gpu_backend, a.sampling_interval,
                     a.health_check_interval, a.hang_limit, a.driver_mismatch_grace,
                     a.stream_max_age, a.unknown_metadata, a.log_level, a.log_format, a.debug_port,
                     a.service_names, a.namespaces, a.pod_resources_socket),
            std::tie(b.port, b.metrics_port, b.probe_port, b.gpu_backend, b.sampling_interval,
                     b.health_check_interval, b.hang_limit, b.driver_mismatch_grace,
                     b.stream_max_age, b.unknown_metadata, b.log_level, b.log_format, b.debug_port,
                     b.service_names, b.namespaces, b.pod_resources_socket));
  EXPECT_EQ(a.port, 6000);
  EXPECT_EQ(a.metrics_port, 9090);
  EXPECT_EQ(a.probe_port, 8081);
  EXPECT_EQ(a.sampling_interval, 500ms);
  EXPECT_EQ(a.gpu_backend, "auto");
}

TEST(Options, EveryRoleIsToldWhereItMayAskAndWhoAnswersWhatIsNamed) {
  for (const Role role : kRoles) {
    std::vector<const char*> arguments = Needed(role);
    arguments.push_back("--engine-endpoint-allow=127.0.0.0/8,fd00::1");
    const ParsedOptions parsed = ParseAs(role, arguments);
    ASSERT_EQ(parsed.exit_status, std::nullopt) << parsed.message;
    ASSERT_EQ(parsed.options.engine_endpoint_allow.size(), 2u) << RoleName(role);
    EXPECT_EQ(parsed.options.engine_endpoint_allow[1].Text(), "fd00::1/128");
  }
  EXPECT_EQ(Parse({"--named-endpoints=a.yaml"}).options.named_endpoints, "a.yaml");
}

TEST(Options, ReadsFlags) {
  const Options options =
      Parse({"--port=7000", "--metrics-port", "0", "--probe-port=auto", "--gpu-backend=simulated",
             "--simulated-gpus=a.yaml", "--sampling-interval=1s", "--unknown-metadata=warn",
             "--log-level=debug", "--log-format=text"})
          .options;
  EXPECT_EQ(options.port, 7000);
  EXPECT_EQ(options.metrics_port, std::nullopt);
  EXPECT_EQ(options.probe_port, 0);
  EXPECT_EQ(options.gpu_backend, "simulated");
  EXPECT_EQ(options.simulated_gpus, "a.yaml");
  EXPECT_EQ(options.sampling_interval, 1s);
  EXPECT_EQ(options.unknown_metadata, trigger::UnknownKeys::kWarn);
  EXPECT_EQ(options.log_level, base::LogLevel::kDebug);
  EXPECT_EQ(options.log_format, base::LogFormat::kText);
}

TEST(Options, EveryFlagIsAnEnvironmentVariableAndTheFlagWins) {
  EXPECT_EQ(Parse({}, {{"KGS_PORT", "7000"}}).options.port, 7000);
  EXPECT_EQ(Parse({"--port", "7001"}, {{"KGS_PORT", "7000"}}).options.port, 7001);
  const std::set<std::string> any_text = {
      "--bind-address",    "--nvml-library",    "--rocm-library",
      "--simulated-gpus",  "--kubeconfig",      "--node-name",
      "--tls-cert",        "--tls-key",         "--tls-client-ca",
      "--agent-tls-cert",  "--agent-tls-key",   "--hub-ca",
      "--hub-token",       "--hub-server-name", "--pod-resources-socket",
      "--named-endpoints", "--proc-root"};
  for (const Role role : kRoles) {
    for (const FlagInfo& flag : FlagsOf(role)) {
      if (any_text.count(flag.name) == 1) continue;
      const std::string message = Refusal(ParseAs(role, {}, {{flag.environment, "none sense!,"}}));
      EXPECT_THAT(message, AllOf(HasSubstr(flag.environment), HasSubstr("\"none sense!,\"")));
    }
  }
}

TEST(Options, EveryErrorIsListedAtOnce) {
  const std::string message =
      Refusal(Parse({"--port=70000", "--sampling-interval=1ms", "--gpu-backend=cuda",
                     "--smapling-interval=1s", "stray"},
                    {{"KGS_LOG_LEVEL", "loud"}}));
  EXPECT_THAT(message,
              AllOf(HasSubstr("--port \"70000\": must be a port from 1 to 65535"),
                    HasSubstr("--sampling-interval \"1ms\": must be a duration from 100ms to 1m"),
                    HasSubstr("--gpu-backend \"cuda\": must be auto|nvml|rocm|simulated"),
                    HasSubstr("\"--smapling-interval\": no such flag; did you mean "
                              "--sampling-interval?"),
                    HasSubstr("\"stray\": not a flag"),
                    HasSubstr("KGS_LOG_LEVEL \"loud\": must be debug|info|warn|error")));
}

TEST(Options, MetricsToReadAreCheckedByName) {
  const ParsedOptions parsed = Parse({"--always-read=pcie_tx_kbps,pcie_rx_kbps"});
  ASSERT_EQ(parsed.exit_status, std::nullopt) << parsed.message;
  EXPECT_TRUE(parsed.options.always_read[model::Index(model::MetricId::kPcieTxKbps)]);
  EXPECT_TRUE(parsed.options.always_read[model::Index(model::MetricId::kPcieRxKbps)]);
  EXPECT_EQ(parsed.options.always_read.count(), 2u);
  EXPECT_TRUE(Parse({"--always-read="}).options.always_read.none());
  EXPECT_THAT(Refusal(Parse({"--always-read=pcie_tx_kbps,pcie_rx_kpbs"})),
              HasSubstr("(\"pcie_rx_kpbs\" is none; did you mean pcie_rx_kbps?)"));
  EXPECT_THAT(Refusal(Parse({"--always-read=vllm_demand"})), HasSubstr("\"vllm_demand\" is none"));
  EXPECT_EQ(Parse({"--always-read=pcie_tx_kbps,"}).exit_status, 2);
}

TEST(Options, BoundsAreChecked) {
  EXPECT_EQ(Parse({"--sampling-interval=100ms"}).exit_status, std::nullopt);
  EXPECT_EQ(Parse({"--sampling-interval=60s"}).exit_status, std::nullopt);
  EXPECT_EQ(Parse({"--sampling-interval=61s"}).exit_status, 2);
  EXPECT_EQ(Parse({"--sampling-interval=0"}).exit_status, 2);
  EXPECT_EQ(Parse({"--sampling-interval="}).exit_status, 2);
  EXPECT_EQ(Parse({"--port=-1"}).exit_status, 2);
  EXPECT_EQ(Parse({"--port=0x10"}).exit_status, 2);
}

TEST(Options, TwoListenersOnOnePortAreRefused) {
  EXPECT_EQ(Refusal(Parse({"--metrics-port=6000"})),
            "keda-gpu-scaler: --metrics-port 6000: already taken by --port\n");
  EXPECT_EQ(Parse({"--port=auto", "--metrics-port=auto", "--probe-port=auto"}).exit_status,
            std::nullopt);
  EXPECT_EQ(Parse({"--metrics-port=0", "--probe-port=0"}).exit_status, std::nullopt);
}

TEST(Options, ARoleKnowsItsOwnFlagsOnly) {
  for (const Role role : kRoles) {
    for (const FlagInfo& flag : Flags()) {
      std::vector<const char*> arguments = Needed(role);
      const std::string argument = flag.name + "=" + flag.default_text;
      const bool knows = std::find(flag.roles.begin(), flag.roles.end(), role) != flag.roles.end();
      if (!flag.default_text.empty() && flag.name != "--insecure-agents") {
        arguments.push_back(argument.c_str());
      } else if (!knows) {
        arguments.push_back(flag.name.c_str());
      }
      const ParsedOptions parsed = ParseAs(role, arguments);
      if (knows) {
        EXPECT_EQ(parsed.exit_status, std::nullopt) << parsed.message;
      } else {
        EXPECT_THAT(Refusal(parsed), AllOf(HasSubstr(flag.name + ": not a flag of this role"),
                                           HasSubstr(flag.roles_text)));
      }
    }
  }
}

TEST(Options, ARoleSaysWhatItCannotDoWithout) {
  EXPECT_THAT(Refusal(ParseAs(Role::kAgent, {})),
              AllOf(HasSubstr("--hub"), HasSubstr("--node-name"), HasSubstr("--insecure-agents")));
  EXPECT_THAT(Refusal(ParseAs(Role::kHub, {})), HasSubstr("--insecure-agents"));
  EXPECT_EQ(ParseAs(Role::kAgent, Needed(Role::kAgent)).exit_status, std::nullopt);
}

TEST(Options, TheNodesNameComesFromItsFlagElseFromNodeName) {
  const auto agent = [](std::vector<const char*> more) {
    more.insert(more.end(), {"--hub=h:1", "--insecure-agents"});
    return ParseAs(Role::kAgent, more, {{"NODE_NAME", "from-environment"}}).options.node_name;
  };
  EXPECT_EQ(agent({}), "from-environment");
  EXPECT_EQ(agent({"--node-name=given"}), "given");
}

TEST(Options, ListsAreSplitAtCommas) {
  const Options options = Parse({"--service-names=a,b.keda", "--namespaces=team-a,team-b"}).options;
  EXPECT_THAT(options.service_names, ::testing::ElementsAre("a", "b.keda"));
  EXPECT_THAT(options.namespaces, ::testing::ElementsAre("team-a", "team-b"));
  EXPECT_THAT(Parse({"--namespaces="}).options.namespaces, ::testing::IsEmpty());
  EXPECT_THAT(Refusal(Parse({"--service-names="})), HasSubstr("--service-names"));
  EXPECT_THAT(Refusal(Parse({"--service-names=a,,b"})), HasSubstr("\"a,,b\""));
}

TEST(Options, ASwitchNeedsNoValue) {
  EXPECT_TRUE(ParseAs(Role::kHub, {"--insecure-agents"}).options.insecure_agents);
  EXPECT_TRUE(ParseAs(Role::kHub, {"--insecure-agents=true"}).options.insecure_agents);
  EXPECT_TRUE(ParseAs(Role::kHub, {"--insecure-agents", "--port=1"}).options.insecure_agents);
  EXPECT_TRUE(ParseAs(Role::kHub, {}, {{"KGS_INSECURE_AGENTS", "true"}}).options.insecure_agents);
  EXPECT_EQ(ParseAs(Role::kHub, {"--insecure-agents=false"}).exit_status, 2);
}

TEST(Options, AWrongHubIsToldOnce) {
  const std::string refusal = Refusal(ParseAs(Role::kAgent, {"--hub=x", "--node-name=a"}));
  EXPECT_THAT(refusal, AllOf(HasSubstr("--hub \"x\""), ::testing::Not(HasSubstr("--hub: must"))));
}

TEST(Options, TheHelpNamesTheRoleAndTheDefaultOfASwitch) {
  EXPECT_THAT(ParseAs(Role::kAgent, {"--help"}).message,
              AllOf(HasSubstr("keda-gpu-scaler agent [OPTIONS]"),
                    HasSubstr("--insecure-agents [true]=false")));
}

TEST(Options, AgentsAndHubsKnowEachOtherUnlessToldOtherwise) {
  const std::vector<const char*> agent = {"--hub=hubs:6001", "--node-name=node-a",
                                          "--hub-ca=/ca.crt"};
  EXPECT_EQ(ParseAs(Role::kAgent, agent).exit_status, std::nullopt);
  EXPECT_THAT(Refusal(ParseAs(Role::kAgent, {"--hub=hubs:6001", "--node-name=node-a"})),
              HasSubstr("--hub-ca: must be given, or, for development, --insecure-agents"));
  const std::vector<const char*> hub = {"--tls-cert=/tls.crt", "--tls-key=/tls.key",
                                        "--agent-service-account=keda/agent"};
  EXPECT_EQ(ParseAs(Role::kHub, hub).exit_status, std::nullopt);
  EXPECT_THAT(Refusal(ParseAs(Role::kHub, {"--agent-service-account=keda/agent"})),
              HasSubstr("--agent-tls-cert or --tls-cert: must be given"));
  EXPECT_THAT(Refusal(ParseAs(Role::kHub, {"--tls-cert=/tls.crt", "--tls-key=/tls.key"})),
              HasSubstr("--agent-service-account: must be given"));
  std::vector<const char*> alone = hub;
  alone.push_back("--kubeconfig=none");
  EXPECT_THAT(Refusal(ParseAs(Role::kHub, alone)), HasSubstr("--kubeconfig none"));
  // What is meant to protect must not be switched off unseen.
  std::vector<const char*> both = hub;
  both.push_back("--insecure-agents");
  EXPECT_THAT(Refusal(ParseAs(Role::kHub, both)),
              HasSubstr("--agent-service-account: has no meaning with --insecure-agents"));
  both = agent;
  both.push_back("--insecure-agents");
  EXPECT_THAT(Refusal(ParseAs(Role::kAgent, both)),
              HasSubstr("--hub-ca: has no meaning with --insecure-agents"));
}

TEST(Options, ACertificateNeedsItsKey) {
  EXPECT_THAT(Refusal(Parse({"--tls-cert=/tls.crt"})),
              HasSubstr("--tls-key: must be given with --tls-cert"));
  EXPECT_THAT(Refusal(Parse({"--tls-key=/tls.key"})),
              HasSubstr("--tls-cert: must be given with --tls-key"));
  EXPECT_THAT(Refusal(Parse({"--tls-client-ca=/ca.crt"})),
              HasSubstr("--tls-cert: must be given with --tls-client-ca"));
  EXPECT_THAT(Refusal(ParseAs(Role::kHub, {"--agent-tls-cert=/tls.crt"})),
              HasSubstr("--agent-tls-key: must be given with --agent-tls-cert"));
}

// Nothing would mean all addresses: a chart's empty value must not open the debug pages.
TEST(Options, TheDebugPagesNeedAnAddress) {
  EXPECT_THAT(Refusal(Parse({"--debug-address", ""})),
              HasSubstr("--debug-address \"\": must be an IP address"));
  EXPECT_THAT(Refusal(Parse({}, {{"KGS_DEBUG_ADDRESS", ""}})),
              HasSubstr("KGS_DEBUG_ADDRESS \"\": must be an IP address"));
  EXPECT_EQ(Parse({"--debug-address", "::"}).options.debug_address, "::");
}

TEST(Options, AServiceAccountIsNamespaceAndName) {
  for (const char* wrong : {"agent", "/agent", "keda/", "keda/a/b", "keda:agent", "keda/a b"}) {
    const std::string flag = std::string("--agent-service-account=") + wrong;
    EXPECT_THAT(Refusal(ParseAs(Role::kHub, {flag.c_str()})), HasSubstr("must be NAMESPACE/NAME"))
        << wrong;
  }
}

TEST(Options, LimitsAreNumbersWithinReason) {
  EXPECT_EQ(Parse({"--max-objects=7"}).options.max_objects, 7u);
  for (const char* wrong : {"--max-objects=0", "--max-objects=x", "--max-objects=-1",
                            "--max-objects=1000001", "--max-objects=1e3"}) {
    EXPECT_THAT(Refusal(Parse({wrong})), HasSubstr("must be a number from 1 to 1000000")) << wrong;
  }
}

TEST(Options, AHubIsHostAndPort) {
  const auto refusal = [](const char* hub) {
    return Refusal(ParseAs(Role::kAgent, {hub, "--node-name=a", "--insecure-agents"}));
  };
  for (const char* hub : {"--hub=host", "--hub=:6001", "--hub=host:0", "--hub=host:70000",
                          "--hub=http://host:1", "--hub="}) {
    EXPECT_THAT(refusal(hub), HasSubstr("must be HOST:PORT")) << hub;
  }
}

TEST(Options, HelpAndVersionGoToTheirOwnExit) {
  for (const Role role : kRoles) {
    const ParsedOptions help = ParseAs(role, {"--help"});
    EXPECT_EQ(help.exit_status, 0);
    for (const FlagInfo& flag : FlagsOf(role)) {
      EXPECT_THAT(help.message, AllOf(HasSubstr(flag.name), HasSubstr(flag.environment)));
    }
  }
  const ParsedOptions version = Parse({"--version"});
  EXPECT_EQ(version.exit_status, 0);
  EXPECT_THAT(version.message, ::testing::MatchesRegex("keda-gpu-scaler [0-9.]+\n"));
}

}  // namespace
}  // namespace kgs::app
