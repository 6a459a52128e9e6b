// SPDX-License-Identifier: Apache-2.0
//
// The script as read: README.md says what each line means.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/fake_driver/call_rules.h"

namespace kgs::fake_nvml {

using fake_driver::CallRule;
using fake_driver::CallRules;

struct GpuScript {
  std::string uuid;
  /// Empty: uuid.
  std::string answered_uuid;
  std::string name = "NVIDIA Fake GPU";
  std::string bus_id;
  int64_t minor = 0;
  int64_t gpu_util = 0;
  int64_t mem_util = 0;
  int64_t memory_total_mib = 81920;
  int64_t memory_used_mib = 0;
  int64_t memory_reserved_mib = 0;
  int64_t temperature = 40;
  int64_t power_mw = 60000;
  int64_t pcie_tx_kbps = 0;
  int64_t pcie_rx_kbps = 0;
  bool lost = false;

  std::vector<double> gpu_samples;
  std::vector<double> mem_samples;
  int64_t samples_every_ms = 0;
  int64_t sample_type = 1;
  /// Negative: as many as there are.
  int64_t sample_count = -1;
  int64_t sample_count_short = 0;
  bool samples_ignore_last_seen = false;
  bool sample_fetch_refused = false;

  CallRules rules;
};

struct Script {
  std::string driver = "550.54.15";
  CallRules rules;
  std::vector<GpuScript> gpus;

  const GpuScript* Find(const std::string& uuid) const;
};

/// Ends the process with \p file and the line where \p text does not parse: a test that goes on
/// with half a script would prove nothing.
Script ParseScript(const std::string& file, const std::string& text);

}  // namespace kgs::fake_nvml
