// SPDX-License-Identifier: Apache-2.0
#include "gpu/nvml/device.h"

#include "gpu/nvml/identity.h"
#include "gpu/plausible.h"

namespace kgs::gpu::nvml {
namespace {

using model::MetricId;
using model::Missing;
using model::Reading;
using model::Readings;

constexpr double kBytesPerKb = 1000;

}  // namespace

// What was read before the bad news goes too: a handle that is no longer ours may have answered for
// another GPU.
bool Judge(const DeviceCalls& calls, DeviceSample& sample) {
  if (calls.gpu_lost()) {
    sample.state = model::DeviceState::kLost;
    sample.state_reason = calls.Condemnation();
    sample.readings = AllAbsent(Missing::kDriverError, sample.state_reason);
    sample.processes.reset();
    return true;
  }
  if (calls.session_over()) {
    sample.session_broken = true;
    sample.readings = AllAbsent(Missing::kDriverError, calls.Condemnation());
    sample.processes.reset();
    return true;
  }
  return false;
}

DeviceSample NvmlDevice::Read(const base::Clock& clock) {
  calls_.BeginRound();
  DeviceSample sample;
  // First, since a GPU that is lost answers nothing else, and this says what is to be done to it.
  const Counters::Result counted = counters_.Read(calls_, clock);
  sample.recovery_action = counted.recovery_action;
  ReadOfGpuAlone(clock, sample.readings);
  sample.readings[MetricId::kTemperature] = ReadTemperature(clock);
  sample.readings[MetricId::kPowerDraw] = ReadPower(clock);
  ReadLinks(counted, clock, sample);
  if (processes_) sample.processes = processes_->Read(calls_, clock);
  if (!Judge(calls_, sample) && !HasSameMigDevices()) sample.session_broken = true;
  return sample;
}

// Here rather than in Check, so that a GPU that hangs in it keeps only itself.
bool NvmlDevice::HasSameMigDevices() {
  if (!mig_.possible) return true;
  return mig_.StillHolds(LookAtMig(calls_.library(), calls_.mark(), handle_, mig_.ours));
}

void NvmlDevice::ReadOfGpuAlone(const base::Clock& clock, Readings& readings) {
  if (mig_.known && !mig_.enabled) {
    ReadUtilization(clock, readings);
    memory_.Read(calls_, clock, readings);
    return;
  }
  const Reading absent =
      mig_.known
          ? Reading::Absent(Missing::kOfMigDevices, "MIG is enabled: each MIG device has its own")
          : Reading::Absent(Missing::kDriverError,
                            "the driver does not tell whether the GPU has MIG devices");
  for (const MetricId metric :
       {MetricId::kGpuUtilization, MetricId::kMemoryUtilization, MetricId::kMemoryUsedMib,
        MetricId::kMemoryTotalMib, MetricId::kMemoryUsedPercent, MetricId::kSmUtilization,
        MetricId::kSmOccupancy, MetricId::kTensorUtilization,
        MetricId::kDramBandwidthUtilization}) {
    readings[metric] = absent;
  }
}

// From GPM, which averages over the time since the last round; else from counters; PCIe else by the
// call that blocks.
void NvmlDevice::ReadLinks(const Counters::Result& counted, const base::Clock& clock,
                           DeviceSample& sample) {
  Readings& readings = sample.readings;
  gpm_.Read(calls_, clock, readings);
  const auto stand_in = [&readings](MetricId metric, const Reading& reading) {
    Reading& first = readings[metric];
    if (!first.has_value() && first.reason() == Missing::kUnsupported) first = reading;
  };
  stand_in(MetricId::kNvlinkTxMbps, counted.nvlink_tx);
  stand_in(MetricId::kNvlinkRxMbps, counted.nvlink_rx);
  stand_in(MetricId::kPcieTxKbps, counted.pcie_tx);
  stand_in(MetricId::kPcieRxKbps, counted.pcie_rx);
  for (const MetricId metric : {MetricId::kNvlinkTxMbps, MetricId::kNvlinkRxMbps}) {
    // GPM may answer 0 for what is not there.
    Reading& reading = readings[metric];
    if (counted.no_nvlink && (!reading.has_value() || reading.value() == 0)) {
      reading = Reading::Absent(Missing::kUnsupported, "this GPU has no NVLink");
    }
  }
  const SymbolBase& blocking = calls_.library().pcie_throughput;
  if (blocking.address == nullptr) return;
  for (const MetricId metric : {MetricId::kPcieTxKbps, MetricId::kPcieRxKbps}) {
    Reading& reading = readings[metric];
    if (reading.has_value() || reading.reason() != Missing::kUnsupported) continue;
    sample.slow.set(model::Index(metric));
    reading = Reading::Absent(Missing::kNotRequested,
                              std::string(blocking.name) +
                                  " blocks for 20 ms: it is called while a trigger or "
                                  "--always-read asks for it");
  }
}

Readings NvmlDevice::ReadSlow(const model::MetricSet& metrics, const base::Clock& clock) {
  slow_calls_.BeginRound();
  Readings readings;
  const auto& symbol = slow_calls_.library().pcie_throughput;
  const auto read = [&](MetricId metric, abi::PcieCounter counter, CallVerdict& verdict) {
    if (!metrics.test(model::Index(metric))) return;
    const base::SteadyTime taken = clock.Now();
    unsigned int kbps = 0;
    const abi::Return code = slow_calls_.Call(symbol, verdict, counter, &kbps);
    if (code != abi::kSuccess) {
      readings[metric] = AbsentReading(symbol.name, code);
    } else if (kbps * kBytesPerKb > kMostPcieBytesPerSecond) {
      readings[metric] = NonsenseReading(symbol.name, "more than 1 TB/s");
    } else {
      readings[metric] = Reading::Value(kbps, taken);
    }
  };
  read(MetricId::kPcieTxKbps, abi::kPcieTransmitted, pcie_transmitted_);
  read(MetricId::kPcieRxKbps, abi::kPcieReceived, pcie_received_);
  return readings;
}

void NvmlDevice::EndSession(CallMark& mark) { gpm_.Close(calls_.library(), mark); }

void NvmlDevice::ReadUtilization(const base::Clock& clock, Readings& readings) {
  rates_.reset();
  readings[MetricId::kGpuUtilization] = ReadSampled(gpu_samples_, clock, &abi::Utilization::gpu);
  readings[MetricId::kMemoryUtilization] =
      ReadSampled(memory_samples_, clock, &abi::Utilization::memory);
}

Reading NvmlDevice::ReadSampled(UtilizationSamples& samples, const base::Clock& clock,
                                unsigned int abi::Utilization::* rate) {
  const base::SteadyTime taken = clock.Now();
  const UtilizationSamples::Result sampled = samples.Read(calls_);
  switch (sampled.kind) {
    case UtilizationSamples::Kind::kMean:
      return Reading::Value(sampled.mean, taken);
    case UtilizationSamples::Kind::kFailed:
      return AbsentReading(calls_.library().samples.name, sampled.code);
    case UtilizationSamples::Kind::kNonsense:
      return NonsenseReading(calls_.library().samples.name, sampled.nonsense);
    case UtilizationSamples::Kind::kUseRates:
      break;
  }
  return ReadRate(clock, rate);
}

Reading NvmlDevice::ReadRate(const base::Clock& clock, unsigned int abi::Utilization::* rate) {
  const auto& symbol = calls_.library().utilization_rates;
  if (!rates_) {
    Rates rates{clock.Now(), abi::kSuccess, {}};
    rates.code = calls_.Call(symbol, utilization_rates_, &rates.values);
    rates_ = rates;
  }
  if (rates_->code != abi::kSuccess) return AbsentReading(symbol.name, rates_->code);
  const unsigned int percent = rates_->values.*rate;
  return PercentReading(symbol.name, percent, rates_->taken);
}

Reading NvmlDevice::ReadTemperature(const base::Clock& clock) {
  const base::SteadyTime taken = clock.Now();
  const SymbolBase* symbol = &calls_.library().temperature_v;
  abi::TemperatureV1 answer{abi::kTemperatureV1Version, abi::kGpuDie, 0};
  abi::Return code = calls_.Call(calls_.library().temperature_v, temperature_v_, &answer);
  if (EffectOf(code) == Effect::kCallNeverWorks) {
    symbol = &calls_.library().temperature;
    unsigned int older = 0;
    code = calls_.Call(calls_.library().temperature, temperature_, abi::kGpuDie, &older);
    // Unsigned by declaration only: cold is a large number here.
    answer.temperature = static_cast<int>(older);
  }
  if (code != abi::kSuccess) return AbsentReading(symbol->name, code);
  return TemperatureReading(symbol->name, answer.temperature, taken);
}

Reading NvmlDevice::ReadPower(const base::Clock& clock) {
  const base::SteadyTime taken = clock.Now();
  const auto& symbol = calls_.library().power_usage;
  unsigned int milliwatts = 0;
  const abi::Return code = calls_.Call(symbol, power_usage_, &milliwatts);
  if (code != abi::kSuccess) return AbsentReading(symbol.name, code);
  return PowerReading(symbol.name, milliwatts / 1000.0, taken);
}

DeviceSample UnidentifiedDevice::Read(const base::Clock&) {
  DeviceSample sample;
  if (ticket_.expired()) {
    sample.session_broken = true;
    sample.readings = AllAbsent(Missing::kDriverError,
                                Describe(library_->handle_by_index.name, abi::kUninitialized));
    return sample;
  }
  const Identification found = Identify(*library_, mark_, index_);
  if (found.code == abi::kSuccess) {
    sample.session_broken = true;
    sample.readings =
        AllAbsent(Missing::kDriverError, "identified only after the driver was opened");
    return sample;
  }
  const std::string why = Describe(found.call, found.code);
  sample.readings = AllAbsent(Missing::kDriverError, why);
  const Effect effect = EffectOf(found.code);
  if (effect == Effect::kGpuLost) {
    sample.state = model::DeviceState::kLost;
    sample.state_reason = why;
  } else if (effect == Effect::kNotPermitted && refusal_ == Refusal::kNotOurs) {
    sample.state = model::DeviceState::kNotPermitted;
    sample.state_reason = why;
  } else if (effect == Effect::kSessionOver) {
    sample.session_broken = true;
  }
  return sample;
}

}  // namespace kgs::gpu::nvml
