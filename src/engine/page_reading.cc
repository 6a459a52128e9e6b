// SPDX-License-Identifier: Apache-2.0
#include "engine/page_reading.h"

#include "engine/queue_counts.h"

namespace kgs::engine {

absl::Status PageReader::Feed(std::string_view piece) {
  // Blanks before it are left to whoever reads what follows.
  if (json_ == Json::kMaybe && piece.find_first_not_of(" \t\r\n") != piece.npos) {
    json_ = BeginsAsJson(piece) ? Json::kYes : Json::kNo;
  }
  return json_ == Json::kYes ? KeepJson(piece) : reader_.Feed(piece);
}

absl::Status PageReader::KeepJson(std::string_view piece) {
  if (text_.size() + piece.size() > kMostQueueCountsBytes) {
    return absl::ResourceExhaustedError("the page has more than " +
                                        std::to_string(kMostQueueCountsBytes) + " bytes of JSON");
  }
  text_ += piece;
  return absl::OkStatus();
}

absl::StatusOr<PageReading> PageReader::Finish(BodyEnd end, base::SteadyTime taken) {
  absl::Status status = json_ == Json::kYes ? ReadQueueCounts(text_, kept_) : reader_.Finish(end);
  if (!status.ok()) return status;
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
