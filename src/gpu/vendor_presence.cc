// SPDX-License-Identifier: Apache-2.0
#include "gpu/vendor_presence.h"

#include <absl/strings/cord.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "base/file.h"

namespace kgs::gpu {
namespace {

namespace fs = std::filesystem;

// Base classes, the first byte of the three of a PCI class: a GPU of a data center may be either.
constexpr unsigned long kDisplayController = 0x03;
constexpr unsigned long kProcessingAccelerator = 0x12;

/// The number in a file of sysfs, "0x10de"; nothing where it cannot be read.
std::optional<unsigned long> NumberIn(const fs::path& file) {
  const auto content = base::ReadFile(file.string(), 64);
  if (!content.ok() || content->substr(0, 2) != "0x") return std::nullopt;
  return std::strtoul(content->c_str(), nullptr, 16);
}

/// Forwards every function of Backend: one with a default would otherwise be lost in silence.
class MarkingBackend final : public Backend {
 public:
  MarkingBackend(std::unique_ptr<Backend> backend, uint16_t vendor, std::string sysfs)
      : backend_(std::move(backend)), vendor_(vendor), sysfs_(std::move(sysfs)) {}

  std::string_view name() const override { return backend_->name(); }

  absl::StatusOr<Session> Open() override {
    auto session = backend_->Open();
    if (session.ok() || HasPciGpu(sysfs_, vendor_)) return session;
    absl::Status error = session.status();
    error.SetPayload(std::string(kNoSuchGpuPayload), absl::Cord("1"));
    return error;
  }

  bool Check() override { return backend_->Check(); }
  std::vector<XidEvent> TakeXids() override { return backend_->TakeXids(); }
  std::vector<CallCost> CallCosts() const override { return backend_->CallCosts(); }
  void Close() override { backend_->Close(); }
  const char* current_call() const override { return backend_->current_call(); }

 private:
  const std::unique_ptr<Backend> backend_;
  const uint16_t vendor_;
  const std::string sysfs_;
};

}  // namespace

bool HasPciGpu(const std::string& sysfs, uint16_t vendor) {
  std::error_code error;
  fs::directory_iterator devices(fs::path(sysfs) / "bus/pci/devices", error);
  while (!error && devices != fs::directory_iterator()) {
    const auto device_class = NumberIn(devices->path() / "class");
    const unsigned long base_class = device_class.value_or(0) >> 16U;
    if (base_class == kDisplayController || base_class == kProcessingAccelerator) {
      if (NumberIn(devices->path() / "vendor") == vendor) return true;
    }
    devices.increment(error);
  }
  return false;
}

std::unique_ptr<Backend> MarkingAbsence(std::unique_ptr<Backend> backend, uint16_t vendor,
                                        std::string sysfs) {
  return std::make_unique<MarkingBackend>(std::move(backend), vendor, std::move(sysfs));
}

}  // namespace kgs::gpu
