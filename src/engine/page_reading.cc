// SPDX-License-Identifier: Apache-2.0
#include "engine/page_reading.h"

namespace kgs::engine {

absl::StatusOr<PageReading> PageReader::Finish(BodyEnd end, base::SteadyTime taken) {
  if (absl::Status status = reader_.Finish(end); !status.ok()) return status;
  PageReading reading;
  reading.taken = taken;
  reading.signals.reserve(query_.wanted().size());
  for (const Wanted& wanted : query_.wanted()) {
    reading.signals.push_back(ReadSignal(query_, wanted, kept_));
  }
  for (const Dialect* dialect : query_.dialects()) {
    if (kept_.HasNameOf(*dialect)) reading.recognised.push_back(dialect);
  }
  reading.samples = reader_.samples();
  reading.malformed = kept_.malformed();
  reading.duplicates = kept_.duplicates();
  return reading;
}

}  // namespace kgs::engine
