// SPDX-License-Identifier: Apache-2.0
#include "app/main.h"

#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "app/agent.h"
#include "app/hub.h"
#include "app/options.h"
#include "app/standalone.h"
#include "app/stop_request.h"
#include "base/log.h"
#include "cli/ask.h"
#include "cli/engine.h"

namespace kgs::app {

namespace {

/// The role that the first word names; standalone where it names none.
Role RoleOf(int argc, char** argv) {
  for (const Role role : {Role::kAgent, Role::kHub}) {
    if (argc > 1 && std::string_view(argv[1]) == RoleName(role)) return role;
  }
  return Role::kStandalone;
}

int RunRole(const Options& options) {
  switch (options.role) {
    case Role::kStandalone:
      return RunStandalone(options);
    case Role::kAgent:
      return RunAgent(options);
    case Role::kHub:
      return RunHub(options);
  }
  return 2;
}

}  // namespace

int Main(int argc, char** argv) {
  // A peer that went away is an error of one write, not of the process.
  signal(SIGPIPE, SIG_IGN);
  if (argc > 1 && std::string_view(argv[1]) == "ask") {
    return cli::Ask(std::vector<std::string>(argv + 2, argv + argc));
  }
  if (argc > 1 && std::string_view(argv[1]) == "engine") {
    return cli::Engine(std::vector<std::string>(argv + 2, argv + argc));
  }
  const Role role = RoleOf(argc, argv);
  std::vector<const char*> arguments(argv, argv + argc);
  if (role != Role::kStandalone) arguments.erase(arguments.begin() + 1);
  // No other thread runs yet. NOLINTNEXTLINE(concurrency-mt-unsafe)
  const auto environment = [](const char* name) { return std::getenv(name); };
  const ParsedOptions parsed =
      ParseOptions(role, static_cast<int>(arguments.size()), arguments.data(), environment);
  if (parsed.exit_status) {
    std::fputs(parsed.message.c_str(), *parsed.exit_status == 0 ? stdout : stderr);
    return *parsed.exit_status;
  }
  StopRequest::BlockSignals();
  base::ConfigureLog(parsed.options.log_level, parsed.options.log_format);
  return RunRole(parsed.options);
}

}  // namespace kgs::app
