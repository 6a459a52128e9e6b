// SPDX-License-Identifier: Apache-2.0
#include "gpu/simulated/scenario_file.h"

#include <sys/stat.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include "base/log.h"

namespace kgs::gpu::simulated {
namespace {

constexpr off_t kMostBytes = off_t{4} << 20;

int64_t Nanoseconds(const timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; }

absl::StatusOr<std::string> ReadText(const std::string& path) {
  struct stat about{};
  if (stat(path.c_str(), &about) != 0) {
    return absl::InvalidArgumentError(path + ": " + std::generic_category().message(errno));
  }
  // Reading a pipe could block for ever.
  if (!S_ISREG(about.st_mode) || about.st_size > kMostBytes) {
    return absl::InvalidArgumentError(path + ": accepted: a regular file of at most 4 MiB");
  }
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  // Of an empty file nothing is taken, which sets failbit.
  if (in.is_open() && about.st_size > 0) text << in.rdbuf();
  if (!in.is_open() || in.bad() || text.fail()) {
    return absl::InvalidArgumentError(path + ": cannot be read");
  }
  return text.str();
}

}  // namespace

ScenarioFile::ScenarioFile(std::string path, const base::Clock& clock)
    : path_(std::move(path)), clock_(clock) {}

absl::Status ScenarioFile::Load() {
  seen_ = LookAtFile();
  return Read();
}

void ScenarioFile::Refresh() {
  // Looked at before it is read: a change in between is seen at the next look.
  const std::optional<Stamp> stamp = LookAtFile();
  if (stamp == seen_) return;
  seen_ = stamp;
  const std::shared_ptr<const Playing> before = playing_;
  const absl::Status status = Read();
  if (!status.ok()) {
    base::LogWarn("simulated GPUs file cannot be used; its last good content stays",
                  {{"reason", std::string(status.message())}});
  } else if (playing_ != before) {
    base::LogInfo("simulated GPUs file read again", {{"file", path_}});
  }
}

std::optional<ScenarioFile::Stamp> ScenarioFile::LookAtFile() const {
  struct stat about{};
  if (stat(path_.c_str(), &about) != 0) return std::nullopt;
  return Stamp{about.st_dev, about.st_ino, about.st_size, Nanoseconds(about.st_mtim),
               Nanoseconds(about.st_ctim)};
}

absl::Status ScenarioFile::Read() {
  auto text = ReadText(path_);
  if (!text.ok()) return text.status();
  if (playing_ != nullptr && *text == text_) return absl::OkStatus();
  auto scenario = ParseScenario(*text, path_);
  if (!scenario.ok()) return scenario.status();
  text_ = *std::move(text);
  playing_ = std::make_shared<const Playing>(Playing{*std::move(scenario), clock_.Now()});
  return absl::OkStatus();
}

}  // namespace kgs::gpu::simulated
