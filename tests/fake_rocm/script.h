// SPDX-License-Identifier: Apache-2.0
//
// The script as read: README.md says what each line means.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/fake_driver/call_rules.h"

namespace kgs::fake_rocm {

struct GpuScript {
  std::string pci;
  /// Empty: pci.
  std::string answered_pci;
  std::string name = "AMD Fake GPU";
  std::string unique_id;
  int64_t partition = 0;
  int64_t busy = 0;
  int64_t mem_busy = 0;
  int64_t vram_total_mib = 65536;
  int64_t vram_used_mib = 0;
  int64_t edge_mc = 40000;
  int64_t junction_mc = 50000;
  int64_t power_uw = 60000000;
  int64_t average_power_uw = 50000000;
  bool no_edge = false;
  bool no_junction = false;

  fake_driver::CallRules rules;

  /// As rsmi_dev_pci_id_get answers.
  uint64_t PciId() const;
};

struct Script {
  std::string driver = "6.8.5";
  fake_driver::CallRules rules;
  std::vector<GpuScript> gpus;

  /// The GPU at an address and of a partition.
  const GpuScript* Find(const std::string& pci, int64_t partition) const;
};

/// Ends the process with \p file and the line where \p text does not parse: a test that goes on
/// with half a script would prove nothing.
Script ParseScript(const std::string& file, const std::string& text);

}  // namespace kgs::fake_rocm
