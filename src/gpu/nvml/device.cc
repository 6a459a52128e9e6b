// SPDX-License-Identifier: Apache-2.0
#include "gpu/nvml/device.h"

#include "gpu/nvml/identity.h"

namespace kgs::gpu::nvml {
namespace {

using model::MetricId;
using model::Missing;
using model::Reading;
using model::Readings;

constexpr double kBytesPerMib = 1024.0 * 1024.0;
constexpr int kColdestCelsius = -100;
constexpr int kHottestCelsius = 250;
constexpr double kMostWatts = 100'000;

Reading Nonsense(const SymbolBase& symbol, const std::string& what) {
  return Reading::Absent(Missing::kDriverError,
                         std::string(symbol.name) + ": the driver answered " + what);
}

Readings AllAbsent(const std::string& detail) {
  Readings readings;
  for (size_t i = 0; i < model::kMetricCount; ++i) {
    readings[static_cast<MetricId>(i)] = Reading::Absent(Missing::kDriverError, detail);
  }
  return readings;
}

void SetMemory(Readings& readings, const Reading& used, const Reading& total,
               const Reading& percent) {
  readings[MetricId::kMemoryUsedMib] = used;
  readings[MetricId::kMemoryTotalMib] = total;
  readings[MetricId::kMemoryUsedPercent] = percent;
}

}  // namespace

DeviceSample NvmlDevice::Read(const base::Clock& clock) {
  calls_.BeginRound();
  DeviceSample sample;
  ReadUtilization(clock, sample.readings);
  ReadMemory(clock, sample.readings);
  sample.readings[MetricId::kTemperature] = ReadTemperature(clock);
  sample.readings[MetricId::kPowerDraw] = ReadPower(clock);

  // What was read before the bad news goes too: a handle that is no longer ours may have answered
  // for another GPU.
  if (calls_.gpu_lost()) {
    sample.state = model::DeviceState::kLost;
    sample.state_reason = calls_.Condemnation();
    sample.readings = AllAbsent(sample.state_reason);
  } else if (calls_.session_over()) {
    sample.session_broken = true;
    sample.readings = AllAbsent(calls_.Condemnation());
  }
  return sample;
}

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
      return Nonsense(calls_.library().samples, sampled.nonsense);
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
  if (percent > 100) return Nonsense(symbol, "a utilization outside 0..100");
  return Reading::Value(percent, rates_->taken);
}

// The two calls differ in whether "used" includes what the driver reserves for itself; a session
// stays with the one that works, so the difference is never seen as a change.
void NvmlDevice::ReadMemory(const base::Clock& clock, Readings& readings) {
  const base::SteadyTime taken = clock.Now();
  const SymbolBase* symbol = &calls_.library().memory_info_v2;
  abi::MemoryV2 memory{};
  memory.version = abi::kMemoryV2Version;
  abi::Return code = calls_.Call(calls_.library().memory_info_v2, memory_info_v2_, &memory);
  if (EffectOf(code) == Effect::kCallNeverWorks) {
    symbol = &calls_.library().memory_info;
    abi::Memory older{};
    code = calls_.Call(calls_.library().memory_info, memory_info_, &older);
    memory.total = older.total;
    memory.used = older.used;
  }
  if (code != abi::kSuccess) {
    const Reading absent = AbsentReading(symbol->name, code);
    return SetMemory(readings, absent, absent, absent);
  }
  if (memory.total == 0 || memory.used > memory.total) {
    const Reading absent =
        Nonsense(*symbol, memory.total == 0 ? "a total of 0" : "more used than there is");
    return SetMemory(readings, absent, absent, absent);
  }
  const auto used = static_cast<double>(memory.used);
  const auto total = static_cast<double>(memory.total);
  SetMemory(readings, Reading::Value(used / kBytesPerMib, taken),
            Reading::Value(total / kBytesPerMib, taken), Reading::Value(100 * used / total, taken));
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
  if (answer.temperature < kColdestCelsius || answer.temperature > kHottestCelsius) {
    return Nonsense(*symbol, "a temperature outside -100..250 C");
  }
  return Reading::Value(answer.temperature, taken);
}

Reading NvmlDevice::ReadPower(const base::Clock& clock) {
  const base::SteadyTime taken = clock.Now();
  const auto& symbol = calls_.library().power_usage;
  unsigned int milliwatts = 0;
  const abi::Return code = calls_.Call(symbol, power_usage_, &milliwatts);
  if (code != abi::kSuccess) return AbsentReading(symbol.name, code);
  const double watts = milliwatts / 1000.0;
  if (watts > kMostWatts) return Nonsense(symbol, "more than 100 kW");
  return Reading::Value(watts, taken);
}

DeviceSample UnidentifiedDevice::Read(const base::Clock&) {
  DeviceSample sample;
  if (ticket_.expired()) {
    sample.session_broken = true;
    sample.readings = AllAbsent(Describe(library_->handle_by_index.name, abi::kUninitialized));
    return sample;
  }
  const Identification found = Identify(*library_, mark_, index_);
  if (found.code == abi::kSuccess) {
    sample.session_broken = true;
    sample.readings = AllAbsent("identified only after the driver was opened");
    return sample;
  }
  const std::string why = Describe(found.call, found.code);
  sample.readings = AllAbsent(why);
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
