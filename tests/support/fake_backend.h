// SPDX-License-Identifier: Apache-2.0
//
// A gpu::Backend that a test scripts: what Open says, what each GPU reads, and calls that hang
// until let go.
#pragma once

#include <absl/status/status.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "gpu/backend.h"
#include "tests/support/gate.h"

namespace kgs::testing {

/// The driver behind a FakeBackend, in the test's hands. Any thread.
class FakeDriver {
 public:
  struct Gpu {
    std::string uuid;
    /// Listed by Open as this, and read as this.
    model::DeviceState state = model::DeviceState::kPresent;
    double utilization = 0;
    /// Instead of the utilization; kUnsupported of all others too.
    std::optional<std::pair<model::Missing, std::string>> failure;
    /// Who uses it, where it is read by process.
    std::optional<model::ProcessUses> processes = std::nullopt;
    bool session_broken = false;
    /// False: of an earlier session, no longer listed by the driver.
    bool listed = true;
    /// Has pcie_tx_kbps of this value, which only ReadSlow gives.
    std::optional<double> slow_pcie_tx;
    /// Of the device's temperature; none where not set.
    std::optional<double> temperature;
    std::string recovery_action;
    std::optional<model::MigPlace> mig;
  };

  void SetGpus(std::vector<Gpu> gpus) {
    base::MutexLock lock(mutex_);
    gpus_ = std::move(gpus);
  }
  void SetOpenError(absl::Status error) {
    base::MutexLock lock(mutex_);
    open_error_ = std::move(error);
  }
  /// Check says that the session must be opened anew, until it is.
  void BreakSession() {
    base::MutexLock lock(mutex_);
    check_ = false;
  }
  /// For the next TakeXids.
  void AddXid(const std::string& uuid, uint64_t code) {
    base::MutexLock lock(mutex_);
    xids_.push_back({uuid, code});
  }
  /// ReadSlow calls that have begun, of all GPUs.
  int slow_reads() const {
    base::MutexLock lock(mutex_);
    return slow_reads_;
  }
  int opens() const {
    base::MutexLock lock(mutex_);
    return opens_;
  }
  /// Of every kind.
  int calls() const {
    base::MutexLock lock(mutex_);
    return calls_;
  }
  int closes() const {
    base::MutexLock lock(mutex_);
    return closes_;
  }

  Gate open_gate;
  Gate check_gate;
  Gate close_gate;
  /// By GPU index.
  std::map<int, Gate> read_gates;
  std::map<int, Gate> slow_gates;

 private:
  friend class FakeBackend;
  friend class FakeDevice;

  mutable base::Mutex mutex_;
  std::vector<Gpu> gpus_ KGS_GUARDED_BY(mutex_);
  absl::Status open_error_ KGS_GUARDED_BY(mutex_);
  bool check_ KGS_GUARDED_BY(mutex_) = true;
  std::vector<gpu::XidEvent> xids_ KGS_GUARDED_BY(mutex_);
  int slow_reads_ KGS_GUARDED_BY(mutex_) = 0;
  int opens_ KGS_GUARDED_BY(mutex_) = 0;
  int calls_ KGS_GUARDED_BY(mutex_) = 0;
  int closes_ KGS_GUARDED_BY(mutex_) = 0;
};

class FakeDevice final : public gpu::Device {
 public:
  FakeDevice(std::shared_ptr<FakeDriver> driver, int index)
      : driver_(std::move(driver)), index_(index) {}

  gpu::DeviceSample Read(const base::Clock& clock) override {
    if (const auto gate = driver_->read_gates.find(index_); gate != driver_->read_gates.end()) {
      gate->second.Pass();
    }
    base::MutexLock lock(driver_->mutex_);
    ++driver_->calls_;
    gpu::DeviceSample sample;
    if (static_cast<size_t>(index_) >= driver_->gpus_.size()) return sample;
    const FakeDriver::Gpu& gpu = driver_->gpus_[static_cast<size_t>(index_)];
    sample.state = gpu.state;
    sample.session_broken = gpu.session_broken;
    sample.recovery_action = gpu.recovery_action;
    sample.processes = gpu.processes;
    if (gpu.state != model::DeviceState::kPresent) {
      sample.state_reason = "fakeRead: GPU is lost";
      return sample;
    }
    if (gpu.failure && gpu.failure->first == model::Missing::kUnsupported) {
      for (size_t i = 0; i < model::kMetricCount; ++i) {
        sample.readings[static_cast<model::MetricId>(i)] =
            model::Reading::Absent(gpu.failure->first, gpu.failure->second);
      }
    }
    sample.readings[model::MetricId::kGpuUtilization] =
        gpu.failure ? model::Reading::Absent(gpu.failure->first, gpu.failure->second)
                    : model::Reading::Value(gpu.utilization, clock.Now());
    if (gpu.temperature) {
      sample.readings[model::MetricId::kTemperature] =
          model::Reading::Value(*gpu.temperature, clock.Now());
    }
    if (gpu.slow_pcie_tx) {
      sample.slow.set(model::Index(model::MetricId::kPcieTxKbps));
      sample.readings[model::MetricId::kPcieTxKbps] =
          model::Reading::Absent(model::Missing::kNotRequested, "fakeReadSlow blocks");
    }
    return sample;
  }
  model::Readings ReadSlow(const model::MetricSet& metrics, const base::Clock& clock) override {
    {
      base::MutexLock lock(driver_->mutex_);
      ++driver_->calls_;
      ++driver_->slow_reads_;
    }
    if (const auto gate = driver_->slow_gates.find(index_); gate != driver_->slow_gates.end()) {
      gate->second.Pass();
    }
    base::MutexLock lock(driver_->mutex_);
    model::Readings readings;
    if (static_cast<size_t>(index_) >= driver_->gpus_.size()) return readings;
    const auto& value = driver_->gpus_[static_cast<size_t>(index_)].slow_pcie_tx;
    if (value && metrics[model::Index(model::MetricId::kPcieTxKbps)]) {
      readings[model::MetricId::kPcieTxKbps] = model::Reading::Value(*value, clock.Now());
    }
    return readings;
  }
  const char* current_slow_call() const override { return "fakeReadSlow"; }
  const char* current_call() const override { return "fakeRead"; }

 private:
  const std::shared_ptr<FakeDriver> driver_;
  const int index_;
};

class FakeBackend final : public gpu::Backend {
 public:
  explicit FakeBackend(std::shared_ptr<FakeDriver> driver) : driver_(std::move(driver)) {}

  std::string_view name() const override { return "fake"; }

  absl::StatusOr<gpu::Session> Open() override {
    driver_->open_gate.Pass();
    base::MutexLock lock(driver_->mutex_);
    ++driver_->calls_;
    ++driver_->opens_;
    if (!driver_->open_error_.ok()) return driver_->open_error_;
    driver_->check_ = true;
    gpu::Session session{.driver_version = "1.0", .devices = {}};
    for (size_t i = 0; i < driver_->gpus_.size(); ++i) {
      const FakeDriver::Gpu& gpu = driver_->gpus_[i];
      gpu::DeviceListing listing;
      listing.identity.index = static_cast<int>(i);
      listing.identity.uuid = gpu.uuid;
      listing.identity.mig = gpu.mig;
      listing.state = gpu.state;
      listing.listed = gpu.listed;
      if (gpu.state == model::DeviceState::kPresent) {
        listing.device = std::make_shared<FakeDevice>(driver_, static_cast<int>(i));
      } else {
        listing.state_reason = "fakeOpen: GPU is lost";
      }
      session.devices.push_back(std::move(listing));
    }
    return session;
  }
  bool Check() override {
    driver_->check_gate.Pass();
    base::MutexLock lock(driver_->mutex_);
    ++driver_->calls_;
    return driver_->check_;
  }
  std::vector<gpu::XidEvent> TakeXids() override {
    base::MutexLock lock(driver_->mutex_);
    return std::exchange(driver_->xids_, {});
  }
  std::vector<gpu::CallCost> CallCosts() const override {
    base::MutexLock lock(driver_->mutex_);
    return {{"fakeOpen", static_cast<uint64_t>(driver_->opens_), 0.5, 0.25}};
  }
  void Close() override {
    driver_->close_gate.Pass();
    base::MutexLock lock(driver_->mutex_);
    ++driver_->calls_;
    ++driver_->closes_;
  }
  const char* current_call() const override { return "fakeOpen"; }

 private:
  const std::shared_ptr<FakeDriver> driver_;
};

}  // namespace kgs::testing
