// SPDX-License-Identifier: Apache-2.0
//
// The little that we read of sysfs ourselves: which AMD cards there are, and what the library does
// not tell of one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/reading.h"

namespace kgs::gpu::rocm {

/// N of class/drm/cardN, of AMD's vendor id.
struct Card {
  int number = 0;
  /// "0000:03:00.0".
  std::string pci_address;

  auto operator<=>(const Card&) const = default;
};

class Sysfs {
 public:
  /// \p root: "/sys".
  explicit Sysfs(std::string root);

  /// Sorted. Cheap: a directory, and a line for each card in it.
  std::vector<Card> Cards() const;

  /// Why there is no AMD GPU to open, in stable words, given what Cards() said; else empty. Without
  /// class/kfd rsmi_init fails, and writes to standard error.
  std::string WhyNothing(const std::vector<Card>& cards) const;

  /// Where \p card's files are.
  std::string DeviceFolder(const Card& card) const;

  /// The product's name, or empty.
  std::string ProductName(const Card& card) const;

  /// Its unique id, 16 hexadecimal digits, or empty.
  std::string UniqueId(const Card& card) const;

  /// The PCI addresses of the GPUs that the compute driver knows: the others are for screens. A GPU
  /// of several partitions is there several times; some kernels tell these apart by the function of
  /// the address. Cheap: two files a node.
  std::vector<std::string> ComputeGpus() const;

 private:
  const std::string root_;
};

/// A number in a file of one line, or why there is none. Without the file: unsupported, since the
/// kernel makes only those that the GPU offers.
struct FileNumber {
  std::optional<int64_t> value;
  model::Reading absent;
};
FileNumber ReadNumber(const std::string& folder, const char* name);

/// The power of amdgpu's hwmon under \p device_folder: its average, else its present value.
model::Reading ReadHwmonPower(const std::string& device_folder, base::SteadyTime taken);

/// Its temperature: the edge's, else the junction's.
model::Reading ReadHwmonTemperature(const std::string& device_folder, base::SteadyTime taken);

/// "0000:03:00.0" of what rsmi_dev_pci_id_get answers.
std::string PciAddress(uint64_t pci_id);

}  // namespace kgs::gpu::rocm
