// SPDX-License-Identifier: Apache-2.0
//
// The lines of a script that say which processes use a GPU.
#pragma once

#include <cstdint>
#include <istream>
#include <string>
#include <vector>

namespace kgs::fake_nvml {

enum class ProcessList { kCompute, kGraphics, kMps };

struct ProcessScript {
  ProcessList list = ProcessList::kCompute;
  uint32_t pid = 0;
  /// Negative: the driver does not know it.
  int64_t memory_mib = 0;
  /// Percent; there is no sample of a process at 0.
  uint32_t sm = 0;
};

bool IsProcessKey(const std::string& key);
/// Reads what follows \p key in \p words. False where that is wrong.
bool ParseProcess(const std::string& key, std::istream& words,
                  std::vector<ProcessScript>& processes);

}  // namespace kgs::fake_nvml
