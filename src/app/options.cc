// SPDX-License-Identifier: Apache-2.0
#include "app/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <map>
#include <utility>

#include "app/flags.h"
#include "base/build_info.h"
#include "base/strings.h"

namespace kgs::app {
namespace {

std::string EnvironmentName(std::string flag) {
  for (char& c : flag) {
    c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return "KGS_" + flag;
}

/// Two listeners on one port: said here rather than as a failed bind.
void CheckPorts(const Options& options, std::vector<std::string>& errors) {
  const bool answers = options.role != Role::kAgent;
  std::vector<std::pair<std::string, Port>> ports;
  if (answers) ports.emplace_back("--port", options.port);
  if (options.role == Role::kHub) ports.emplace_back("--agent-port", options.agent_port);
  ports.emplace_back("--metrics-port", options.metrics_port);
  ports.emplace_back("--probe-port", options.probe_port);
  if (answers) ports.emplace_back("--debug-port", options.debug_port);
  for (size_t i = 0; i < ports.size(); ++i) {
    for (size_t j = i + 1; j < ports.size(); ++j) {
      if (ports[i].second.value_or(0) == 0 || ports[i].second != ports[j].second) continue;
      errors.push_back(ports[j].first + " " + std::to_string(*ports[j].second) +
                       ": already taken by " + ports[i].first);
    }
  }
}

bool Knows(const FlagRow& row, Role role) {
  return std::find(row.roles.begin(), row.roles.end(), role) != row.roles.end();
}

std::string RolesText(const FlagRow& row) {
  if (row.roles.size() == std::size(kRoles)) return "all";
  std::string text;
  for (const Role role : row.roles)
    text += (text.empty() ? "" : ", ") + std::string(RoleName(role));
  return text;
}

std::string UnknownArgument(Role role, const std::string& argument) {
  if (!argument.starts_with("--")) {
    return base::QuoteForMessage(argument) + ": not a flag; see --help";
  }
  const std::string name = argument.substr(2, argument.find('=') - 2);
  std::vector<std::string_view> known = {"help", "version"};
  for (const FlagRow& row : FlagRows()) {
    if (Knows(row, role)) {
      known.emplace_back(row.name);
    } else if (row.name == name) {
      return "--" + name + ": not a flag of this role (" + RoleName(role) + ") but of " +
             RolesText(row);
    }
  }
  const std::string nearest = base::NearestWord(name, known);
  const std::string hint = nearest.empty() ? "see --help" : "did you mean --" + nearest + "?";
  return base::QuoteForMessage("--" + name) + ": no such flag; " + hint;
}

/// Flags that mean nothing without each other.
void CheckTls(const Options& options, std::vector<std::string>& errors) {
  const auto pair = [&](const tls::CertificatePaths& paths, const std::string& flag) {
    if (paths.certificate.empty() != paths.key.empty()) {
      const bool key = paths.certificate.empty();
      errors.push_back("--" + flag + (key ? "-cert" : "-key") + ": must be given with --" + flag +
                       (key ? "-key" : "-cert"));
    }
  };
  pair(options.tls, "tls");
  pair(options.agent_tls, "agent-tls");
  if (!options.tls.authorities.empty() && options.tls.certificate.empty()) {
    errors.push_back("--tls-cert: must be given with --tls-client-ca");
  }
}

/// How agents and hubs know each other.
void CheckAgents(const Options& options, std::vector<std::string>& errors) {
  const auto alone = [&](const std::string& value, const char* flag) {
    if (!value.empty()) {
      errors.push_back(std::string(flag) + ": has no meaning with --insecure-agents");
    }
  };
  const auto needed = [&](const std::string& value, const std::string& flag) {
    if (value.empty()) {
      errors.push_back(flag + ": must be given, or, for development, --insecure-agents");
    }
  };
  if (options.insecure_agents) {
    alone(options.hub_ca, "--hub-ca");
    alone(options.agent_tls.certificate, "--agent-tls-cert");
    alone(options.agent_service_account, "--agent-service-account");
  } else if (options.role == Role::kAgent) {
    needed(options.hub_ca, "--hub-ca");
    needed(options.hub_token, "--hub-token");
  } else if (options.role == Role::kHub) {
    needed(options.agent_service_account, "--agent-service-account");
    needed(options.tls.certificate + options.agent_tls.certificate,
           "--agent-tls-cert or --tls-cert");
    if (options.kubeconfig == kNoKubernetes) {
      errors.push_back(
          "--kubeconfig none: hubs ask Kubernetes whose token an agent has; without it "
          "--insecure-agents must be given");
    }
  }
}

/// What a role cannot do without.
void CheckRole(const Options& options, std::vector<std::string>& errors) {
  const bool hub_told = std::any_of(errors.begin(), errors.end(), [](const std::string& error) {
    return error.starts_with("--hub ") || error.starts_with("KGS_HUB ");
  });
  if (options.role == Role::kAgent && options.hub.empty() && !hub_told) {
    errors.push_back("--hub: must be given, as HOST:PORT");
  }
  if (options.role == Role::kAgent && options.node_name.empty()) {
    errors.push_back("--node-name: must be given, or NODE_NAME be set (spec.nodeName)");
  }
  CheckTls(options, errors);
  CheckAgents(options, errors);
}

ParsedOptions Refused(const std::vector<std::string>& errors) {
  ParsedOptions parsed;
  for (const std::string& error : errors) parsed.message += "keda-gpu-scaler: " + error + "\n";
  parsed.exit_status = 2;
  return parsed;
}

}  // namespace

const char* RoleName(Role role) {
  switch (role) {
    case Role::kStandalone:
      return "standalone";
    case Role::kAgent:
      return "agent";
    case Role::kHub:
      return "hub";
  }
  return "";
}

std::vector<FlagInfo> Flags() {
  std::vector<FlagInfo> flags;
  for (const FlagRow& row : FlagRows()) {
    flags.push_back({"--" + std::string(row.name), EnvironmentName(row.name), row.roles,
                     RolesText(row), row.default_text, row.help});
  }
  return flags;
}

namespace {

const char* Description(Role role) {
  switch (role) {
    case Role::kStandalone:
      return "GPU scaling signals for KEDA: answers KEDA's external scaler protocol from the GPUs "
             "of this node.";
    case Role::kAgent:
      return "Reads this node's GPUs, maps them to pods and reports to every hub.";
    case Role::kHub:
      return "Answers KEDA's external scaler protocol from what the agents of all nodes report.";
  }
  return "";
}

/// Reads the row's text, from the flag or its variable, into the options.
void ReadRow(const FlagRow& row, const CLI::App& cli,
             const std::map<std::string, std::string>& given,
             const std::function<const char*(const char*)>& environment, Options& options,
             std::vector<std::string>& errors) {
  const std::string flag = "--" + std::string(row.name);
  std::string source = flag;
  std::string text = given.at(flag);
  if (cli.count(flag) == 0) {
    source = EnvironmentName(row.name);
    const char* value = environment(source.c_str());
    if (value == nullptr) return;
    text = value;
  }
  if (const auto accepted = row.read(text, options)) {
    errors.push_back(source + " " + base::QuoteForMessage(text) + ": must be " + *accepted);
  }
}

}  // namespace

ParsedOptions ParseOptions(Role role, int argc, const char* const* argv,
                           const std::function<const char*(const char*)>& environment) {
  const std::string command = std::string("keda-gpu-scaler") +
                              (role == Role::kStandalone ? "" : std::string(" ") + RoleName(role));
  CLI::App cli(Description(role), command);
  cli.footer(
      "Roles: keda-gpu-scaler (standalone), keda-gpu-scaler agent, keda-gpu-scaler hub.\n"
      "Other commands: keda-gpu-scaler ask [HOST:PORT] [KEY=VALUE ...], see ask --help;\n"
      "keda-gpu-scaler engine URL|FILE, see engine --help.");
  cli.allow_extras();
  cli.set_version_flag("--version", "keda-gpu-scaler " + std::string(base::Version()));
  std::map<std::string, std::string> given;
  for (const FlagRow& row : FlagRows()) {
    if (!Knows(row, role)) continue;
    const std::string flag = "--" + std::string(row.name);
    auto* option = cli.add_option(flag, given[flag],
                                  row.help + std::string(" [") + EnvironmentName(row.name) + "]")
                       ->default_str(row.default_text[0] == '\0' ? "\"\"" : row.default_text)
                       ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    // What stands without a value means true; what does not stand at all, the default.
    if (row.is_switch) {
      option->expected(0, 1)->default_str("true")->option_text(std::string("[true]=") +
                                                               row.default_text);
    }
  }
  try {
    cli.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return {{}, cli.help(), 0};
  } catch (const CLI::CallForVersion& version) {
    return {{}, std::string(version.what()) + "\n", 0};
  } catch (const CLI::ParseError& error) {
    return Refused(
        {"a flag is without its value; nearly every flag takes one, as --port 6000 or "
         "--port=6000, see --help (" +
         base::OneLine(error.what()) + ")"});
  }

  ParsedOptions parsed;
  parsed.options.role = role;
  std::vector<std::string> errors;
  for (const std::string& argument : cli.remaining()) {
    errors.push_back(UnknownArgument(role, argument));
  }
  for (const FlagRow& row : FlagRows()) {
    if (Knows(row, role)) ReadRow(row, cli, given, environment, parsed.options, errors);
  }
  if (parsed.options.node_name.empty()) {
    const char* node_name = environment("NODE_NAME");
    if (node_name != nullptr) parsed.options.node_name = node_name;
  }
  CheckPorts(parsed.options, errors);
  CheckRole(parsed.options, errors);
  return errors.empty() ? parsed : Refused(errors);
}

}  // namespace kgs::app
