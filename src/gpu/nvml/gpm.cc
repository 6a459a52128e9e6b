// SPDX-License-Identifier: Apache-2.0
#include "gpu/nvml/gpm.h"

#include <algorithm>
#include <string>
#include <utility>

#include "gpu/plausible.h"

namespace kgs::gpu::nvml {
namespace {

using model::MetricId;
using model::Missing;
using model::Reading;
using model::Readings;

constexpr base::Duration kLeastInterval = std::chrono::milliseconds(110);
/// Percentages are computed from counters that are not read at one instant.
constexpr double kHighestPercent = 101;
constexpr double kKibPerMib = 1024;
constexpr double kBytesPerMib = 1024.0 * 1024;
constexpr double kMostPcieMibPerSecond = kMostPcieBytesPerSecond / kBytesPerMib;
/// Far above any: 10 TiB a second.
constexpr double kMostNvlinkMibPerSecond = 10.0 * 1024 * 1024;

constexpr GpmRow kPcieTx = {abi::kGpmPcieTransmitted, MetricId::kPcieTxKbps, kKibPerMib,
                            kMostPcieMibPerSecond};
constexpr GpmRow kPcieRx = {abi::kGpmPcieReceived, MetricId::kPcieRxKbps, kKibPerMib,
                            kMostPcieMibPerSecond};
constexpr GpmRow kNvlinkTx = {abi::kGpmNvlinkTransmitted, MetricId::kNvlinkTxMbps, 1,
                              kMostNvlinkMibPerSecond};
constexpr GpmRow kNvlinkRx = {abi::kGpmNvlinkReceived, MetricId::kNvlinkRxMbps, 1,
                              kMostNvlinkMibPerSecond};
constexpr GpmRow kSm = {abi::kGpmSmUtil, MetricId::kSmUtilization, 1, kHighestPercent};
constexpr GpmRow kOccupancy = {abi::kGpmSmOccupancy, MetricId::kSmOccupancy, 1, kHighestPercent};
constexpr GpmRow kTensor = {abi::kGpmAnyTensorUtil, MetricId::kTensorUtilization, 1,
                            kHighestPercent};
constexpr GpmRow kDram = {abi::kGpmDramBandwidthUtil, MetricId::kDramBandwidthUtilization, 1,
                          kHighestPercent};
/// Where the driver's own utilization is not to be had.
constexpr GpmRow kGraphics = {abi::kGpmGraphicsUtil, MetricId::kGpuUtilization, 1, kHighestPercent};

constexpr GpmRow kOfGpu[] = {kSm,     kOccupancy, kTensor,   kDram,
                             kPcieTx, kPcieRx,    kNvlinkTx, kNvlinkRx};
constexpr GpmRow kOfMigParent[] = {kPcieTx, kPcieRx, kNvlinkTx, kNvlinkRx};
constexpr GpmRow kOfInstance[] = {kGraphics, kSm, kOccupancy, kTensor, kDram};

Reading ReadingOf(const GpmRow& row, const abi::GpmMetric& metric, const char* call,
                  base::SteadyTime taken) {
  if (metric.code != abi::kSuccess) return AbsentReading(call, metric.code);
  // Written so that a NaN fails too.
  if (!(metric.value >= 0 && metric.value <= row.highest)) {
    return NonsenseReading(call, "a number that cannot be");
  }
  const bool percent = row.highest == kHighestPercent;
  return Reading::Value((percent ? std::min(metric.value, 100.0) : metric.value) * row.factor,
                        taken);
}

}  // namespace

std::span<const GpmRow> GpmRowsOfGpu() { return kOfGpu; }
std::span<const GpmRow> GpmRowsOfMigParent() { return kOfMigParent; }
std::span<const GpmRow> GpmRowsOfInstance() { return kOfInstance; }

void Gpm::Read(DeviceCalls& calls, const base::Clock& clock, Readings& readings) {
  const base::SteadyTime now = clock.Now();
  if (!sampled_ || now - *sampled_ >= kLeastInterval) {
    if (const auto absent = TakeSample(calls, now)) {
      for (const GpmRow& row : rows_) readings_[row.metric] = *absent;
    } else {
      readings_ = Compute(calls, now);
    }
  }
  for (const GpmRow& row : rows_) readings[row.metric] = readings_[row.metric];
}

std::optional<Reading> Gpm::WhyUnsupported(DeviceCalls& calls) {
  const auto& symbol = calls.library().gpm_support;
  if (!supported_) {
    abi::GpmSupport support{abi::kGpmVersion, 0};
    const abi::Return code = calls.Call(symbol, support_verdict_, &support);
    if (code != abi::kSuccess) return AbsentReading(symbol.name, code);
    supported_ = support.supported != 0;
  }
  if (*supported_) return std::nullopt;
  return Reading::Absent(
      Missing::kUnsupported,
      std::string(symbol.name) + ": this GPU has no GPM, which came with Hopper");
}

abi::Return Gpm::Sample(DeviceCalls& calls) {
  const Library& library = calls.library();
  if (gpu_instance_) {
    return calls.Call(library.gpm_mig_sample, sample_verdict_, *gpu_instance_, next_);
  }
  return calls.Call(library.gpm_sample, sample_verdict_, next_);
}

std::optional<Reading> Gpm::TakeSample(DeviceCalls& calls, base::SteadyTime now) {
  if (auto absent = WhyUnsupported(calls)) return absent;
  const Library& library = calls.library();
  if (next_ == nullptr) {
    const abi::Return code =
        calls.CallWithoutDevice(library.gpm_sample_alloc, alloc_verdict_, &next_);
    if (code != abi::kSuccess) return AbsentReading(library.gpm_sample_alloc.name, code);
  }
  const abi::Return code = Sample(calls);
  if (code != abi::kSuccess) {
    return AbsentReading(gpu_instance_ ? library.gpm_mig_sample.name : library.gpm_sample.name,
                         code);
  }
  std::swap(last_, next_);
  const bool first = !sampled_;
  sampled_ = now;
  if (!first) return std::nullopt;
  return Reading::Absent(Missing::kNotSampledYet, "GPM needs a second sample");
}

Readings Gpm::Compute(DeviceCalls& calls, base::SteadyTime now) {
  if (request_ == nullptr) request_ = std::make_unique<abi::GpmMetricsGet>();
  *request_ = {};
  request_->version = abi::kGpmVersion;
  request_->metric_count = static_cast<unsigned int>(rows_.size());
  // After the swap the earlier of the two is what the next sample overwrites.
  request_->sample1 = next_;
  request_->sample2 = last_;
  for (size_t i = 0; i < rows_.size(); ++i) request_->metrics[i].id = rows_[i].id;
  const auto& symbol = calls.library().gpm_metrics;
  const abi::Return code = calls.CallWithoutDevice(symbol, metrics_verdict_, request_.get());
  Readings readings;
  for (size_t i = 0; i < rows_.size(); ++i) {
    readings[rows_[i].metric] = code == abi::kSuccess
                                    ? ReadingOf(rows_[i], request_->metrics[i], symbol.name, now)
                                    : AbsentReading(symbol.name, code);
  }
  return readings;
}

void Gpm::Close(const Library& library, CallMark& mark) {
  for (abi::GpmSample* sample : {&last_, &next_}) {
    // Whatever it answers, there is no other way to be rid of it.
    if (*sample != nullptr) Invoke(mark, library.gpm_sample_free, *sample);
    *sample = nullptr;
  }
  sampled_.reset();
}

}  // namespace kgs::gpu::nvml
