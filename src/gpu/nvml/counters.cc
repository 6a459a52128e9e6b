// SPDX-License-Identifier: Apache-2.0
#include "gpu/nvml/counters.h"

#include <cstdint>
#include <optional>

namespace kgs::gpu::nvml {
namespace {

using model::Missing;
using model::Reading;

constexpr double kBytesPerKib = 1024;
constexpr double kKibPerMib = 1024;
/// Far above any link, in KiB a second: 10 TiB.
constexpr double kMostKibPerSecond = 10.0 * 1024 * 1024 * 1024;

struct Field {
  abi::FieldId id;
  unsigned int scope;
};
// By Counters::Place.
constexpr Field kFields[] = {
    {abi::kFieldNvlinkLinkCount, 0},
    {abi::kFieldNvlinkDataTransmitted, abi::kAllLinks},
    {abi::kFieldNvlinkDataReceived, abi::kAllLinks},
    {abi::kFieldPcieBytesTransmitted, 0},
    {abi::kFieldPcieBytesReceived, 0},
    {abi::kFieldRecoveryAction, 0},
};

std::optional<uint64_t> CountOf(const abi::FieldValue& field) {
  switch (field.value_type) {
    case abi::kUnsignedInt:
      return field.value.ui;
    case abi::kUnsignedLong:
      return field.value.ul;
    case abi::kUnsignedLongLong:
      return field.value.ull;
    case abi::kSignedLongLong:
      if (field.value.sll >= 0) return static_cast<uint64_t>(field.value.sll);
      return std::nullopt;
    case abi::kSignedInt:
      if (field.value.si >= 0) return static_cast<uint64_t>(field.value.si);
      return std::nullopt;
    case abi::kUnsignedShort:
      return field.value.us;
    case abi::kDouble:
      break;
  }
  return std::nullopt;
}

bool Has64Bits(abi::ValueType type) {
  return type == abi::kUnsignedLongLong || type == abi::kUnsignedLong ||
         type == abi::kSignedLongLong;
}

const char* ActionName(uint64_t action) {
  switch (action) {
    case abi::kRecoveryNone:
      return "";
    case abi::kRecoveryGpuReset:
      return "gpu_reset";
    case abi::kRecoveryNodeReboot:
      return "node_reboot";
    case abi::kRecoveryDrainP2p:
      return "drain_p2p";
    case abi::kRecoveryDrainAndReset:
      return "drain_and_reset";
    case abi::kRecoveryImexDomain:
      return "recover_imex_domain";
    case abi::kRecoveryBusReset:
      return "bus_reset";
    case abi::kRecoverySystemReboot:
      return "system_reboot";
    default:
      return "unknown";
  }
}

}  // namespace

void Counters::Ask(DeviceCalls& calls) {
  static_assert(std::size(kFields) == kPlaces);
  std::array<abi::FieldValue, kPlaces> request{};
  std::array<size_t, kPlaces> places{};
  int count = 0;
  for (size_t place = 0; place < kPlaces; ++place) {
    answers_[place] = {};
    answers_[place].code = verdicts_[place].never();
    if (answers_[place].code != abi::kSuccess) continue;
    abi::FieldValue& field = request[static_cast<size_t>(count)];
    field.field_id = kFields[place].id;
    field.scope_id = kFields[place].scope;
    places[static_cast<size_t>(count++)] = place;
  }
  if (count == 0) return;
  const abi::Return code =
      calls.Call(calls.library().field_values, verdict_, count, request.data());
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    abi::FieldValue& answer = answers_[places[i]];
    answer = request[i];
    if (code != abi::kSuccess) answer.code = code;
    // Where the GPU is there, this is how a driver may call a field that it does not know.
    if (answer.code == abi::kInvalidArgument && !calls.session_over()) {
      answer.code = abi::kNotSupported;
    }
    verdicts_[places[i]].Learn(answer.code);
  }
}

Reading Counters::Rate(Place place, base::SteadyTime asked, double per_unit, const char* call) {
  const abi::FieldValue& field = Answer(place);
  const std::string name = std::string(call) + " " + std::to_string(kFields[place].id);
  if (field.code != abi::kSuccess) return AbsentReading(name.c_str(), field.code);
  const std::optional<uint64_t> count = CountOf(field);
  if (!count) {
    return Reading::Absent(Missing::kDriverError, name + ": the driver answered no count");
  }
  const CounterRate::Result result = rates_[place].Add(*count, field.timestamp, asked);
  switch (result.kind) {
    case CounterRate::Kind::kFirst:
      return Reading::Absent(Missing::kNotSampledYet, name + ": a rate needs a second look");
    case CounterRate::Kind::kSameMoment:
      return Reading::Absent(Missing::kNotReady, name + ": not counted anew since the last look");
    case CounterRate::Kind::kFell:
      return Reading::Absent(Missing::kNotReady, name + ": the counter wrapped or began anew");
    case CounterRate::Kind::kClockSet:
      return Reading::Absent(Missing::kNotReady, name + ": the driver's clock was set");
    case CounterRate::Kind::kRate:
      break;
  }
  if (result.per_second / per_unit > kMostKibPerSecond) {
    return Reading::Absent(Missing::kNotReady, name + ": a rate that cannot be");
  }
  return Reading::Value(result.per_second / per_unit, asked);
}

Counters::Result Counters::Read(DeviceCalls& calls, const base::Clock& clock) {
  const base::SteadyTime asked = clock.Now();
  Ask(calls);
  const char* call = calls.library().field_values.name;
  Result result;
  result.nvlink_tx = Rate(kNvlinkTx, asked, kKibPerMib, call);
  result.nvlink_rx = Rate(kNvlinkRx, asked, kKibPerMib, call);
  for (const auto& [place, reading] :
       {std::pair{kPcieTx, &result.pcie_tx}, std::pair{kPcieRx, &result.pcie_rx}}) {
    const abi::FieldValue& field = Answer(place);
    if (field.code == abi::kSuccess && !Has64Bits(field.value_type)) {
      *reading =
          Reading::Absent(Missing::kUnsupported, std::string(call) +
                                                     ": counts PCIe bytes in 32 bits, which wrap "
                                                     "too often to tell");
    } else {
      *reading = Rate(place, asked, kBytesPerKib, call);
    }
  }
  if (Answer(kLinks).code == abi::kSuccess) result.no_nvlink = CountOf(Answer(kLinks)) == 0;
  if (Answer(kRecovery).code == abi::kSuccess) {
    const auto action = CountOf(Answer(kRecovery));
    if (action) result.recovery_action = ActionName(*action);
  }
  return result;
}

}  // namespace kgs::gpu::nvml
