// SPDX-License-Identifier: Apache-2.0
//
// One utilization (GPU or memory) of one GPU, from the ring of samples that the driver keeps: about
// six a second, the last 16 seconds of them. nvmlDeviceGetUtilizationRates alone is an instant
// reading, which aliases with the load.
#pragma once

#include <string>
#include <vector>

#include "gpu/nvml/device_calls.h"

namespace kgs::gpu::nvml {

/// The mean of the samples that are new since the last Read.
class UtilizationSamples {
 public:
  explicit UtilizationSamples(abi::SamplingType type) : type_(type) {}

  enum class Kind {
    kMean,
    /// The ring has nothing to say (see below): the driver's present rate is to be read instead.
    kUseRates,
    /// The driver failed: there is no value.
    kFailed,
    /// The driver answered what cannot be: there is no value.
    kNonsense,
  };
  struct Result {
    Kind kind = Kind::kUseRates;
    double mean = 0;
    /// Of kFailed.
    abi::Return code = abi::kSuccess;
    /// Of kNonsense.
    std::string nonsense;
  };

  /// kUseRates where the call is not supported; where nothing new is in the ring, which is empty
  /// while a GPU is idle; and until the time stamp of a first sample is known. The first look into
  /// a ring only learns that: its mean would be of 16 seconds, most of them before our time.
  Result Read(DeviceCalls& calls);

 private:
  /// Fills ring_ with what is newer than last_seen_. On success ring_ may be empty.
  abi::Return Fetch(DeviceCalls& calls, abi::ValueType& value_type, std::string& nonsense);
  Result Average(abi::ValueType value_type);

  const abi::SamplingType type_;
  CallVerdict verdict_;
  /// Of the newest sample averaged so far. Opaque: drivers differ in what they count from. Should
  /// the driver's clock be set back, nothing counts as new until it has caught up, and rates are
  /// read meanwhile.
  unsigned long long last_seen_ = 0;
  /// Kept between reads for its memory.
  std::vector<abi::Sample> ring_;
};

}  // namespace kgs::gpu::nvml
