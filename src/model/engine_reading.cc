// SPDX-License-Identifier: Apache-2.0
#include "model/engine_reading.h"

namespace kgs::model {

std::string_view EngineGapName(EngineGap gap) {
  switch (gap) {
    case EngineGap::kNoValueYet:
      return "no value yet";
    case EngineGap::kNothingHappened:
      return "nothing happened";
    case EngineGap::kAbsent:
      return "absent";
    case EngineGap::kUnknown:
      return "unknown";
    case EngineGap::kFault:
      return "fault";
    case EngineGap::kSleeping:
      return "sleeping";
  }
  return "";
}

}  // namespace kgs::model
