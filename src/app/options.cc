// SPDX-License-Identifier: Apache-2.0
#include "app/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <map>
#include <memory>
#include <utility>

#include "base/build_info.h"
#include "base/strings.h"
#include "gpu/backends.h"

namespace kgs::app {
namespace {

using base::Duration;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// Takes a flag's text into the options; says what is accepted where it is not.
using Reader = std::function<std::optional<std::string>(const std::string&, Options&)>;

struct FlagRow {
  const char* name;
  const char* default_text;
  const char* help;
  Reader read;
};

std::optional<int> ParsePortNumber(const std::string& text) {
  if (text == "auto") return 0;
  const auto number = base::ParseInteger(text);
  if (!number || *number < 0 || *number > 65535) return std::nullopt;
  return static_cast<int>(*number);
}

Reader ReadServicePort(int Options::* member) {
  return [member](const std::string& text, Options& options) -> std::optional<std::string> {
    const auto port = ParsePortNumber(text);
    if (!port) return "a port from 1 to 65535, or 0 or auto for any free one";
    options.*member = *port;
    return std::nullopt;
  };
}

Reader ReadOptionalPort(Port Options::* member) {
  return [member](const std::string& text, Options& options) -> std::optional<std::string> {
    const auto port = ParsePortNumber(text);
    if (!port) return "a port from 1 to 65535, 0 to disable, or auto for any free one";
    const bool disabled = *port == 0 && text != "auto";
    options.*member = disabled ? std::nullopt : port;
    return std::nullopt;
  };
}

Reader ReadText(std::string Options::* member) {
  return [member](const std::string& text, Options& options) -> std::optional<std::string> {
    options.*member = text;
    return std::nullopt;
  };
}

Reader ReadDuration(Duration Options::* member, Duration least, Duration most) {
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
Reader ReadChoice(T Options::* member, std::vector<std::pair<std::string, T>> choices) {
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

Reader ReadBackend() {
  std::vector<std::pair<std::string, std::string>> choices;
  for (const std::string& name : gpu::BackendNames()) choices.emplace_back(name, name);
  return ReadChoice(&Options::gpu_backend, std::move(choices));
}

const std::vector<FlagRow>& Rows() {
  static const std::vector<FlagRow> rows = {
      {"port", "6000", "KEDA's port: the external scaler, its health and reflection",
       ReadServicePort(&Options::port)},
      {"metrics-port", "9090", "Prometheus /metrics; 0 disables",
       ReadOptionalPort(&Options::metrics_port)},
      {"probe-port", "8081", "/healthz and /readyz; 0 disables",
       ReadOptionalPort(&Options::probe_port)},
      {"bind-address", "", "IP address to listen on; empty for all, IPv4 and IPv6",
       ReadText(&Options::bind_address)},
      {"gpu-backend", "auto",
       "How GPUs are read: auto (every real vendor; never simulates), nvml, simulated",
       ReadBackend()},
      {"nvml-library", "", "Load this NVML library instead of libnvidia-ml.so.1",
       ReadText(&Options::nvml_library)},
      {"simulated-gpus", "", "YAML file of the simulated backend's GPUs",
       ReadText(&Options::simulated_gpus)},
      {"sampling-interval", "500ms", "How often every GPU is read (100ms to 1m)",
       ReadDuration(&Options::sampling_interval, milliseconds(100), minutes(1))},
      {"health-check-interval", "30s",
       "Longest wait between attempts to open a missing driver or find a lost GPU again",
       ReadDuration(&Options::health_check_interval, seconds(1), hours(1))},
      {"device-hang-limit", "5m",
       "A driver call that has not returned for so long makes /healthz fail",
       ReadDuration(&Options::hang_limit, seconds(10), hours(24))},
      {"driver-mismatch-grace", "1m",
       "Exit with status 1 when the driver was replaced on the node for so long, since only a new "
       "process can load the new library; 0s never exits",
       ReadDuration(&Options::driver_mismatch_grace, seconds(0), hours(24))},
      {"stream-max-age", "5m", "A push stream ends with OK at this age; KEDA opens the next",
       ReadDuration(&Options::stream_max_age, seconds(10), hours(24))},
      {"unknown-metadata", "refuse",
       "What to do with metadata keys of a newer version: refuse, or warn and go on",
       ReadChoice(&Options::unknown_metadata, {{"refuse", trigger::UnknownKeys::kRefuse},
                                               {"warn", trigger::UnknownKeys::kWarn}})},
      {"log-level", "info", "debug, info, warn or error",
       ReadChoice(&Options::log_level, {{"debug", base::LogLevel::kDebug},
                                        {"info", base::LogLevel::kInfo},
                                        {"warn", base::LogLevel::kWarn},
                                        {"error", base::LogLevel::kError}})},
      {"log-format", "json", "json or text",
       ReadChoice(&Options::log_format,
                  {{"json", base::LogFormat::kJson}, {"text", base::LogFormat::kText}})},
  };
  return rows;
}

std::string EnvironmentName(std::string flag) {
  for (char& c : flag) {
    c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return "KGS_" + flag;
}

/// Two listeners on one port: said here rather than as a failed bind.
void CheckPorts(const Options& options, std::vector<std::string>& errors) {
  const std::vector<std::pair<std::string, Port>> ports = {{"--port", options.port},
                                                           {"--metrics-port", options.metrics_port},
                                                           {"--probe-port", options.probe_port}};
  for (size_t i = 0; i < ports.size(); ++i) {
    for (size_t j = i + 1; j < ports.size(); ++j) {
      if (ports[i].second.value_or(0) == 0 || ports[i].second != ports[j].second) continue;
      errors.push_back(ports[j].first + " " + std::to_string(*ports[j].second) +
                       ": already taken by " + ports[i].first);
    }
  }
}

std::string UnknownArgument(const std::string& argument) {
  if (!argument.starts_with("--")) {
    return base::QuoteForMessage(argument) + ": not a flag; see --help";
  }
  const std::string name = argument.substr(2, argument.find('=') - 2);
  std::vector<std::string_view> known = {"help", "version"};
  for (const FlagRow& row : Rows()) known.emplace_back(row.name);
  const std::string nearest = base::NearestWord(name, known);
  const std::string hint = nearest.empty() ? "see --help" : "did you mean --" + nearest + "?";
  return base::QuoteForMessage("--" + name) + ": no such flag; " + hint;
}

ParsedOptions Refused(const std::vector<std::string>& errors) {
  ParsedOptions parsed;
  for (const std::string& error : errors) parsed.message += "keda-gpu-scaler: " + error + "\n";
  parsed.exit_status = 2;
  return parsed;
}

}  // namespace

std::vector<FlagInfo> Flags() {
  std::vector<FlagInfo> flags;
  for (const FlagRow& row : Rows()) {
    flags.push_back(
        {"--" + std::string(row.name), EnvironmentName(row.name), row.default_text, row.help});
  }
  return flags;
}

ParsedOptions ParseOptions(int argc, const char* const* argv,
                           const std::function<const char*(const char*)>& environment) {
  CLI::App cli(
      "GPU scaling signals for KEDA: answers KEDA's external scaler protocol from the GPUs "
      "of this node.",
      "keda-gpu-scaler");
  cli.footer("Another command: keda-gpu-scaler ask [HOST:PORT] [KEY=VALUE ...], see ask --help.");
  cli.allow_extras();
  cli.set_version_flag("--version", "keda-gpu-scaler " + std::string(base::Version()));
  std::map<std::string, std::string> given;
  for (const FlagInfo& flag : Flags()) {
    cli.add_option(flag.name, given[flag.name], flag.help + " [" + flag.environment + "]")
        ->default_str(flag.default_text.empty() ? "\"\"" : flag.default_text)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }
  try {
    cli.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return {{}, cli.help(), 0};
  } catch (const CLI::CallForVersion& version) {
    return {{}, std::string(version.what()) + "\n", 0};
  } catch (const CLI::ParseError& error) {
    return Refused(
        {"a flag is without its value; every flag takes one, as --port 6000 or "
         "--port=6000, see --help (" +
         base::OneLine(error.what()) + ")"});
  }

  ParsedOptions parsed;
  std::vector<std::string> errors;
  for (const std::string& argument : cli.remaining()) errors.push_back(UnknownArgument(argument));
  for (const FlagRow& row : Rows()) {
    const std::string flag = "--" + std::string(row.name);
    const std::string variable = EnvironmentName(row.name);
    std::string source = flag;
    std::string text = given[flag];
    if (cli.count(flag) == 0) {
      const char* value = environment(variable.c_str());
      if (value == nullptr) continue;
      source = variable;
      text = value;
    }
    if (const auto accepted = row.read(text, parsed.options)) {
      errors.push_back(source + " " + base::QuoteForMessage(text) + ": must be " + *accepted);
    }
  }
  CheckPorts(parsed.options, errors);
  return errors.empty() ? parsed : Refused(errors);
}

}  // namespace kgs::app
