// SPDX-License-Identifier: Apache-2.0
//
// The script as read: README.md says what each line means.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/fake_driver/call_rules.h"
#include "tests/fake_nvml/process_script.h"

namespace kgs::fake_nvml {

using fake_driver::CallRule;
using fake_driver::CallRules;

/// A value of nvmlDeviceGetFieldValues.
struct FieldScript {
  unsigned int type = 3;
  /// As written: counts may need all 64 bits.
  std::string value;
  /// Set: the value is this many, and grows by the clock.
  std::optional<double> per_second;
  /// Nothing: now.
  std::optional<int64_t> time_us;
  std::optional<unsigned int> error;
};

struct XidScript {
  /// Each number is told once.
  uint64_t number = 0;
  uint64_t code = 0;
  std::optional<unsigned int> gpu_instance;
};

struct GpmScript {
  std::optional<double> value;
  std::optional<unsigned int> error;
};

/// A GPU, or a MIG device in one.
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

  /// Negative: not supported.
  int64_t mig_mode = -1;
  int64_t mig_slots = 7;
  /// What a slot without a MIG device answers.
  int64_t mig_hole = 6;
  std::vector<GpuScript> migs;
  /// Of a MIG device.
  bool is_mig = false;
  int64_t slot = 0;
  int64_t gpu_instance = 0;
  int64_t compute_instance = 0;
  int64_t compute_slices = 1;
  int64_t gpu_slices = 1;

  /// Negative: the call for it is not supported.
  int64_t gpm = 0;
  std::map<unsigned int, GpmScript> gpm_metrics;
  int64_t gpm_least_interval_ms = 0;

  std::map<unsigned int, FieldScript> fields;
  int64_t event_types = 8;
  std::vector<XidScript> xids;

  std::vector<ProcessScript> processes;
  bool process_garbage = false;
  bool process_stray = false;
  /// 0: none.
  int64_t process_stray_at = 0;
  int64_t process_clock_s = 0;
  bool processes_refused = false;
  int64_t process_room = 0;

  CallRules rules;
};

struct Script {
  std::string driver = "550.54.15";
  CallRules rules;
  std::vector<GpuScript> gpus;

  /// By UUID, or of a MIG device by MigKey of its GPU's. Null where there is none.
  const GpuScript* Find(const std::string& key) const;
};

/// What a handle of a MIG device means: whatever stands in that slot of the GPU now.
std::string MigKey(const std::string& gpu_uuid, int64_t slot);
/// The GPU's part of such a key, or the key itself.
std::string GpuKey(const std::string& key);

/// Ends the process with \p file and the line where \p text does not parse: a test that goes on
/// with half a script would prove nothing.
Script ParseScript(const std::string& file, const std::string& text);

}  // namespace kgs::fake_nvml
