// SPDX-License-Identifier: Apache-2.0
#include "gpu/nvml/counters.h"

#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>

#include "gpu/plausible.h"

namespace kgs::gpu::nvml {
namespace {

using model::Missing;
using model::Reading;

constexpr double kBytesPerKib = 1024;
constexpr double kKibPerMib = 1024;
/// Far above any: 10 TiB.
constexpr double kMostNvlinkBytesPerSecond = 10.0 * 1024 * 1024 * 1024 * 1024;

struct Field {
  abi::FieldId id;
  unsigned int scope;
  /// Of a counter of bytes: how many one count means.
  double bytes_a_count;
  double most_bytes_per_second;
};
// By Counters::Place.
constexpr Field kFields[] = {
    {abi::kFieldNvlinkLinkCount, 0, 0, 0},
    {abi::kFieldNvlinkDataTransmitted, abi::kAllLinks, kBytesPerKib, kMostNvlinkBytesPerSecond},
    {abi::kFieldNvlinkDataReceived, abi::kAllLinks, kBytesPerKib, kMostNvlinkBytesPerSecond},
    {abi::kFieldPcieBytesTransmitted, 0, 1, kMostPcieBytesPerSecond},
    {abi::kFieldPcieBytesReceived, 0, 1, kMostPcieBytesPerSecond},
    {abi::kFieldRecoveryAction, 0, 0, 0},
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

void Counters::Ask(DeviceCalls& calls, const base::Clock& clock) {
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
  asked_ = clock.Now();
  const abi::Return code =
      calls.Call(calls.library().field_values, verdict_, count, request.data());
  answered_ = clock.Now();
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    abi::FieldValue& answer = answers_[places[i]];
    answer = request[i];
    if (code != abi::kSuccess) answer.code = code;
    // Where the GPU is there, this is how a driver may call a field that it does not know.
    if (answer.code == abi::kInvalidArgument && calls.Condemnation().empty()) {
      answer.code = abi::kNotSupported;
    }
    verdicts_[places[i]].Learn(answer.code);
  }
}

Reading Counters::Rate(Place place, double per_unit, const char* call) {
  const abi::FieldValue& field = Answer(place);
  const std::string name = std::string(call) + " " + std::to_string(kFields[place].id);
  if (field.code != abi::kSuccess) return AbsentReading(name.c_str(), field.code);
  if (!Has64Bits(field.value_type)) {
    return Reading::Absent(Missing::kUnsupported,
                           name + ": counts in 32 bits, which wrap too often to tell");
  }
  const std::optional<uint64_t> count = CountOf(field);
  if (!count) {
    return Reading::Absent(Missing::kDriverError, name + ": the driver answered no count");
  }
  const CounterRate::Result result =
      rates_[place].Add({*count, field.timestamp, asked_, answered_});
  switch (result.kind) {
    case CounterRate::Kind::kFirst:
      return Reading::Absent(Missing::kNotSampledYet, name + ": a rate needs a second look");
    case CounterRate::Kind::kSameMoment:
      // Not counted anew since: what was read then still is the last.
      return readings_[place];
    case CounterRate::Kind::kFell:
      return Reading::Absent(Missing::kNotReady, name + ": the counter wrapped or began anew");
    case CounterRate::Kind::kTimeUnclear:
      return Reading::Absent(Missing::kNotReady,
                             name + ": it is not clear for how long it counted");
    case CounterRate::Kind::kRate:
      break;
  }
  if (result.per_second * kFields[place].bytes_a_count > kFields[place].most_bytes_per_second) {
    return Reading::Absent(Missing::kNotReady, name + ": a rate that cannot be");
  }
  return Reading::Value(result.per_second / per_unit, asked_);
}

Counters::Result Counters::Read(DeviceCalls& calls, const base::Clock& clock) {
  Ask(calls, clock);
  const char* call = calls.library().field_values.name;
  Result result;
  const auto read = [&](Place place, double per_unit) {
    return readings_[place] = Rate(place, per_unit, call);
  };
  result.nvlink_tx = read(kNvlinkTx, kKibPerMib);
  result.nvlink_rx = read(kNvlinkRx, kKibPerMib);
  result.pcie_tx = read(kPcieTx, kBytesPerKib);
  result.pcie_rx = read(kPcieRx, kBytesPerKib);
  const abi::FieldValue& links = Answer(kLinks);
  const auto offers = [this](Place place) { return Answer(place).code != abi::kNotSupported; };
  result.no_nvlink = links.code == abi::kSuccess
                         ? CountOf(links) == 0
                         : !offers(kLinks) && !offers(kNvlinkTx) && !offers(kNvlinkRx);
  const abi::FieldValue& action = Answer(kRecovery);
  if (action.code == abi::kSuccess) {
    if (const auto number = CountOf(action)) recovery_action_ = ActionName(*number);
  }
  // What was told last stays where a GPU that is lost answers nothing any more.
  result.recovery_action = recovery_action_;
  return result;
}

}  // namespace kgs::gpu::nvml
