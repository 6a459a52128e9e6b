// SPDX-License-Identifier: Apache-2.0
#include "tests/fake_nvml/process_script.h"

#include <cstdlib>
#include <map>

namespace kgs::fake_nvml {
namespace {

const std::map<std::string, ProcessList>& Keys() {
  static const std::map<std::string, ProcessList> keys = {
      {"process", ProcessList::kCompute},
      {"graphics_process", ProcessList::kGraphics},
      {"mps_process", ProcessList::kMps},
  };
  return keys;
}

}  // namespace

bool IsProcessKey(const std::string& key) { return Keys().contains(key); }

bool ParseProcess(const std::string& key, std::istream& words,
                  std::vector<ProcessScript>& processes) {
  ProcessScript process;
  process.list = Keys().at(key);
  std::string memory;
  if (!(words >> process.pid >> memory)) return false;
  char* end = nullptr;
  process.memory_mib = memory == "unknown" ? -1 : std::strtoll(memory.c_str(), &end, 10);
  if (end != nullptr && *end != '\0') return false;
  // A word that is no number is left to the reader of the line, who finds it at its end.
  if (!(words >> process.sm)) words.clear();
  processes.push_back(process);
  return true;
}

}  // namespace kgs::fake_nvml
