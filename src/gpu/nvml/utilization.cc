// SPDX-License-Identifier: Apache-2.0
#include "gpu/nvml/utilization.h"

#include <algorithm>
#include <optional>

namespace kgs::gpu::nvml {
namespace {

/// Rings of 100 to 120 samples are known. Far more is no ring but a driver's error, which must not
/// become an allocation.
constexpr unsigned int kMostSamples = 8192;
/// For samples that arrive between the call that counts and the call that fetches.
constexpr unsigned int kSlack = 16;
constexpr int kMostTries = 4;

std::optional<double> ValueOf(const abi::Value& value, abi::ValueType type) {
  switch (type) {
    case abi::kDouble:
      return value.d;
    case abi::kUnsignedInt:
      return value.ui;
    case abi::kUnsignedLong:
      return static_cast<double>(value.ul);
    case abi::kUnsignedLongLong:
      return static_cast<double>(value.ull);
    case abi::kSignedLongLong:
      return static_cast<double>(value.sll);
    case abi::kSignedInt:
      return value.si;
    case abi::kUnsignedShort:
      return value.us;
  }
  return std::nullopt;
}

}  // namespace

abi::Return UtilizationSamples::Fetch(DeviceCalls& calls, abi::ValueType& value_type,
                                      std::string& nonsense) {
  const auto& symbol = calls.library().samples;
  abi::Sample* const only_count = nullptr;
  unsigned int count = 0;
  ring_.clear();
  abi::Return code =
      calls.Call(symbol, verdict_, type_, last_seen_, &value_type, &count, only_count);
  // Asked for the size, a driver may answer with the code for one that is too small.
  if (code == abi::kInsufficientSize) code = abi::kSuccess;

  for (int tries = 0; code == abi::kSuccess && count > 0; ++tries) {
    if (count > kMostSamples) {
      nonsense = "a ring of too many samples";
      return code;
    }
    ring_.assign(count + kSlack, abi::Sample{});
    count += kSlack;
    code = calls.Call(symbol, verdict_, type_, last_seen_, &value_type, &count, ring_.data());
    if (code == abi::kSuccess) {
      if (count > ring_.size()) {
        nonsense = "more samples than there was room for";
        count = 0;
      }
      ring_.resize(count);
      return code;
    }
    ring_.clear();
    if (code != abi::kInsufficientSize || tries + 1 == kMostTries) return code;
    code = abi::kSuccess;
  }
  return code;
}

UtilizationSamples::Result UtilizationSamples::Read(DeviceCalls& calls) {
  Result result;
  abi::ValueType value_type = abi::kUnsignedInt;
  const abi::Return code = Fetch(calls, value_type, result.nonsense);
  if (!result.nonsense.empty()) {
    result.kind = Kind::kNonsense;
    return result;
  }
  if (code == abi::kSuccess) return Average(value_type);
  // Drivers differ in how they say that the ring is empty, which it is while the GPU is idle.
  if (code == abi::kNotFound || MissingOf(code) == model::Missing::kNotReady ||
      EffectOf(code) == Effect::kCallNeverWorks) {
    return result;
  }
  result.kind = Kind::kFailed;
  result.code = code;
  return result;
}

UtilizationSamples::Result UtilizationSamples::Average(abi::ValueType value_type) {
  Result result;
  const unsigned long long seen_before = last_seen_;
  double sum = 0;
  size_t count = 0;
  for (const abi::Sample& sample : ring_) {
    if (sample.time_stamp <= seen_before) continue;
    const std::optional<double> value = ValueOf(sample.value, value_type);
    if (!value) {
      result.kind = Kind::kNonsense;
      result.nonsense = "samples of an unknown type";
      return result;
    }
    // Written so that a NaN fails too. Such a sample's time stamp is not trusted either.
    if (!(*value >= 0 && *value <= 100)) {
      result.kind = Kind::kNonsense;
      result.nonsense = "a utilization outside 0..100";
      continue;
    }
    last_seen_ = std::max(last_seen_, sample.time_stamp);
    sum += *value;
    ++count;
  }
  if (result.kind == Kind::kNonsense || seen_before == 0 || count == 0) return result;
  result.kind = Kind::kMean;
  result.mean = sum / static_cast<double>(count);
  return result;
}

}  // namespace kgs::gpu::nvml
