// SPDX-License-Identifier: Apache-2.0
#include "gpu/rocm/sysfs.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/strings.h"
#include "gpu/plausible.h"

namespace kgs::gpu::rocm {
namespace {

namespace fs = std::filesystem;
using model::Missing;
using model::Reading;

constexpr size_t kLongestFile = 4096;
/// Far beyond any node.
constexpr int kHighestCard = 9999;
constexpr std::string_view kAmd = "0x1002";

/// The names in \p folder; none where it cannot be read.
std::vector<std::string> NamesIn(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  while (!error && entries != fs::directory_iterator()) {
    names.push_back(entries->path().filename().string());
    entries.increment(error);
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// The first line of the file; empty where it cannot be read.
std::string Line(const std::string& file) {
  const auto content = base::ReadFile(file, kLongestFile);
  return content.ok() ? content->substr(0, content->find('\n')) : "";
}

/// N of "cardN"; nothing for a connector ("card0-DP-1") or a render node.
std::optional<int> CardNumber(std::string_view name) {
  constexpr std::string_view kPrefix = "card";
  if (name.substr(0, kPrefix.size()) != kPrefix) return std::nullopt;
  const auto number = base::ParseInteger(name.substr(kPrefix.size()));
  if (!number || *number < 0 || *number > kHighestCard) return std::nullopt;
  return static_cast<int>(*number);
}

/// The number behind \p key, one a line: "location_id 768".
std::optional<uint64_t> Property(const std::string& properties, const std::string& key) {
  std::istringstream lines(properties);
  std::string name;
  uint64_t value = 0;
  while (lines >> name >> value) {
    if (name == key) return value;
  }
  return std::nullopt;
}

/// amdgpu's folder below \p device_folder, or empty.
std::string HwmonFolder(const std::string& device_folder) {
  if (device_folder.empty()) return "";
  const std::string parent = device_folder + "/hwmon/";
  for (const std::string& name : NamesIn(parent)) {
    std::string folder = parent + name;
    if (Line(folder + "/name") == "amdgpu") return folder;
  }
  return "";
}

}  // namespace

Sysfs::Sysfs(std::string root) : root_(std::move(root)) {}

std::vector<Card> Sysfs::Cards() const {
  std::vector<Card> cards;
  const std::string drm = root_ + "/class/drm/";
  for (const std::string& name : NamesIn(drm)) {
    const auto number = CardNumber(name);
    if (!number || Line(drm + name + "/device/vendor") != kAmd) continue;
    std::error_code error;
    // .../0000:03:00.0/drm/card0
    const fs::path target = fs::read_symlink(drm + name, error);
    cards.push_back({*number, target.parent_path().parent_path().filename().string()});
  }
  std::sort(cards.begin(), cards.end());
  return cards;
}

std::string Sysfs::WhyNothing(const std::vector<Card>& cards) const {
  if (cards.empty()) {
    return "no AMD GPU: no card under " + root_ +
           "/class/drm is AMD's; is the amdgpu driver loaded on this node?";
  }
  std::error_code error;
  if (fs::exists(root_ + "/class/kfd", error)) return "";
  return "no AMD GPU that ROCm can read: there is no " + root_ +
         "/class/kfd; is the amdgpu driver loaded on this node?";
}

std::string Sysfs::DeviceFolder(const Card& card) const {
  return root_ + "/class/drm/card" + std::to_string(card.number) + "/device";
}

std::string Sysfs::ProductName(const Card& card) const {
  return Line(DeviceFolder(card) + "/product_name");
}

std::string Sysfs::UniqueId(const Card& card) const {
  const std::string id = Line(DeviceFolder(card) + "/unique_id");
  const bool hex = id.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
  if (!hex || id.size() > 16 || id.find_first_not_of('0') == std::string::npos) return "";
  return std::string(16 - id.size(), '0') + base::LowerCase(id);
}

std::vector<std::string> Sysfs::ComputeGpus() const {
  std::vector<std::string> addresses;
  const std::string nodes = root_ + "/class/kfd/kfd/topology/nodes/";
  for (const std::string& name : NamesIn(nodes)) {
    const std::string gpu_id = Line(nodes + name + "/gpu_id");
    // Zero is the CPU.
    if (gpu_id.empty() || gpu_id == "0") continue;
    const auto properties = base::ReadFile(nodes + name + "/properties", kLongestFile);
    if (!properties.ok()) continue;
    const auto location = Property(*properties, "location_id");
    const auto domain = Property(*properties, "domain");
    if (location && domain) addresses.push_back(PciAddress(*domain << 32U | *location));
  }
  return addresses;
}

FileNumber ReadNumber(const std::string& folder, const char* name) {
  const std::string file = folder + "/" + name;
  std::error_code error;
  if (folder.empty() || !fs::exists(file, error)) {
    return {std::nullopt, Reading::Absent(Missing::kUnsupported,
                                          std::string(name) + ": not offered by this GPU")};
  }
  const auto content = base::ReadFile(file, kLongestFile);
  if (!content.ok()) {
    return {std::nullopt,
            Reading::Absent(Missing::kDriverError, std::string(content.status().message()))};
  }
  const auto number = base::ParseInteger(content->substr(0, content->find('\n')));
  if (!number) return {std::nullopt, NonsenseReading(name, "no number")};
  return {*number, {}};
}

Reading ReadHwmonPower(const std::string& device_folder, base::SteadyTime taken) {
  const std::string hwmon = HwmonFolder(device_folder);
  for (const char* name : {"power1_average", "power1_input"}) {
    const FileNumber microwatts = ReadNumber(hwmon, name);
    if (microwatts.value && *microwatts.value < 0)
      return NonsenseReading(name, "less than nothing");
    if (microwatts.value) {
      return PowerReading(name, static_cast<double>(*microwatts.value) / 1e6, taken);
    }
    if (microwatts.absent.reason() != Missing::kUnsupported) return microwatts.absent;
  }
  return Reading::Absent(Missing::kUnsupported,
                         "hwmon has neither power1_average nor power1_input");
}

Reading ReadHwmonTemperature(const std::string& device_folder, base::SteadyTime taken) {
  const std::string hwmon = HwmonFolder(device_folder);
  for (const char* sensor : {"edge", "junction"}) {
    for (const char* const stem : {"temp1", "temp2", "temp3"}) {
      if (Line(fs::path(hwmon) / (std::string(stem) + "_label")) != sensor) continue;
      const std::string name = std::string(stem) + "_input";
      const FileNumber millicelsius = ReadNumber(hwmon, name.c_str());
      if (!millicelsius.value) return millicelsius.absent;
      return TemperatureReading(name.c_str(), static_cast<double>(*millicelsius.value) / 1000,
                                taken);
    }
  }
  return Reading::Absent(Missing::kUnsupported, "hwmon has no sensor named edge or junction");
}

std::string PciAddress(uint64_t pci_id) {
  const auto bits = [pci_id](unsigned int shift, unsigned int mask) {
    return static_cast<unsigned int>(pci_id >> shift) & mask;
  };
  char text[20];
  std::snprintf(text, sizeof(text), "%04x:%02x:%02x.%x", bits(32, 0xffffffff), bits(8, 0xff),
                bits(3, 0x1f), bits(0, 0x7));
  return text;
}

}  // namespace kgs::gpu::rocm
