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
    /// Instead of the utilization.
    std::optional<std::pair<model::Missing, std::string>> failure;
    bool session_broken = false;
    /// False: of an earlier session, no longer listed by the driver.
    bool listed = true;
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
  int opens() const {
    base::MutexLock lock(mutex_);
    return opens_;
  }
  int closes() const {
    base::MutexLock lock(mutex_);
    return closes_;
  }

  Gate open_gate;
  Gate check_gate;
  /// By GPU index.
  std::map<int, Gate> read_gates;

 private:
  friend class FakeBackend;
  friend class FakeDevice;

  mutable base::Mutex mutex_;
  std::vector<Gpu> gpus_ KGS_GUARDED_BY(mutex_);
  absl::Status open_error_ KGS_GUARDED_BY(mutex_);
  bool check_ KGS_GUARDED_BY(mutex_) = true;
  int opens_ KGS_GUARDED_BY(mutex_) = 0;
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
    gpu::DeviceSample sample;
    if (static_cast<size_t>(index_) >= driver_->gpus_.size()) return sample;
    const FakeDriver::Gpu& gpu = driver_->gpus_[static_cast<size_t>(index_)];
    sample.state = gpu.state;
    sample.session_broken = gpu.session_broken;
    if (gpu.state != model::DeviceState::kPresent) {
      sample.state_reason = "fakeRead: GPU is lost";
      return sample;
    }
    sample.readings[model::MetricId::kGpuUtilization] =
        gpu.failure ? model::Reading::Absent(gpu.failure->first, gpu.failure->second)
                    : model::Reading::Value(gpu.utilization, clock.Now());
    return sample;
  }
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
    ++driver_->opens_;
    if (!driver_->open_error_.ok()) return driver_->open_error_;
    driver_->check_ = true;
    gpu::Session session{.driver_version = "1.0", .devices = {}};
    for (size_t i = 0; i < driver_->gpus_.size(); ++i) {
      const FakeDriver::Gpu& gpu = driver_->gpus_[i];
      gpu::DeviceListing listing;
      listing.identity.index = static_cast<int>(i);
      listing.identity.uuid = gpu.uuid;
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
    return driver_->check_;
  }
  void Close() override {
    base::MutexLock lock(driver_->mutex_);
    ++driver_->closes_;
  }
  const char* current_call() const override { return "fakeOpen"; }

 private:
  const std::shared_ptr<FakeDriver> driver_;
};

}  // namespace kgs::testing
