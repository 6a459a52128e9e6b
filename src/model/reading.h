// SPDX-License-Identifier: Apache-2.0
//
// One number read from a device, or the reason why there is none. Never a silent 0.
#pragma once

#include <array>
#include <cassert>
#include <string>
#include <utility>

#include "base/clock.h"
#include "model/metric_id.h"

namespace kgs::model {

/// Why there is no value.
enum class Missing {
  kNotSampledYet,
  /// Reading it blocks for long, so it is read only while somebody asks for it, and nobody does.
  kNotRequested,
  /// The device or its driver does not offer the metric; stays so until the driver is reopened.
  kUnsupported,
  /// It is no longer the device's as a whole, as it may have been: its MIG devices have it.
  kOfMigDevices,
  kNotPermitted,
  kNotFound,
  /// The driver has no sample at this moment and will have one again: the last value may stand in
  /// until it is stale.
  kNotReady,
  kDriverError,
  kStale,
};

class Reading {
 public:
  /// Absent: not sampled yet.
  Reading() = default;

  /// \p taken is the steady time at which the driver was asked.
  static Reading Value(double value, base::SteadyTime taken) {
    Reading reading;
    reading.has_value_ = true;
    reading.value_ = value;
    reading.taken_ = taken;
    return reading;
  }

  /// \p detail names the call and what it said, in words that do not change from poll to poll:
  /// "nvmlDeviceGetPowerUsage: Not Supported".
  static Reading Absent(Missing reason, std::string detail) {
    Reading reading;
    reading.reason_ = reason;
    reading.detail_ = std::move(detail);
    return reading;
  }

  /// The same value, with the driver's words about why there is no newer one.
  Reading WithDetail(std::string detail) const {
    Reading reading = *this;
    reading.detail_ = std::move(detail);
    return reading;
  }

  bool has_value() const { return has_value_; }
  double value() const {
    assert(has_value_);
    return value_;
  }
  base::SteadyTime taken() const { return taken_; }
  /// Of an absent reading only.
  Missing reason() const { return reason_; }
  /// The device does not have it, so it is not missed.
  bool NotOffered() const {
    return !has_value_ && (reason_ == Missing::kUnsupported || reason_ == Missing::kOfMigDevices);
  }
  /// Of an absent reading, or of a value that should have been renewed; else empty.
  const std::string& detail() const { return detail_; }

  /// Whether there is a value no older than \p max_age at \p now.
  bool FreshAt(base::SteadyTime now, base::Duration max_age) const {
    return has_value_ && now - taken_ <= max_age;
  }

 private:
  bool has_value_ = false;
  Missing reason_ = Missing::kNotSampledYet;
  double value_ = 0;
  base::SteadyTime taken_;
  std::string detail_;
};

/// All readings of one GPU, by metric. A new one is all absent.
class Readings {
 public:
  Reading& operator[](MetricId metric) { return readings_[Index(metric)]; }
  const Reading& operator[](MetricId metric) const { return readings_[Index(metric)]; }

  auto begin() const { return readings_.begin(); }
  auto end() const { return readings_.end(); }

 private:
  std::array<Reading, kMetricCount> readings_;
};

}  // namespace kgs::model
