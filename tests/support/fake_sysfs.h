// SPDX-License-Identifier: Apache-2.0
//
// A folder that looks like /sys on a node with AMD GPUs, as far as our code reads it.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/temp_folder.h"

namespace kgs::testing {

class FakeSysfs {
 public:
  /// \p kfd: the kernel's compute driver is there.
  explicit FakeSysfs(bool kfd = true) {
    std::filesystem::create_directories(root() / "class/drm");
    if (kfd) std::filesystem::create_directories(root() / "class/kfd");
  }

  std::filesystem::path root() const { return folder_.path(); }

  /// A GPU on the PCI bus, as card \p card; \p vendor as sysfs writes it. Returns its folder.
  std::filesystem::path AddCard(int card, const std::string& pci,
                                const std::string& vendor = "0x1002") {
    namespace fs = std::filesystem;
    const std::string name = "card" + std::to_string(card);
    const fs::path device = AddPci(pci, vendor, "0x120000");
    fs::create_directories(device / "drm" / name);
    fs::create_directory_symlink("../../", device / "drm" / name / "device");
    fs::create_directory_symlink("../../devices/pci0000:00/" + pci + "/drm/" + name,
                                 root() / "class/drm" / name);
    return device;
  }

  /// A device on the PCI bus.
  std::filesystem::path AddPci(const std::string& pci, const std::string& vendor,
                               const std::string& device_class) {
    namespace fs = std::filesystem;
    const fs::path device = root() / "devices/pci0000:00" / pci;
    fs::create_directories(device);
    Write(device / "vendor", vendor);
    Write(device / "class", device_class);
    fs::create_directories(root() / "bus/pci/devices");
    fs::create_directory_symlink("../../../devices/pci0000:00/" + pci,
                                 root() / "bus/pci/devices" / pci);
    return device;
  }

  /// A node of the compute driver; \p properties are lines "KEY NUMBER".
  void AddKfdNode(int number, int gpu_id, const std::string& properties) {
    const auto node = root() / "class/kfd/kfd/topology/nodes" / std::to_string(number);
    Write(node / "gpu_id", std::to_string(gpu_id));
    Write(node / "properties", properties);
  }

  void RemoveKfdNode(int number) {
    std::filesystem::remove_all(root() / "class/kfd/kfd/topology/nodes" / std::to_string(number));
  }

  void RemoveCard(int card) {
    std::filesystem::remove(root() / "class/drm" / ("card" + std::to_string(card)));
  }

  /// One line, as the files of sysfs are.
  static void Write(const std::filesystem::path& file, const std::string& text) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text << "\n";
  }

 private:
  const TempFolder folder_;
};

}  // namespace kgs::testing
