// SPDX-License-Identifier: Apache-2.0
#include "bench/server_process.h"

#include <absl/status/status.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <thread>

#include "base/strings.h"

namespace kgs::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kStartPatience = seconds(20);
constexpr auto kStopPatience = seconds(10);

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The log line "serving", once it is there.
std::optional<nlohmann::json> ServingLine(const std::string& log) {
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (json.is_object() && json.value("message", "") == "serving") return json;
  }
  return std::nullopt;
}

/// "VmRSS:     1234 kB" of /proc/PID/status.
std::optional<double> StatusMib(const std::string& status, const std::string& key) {
  const size_t at = status.find("\n" + key + ":");
  if (at == std::string::npos) return std::nullopt;
  double kib = 0;
  if (!(std::istringstream(status.substr(at + key.size() + 2)) >> kib)) return std::nullopt;
  return kib / 1024;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ServerProcess>> ServerProcess::Start(
    const std::vector<std::string>& command, const std::vector<std::string>& environment,
    const std::string& log_path) {
  std::vector<std::string> arguments = command;
  std::vector<std::string> variables = environment;
  for (char** variable = environ; *variable != nullptr; ++variable)
    variables.emplace_back(*variable);
  const std::vector<char*> argv = Pointers(arguments);
  const std::vector<char*> envp = Pointers(variables);
  const int log = open(log_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (log < 0) return absl::UnavailableError("cannot write " + log_path);
  const pid_t pid = fork();
  if (pid == 0) {
    // Without us it would run on, or stay stopped, for ever.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(log, STDERR_FILENO);
    execve(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  close(log);
  if (pid < 0) return absl::UnavailableError("cannot fork");
  std::unique_ptr<ServerProcess> process(new ServerProcess(pid));
  if (absl::Status status = process->WaitForPort(log_path); !status.ok()) return status;
  return process;
}

absl::Status ServerProcess::WaitForPort(const std::string& log_path) {
  const base::SteadyTime end = std::chrono::steady_clock::now() + kStartPatience;
  while (std::chrono::steady_clock::now() < end) {
    if (const auto line = ServingLine(ReadFile(log_path))) {
      for (const auto& [key, value] : line->items()) {
        const auto port = base::ParseInteger(value.is_string() ? value.get<std::string>() : "");
        if (port && key.ends_with("port")) ports_[key] = static_cast<int>(*port);
      }
      return absl::OkStatus();
    }
    std::this_thread::sleep_for(milliseconds(20));
  }
  return absl::UnavailableError("no server came up, see " + log_path);
}

ServerProcess::~ServerProcess() {
  Resume();
  kill(pid_, SIGTERM);
  const base::SteadyTime end = std::chrono::steady_clock::now() + kStopPatience;
  while (waitpid(pid_, nullptr, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() >= end) kill(pid_, SIGKILL);
    std::this_thread::sleep_for(milliseconds(20));
  }
}

void ServerProcess::Pause() { kill(pid_, SIGSTOP); }

void ServerProcess::Resume() { kill(pid_, SIGCONT); }

std::string ServerProcess::ProcPath(const std::string& name) const {
  return "/proc/" + std::to_string(pid_) + "/" + name;
}

absl::StatusOr<Memory> ServerProcess::ReadMemory() const {
  const std::string status = ReadFile(ProcPath("status"));
  const auto rss = StatusMib(status, "VmRSS");
  const auto anonymous = StatusMib(status, "RssAnon");
  const auto file = StatusMib(status, "RssFile");
  if (!rss || !anonymous || !file) {
    return absl::UnavailableError(ProcPath("status") + " has no resident memory");
  }
  return Memory{*rss, *anonymous, *file};
}

double ServerProcess::CpuSeconds() const {
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

std::map<std::string, double> ServerProcess::ThreadCpuSeconds() const {
  std::map<std::string, double> seconds_by_name;
  std::error_code gone;
  for (const auto& task : std::filesystem::directory_iterator(ProcPath("task"), gone)) {
    std::istringstream comm(ReadFile(task.path() / "comm"));
    // Nanoseconds on a CPU come first; /proc/.../stat counts in ticks of 10 ms.
    std::istringstream schedstat(ReadFile(task.path() / "schedstat"));
    std::string name;
    double on_cpu_ns = 0;
    if (std::getline(comm, name) && schedstat >> on_cpu_ns)
      seconds_by_name[name] += on_cpu_ns / 1e9;
  }
  return seconds_by_name;
}

std::set<std::string> ServerProcess::SharedLibraries() const {
  std::set<std::string> libraries;
  std::istringstream maps(ReadFile(ProcPath("maps")));
  for (std::string line; std::getline(maps, line);) {
    const size_t slash = line.find('/');
    if (slash == std::string::npos || line.find(".so", slash) == std::string::npos) continue;
    libraries.insert(std::filesystem::path(line.substr(slash)).filename());
  }
  return libraries;
}

}  // namespace kgs::bench
