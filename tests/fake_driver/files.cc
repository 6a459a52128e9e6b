// SPDX-License-Identifier: Apache-2.0
#include "tests/fake_driver/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace kgs::fake_driver {
namespace {

std::string Environment(const char* name) {
  // Read once, under the lock of a static's construction. NOLINTNEXTLINE(concurrency-mt-unsafe)
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

ScriptFile::ScriptFile(const char* variable) : name_(Environment(variable)) {}

bool ScriptFile::Changed(std::string& text) {
  struct stat now{};
  if (stat(name_.c_str(), &now) != 0) return false;
  const Stamp stamp = {now.st_ino, now.st_size, now.st_mtim.tv_sec, now.st_mtim.tv_nsec};
  if (stamp == stamp_) return false;
  stamp_ = stamp;
  std::ifstream file(name_);
  std::ostringstream content;
  content << file.rdbuf();
  text = content.str();
  return true;
}

CallCounts::CallCounts(const char* variable) {
  const std::string name = Environment(variable);
  if (!name.empty()) file_ = open(name.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
}

void CallCounts::Count(const std::string& symbol) {
  const auto [entry, is_new] = counts_.try_emplace(symbol);
  Entry& count = entry->second;
  if (is_new) count.line = counts_.size() - 1;
  ++count.calls;
  if (file_ < 0) return;
  char line[65];
  const int length = std::snprintf(line, sizeof(line), "%-48s %14llu\n", symbol.c_str(),
                                   static_cast<unsigned long long>(count.calls));
  if (pwrite(file_, line, static_cast<size_t>(length), static_cast<off_t>(count.line) * length) !=
      length) {
    std::perror("fake driver: the file of counts");
    std::abort();
  }
}

uint64_t CallCounts::Of(const std::string& symbol) const {
  const auto found = counts_.find(symbol);
  return found == counts_.end() ? 0 : found->second.calls;
}

}  // namespace kgs::fake_driver
