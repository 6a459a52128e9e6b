// SPDX-License-Identifier: Apache-2.0
//
// Between our values and the messages of proto/fleet.proto: the only place that knows both.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "fleet.pb.h"
#include "fleet/clock_offset.h"
#include "fleet/interest.h"
#include "model/node_report.h"

namespace kgs::fleet {

namespace pb = kedagpuscaler::fleet::v1;

/// The agent's side of one stream: remembers which layout the hub has.
class ReportWriter {
 public:
  /// Fills \p message; \p sent is its sent_ns. The layout goes along where it is not the last one
  /// that was written.
  void Write(const model::NodeReport& report, base::SteadyTime sent, pb::Report* message);

 private:
  uint64_t sequence_ = 0;
  /// The layout that was written last, serialized.
  std::string layout_;
};

/// The hub's side of one stream: holds its last layout.
class ReportReader {
 public:
  explicit ReportReader(std::string node) : node_(std::move(node)) {}

  /// With all times translated into ours by \p offset, which must have been given this message.
  /// INVALID_ARGUMENT, naming what is wrong, for a message that contradicts itself (a report before
  /// any layout, an index out of range, a sequence that does not rise); the stream must then end.
  absl::StatusOr<std::shared_ptr<const model::NodeReport>> Read(const pb::Report& message,
                                                                const ClockOffset& offset);

 private:
  const std::string node_;
  uint64_t last_sequence_ = 0;
  // What else of the last layout is needed to read the values that follow.
  struct Layout;
  std::shared_ptr<const Layout> layout_;
};

pb::Interest ToWire(const Interest& interest);
/// What this version does not know is left out.
Interest FromWire(const pb::Interest& interest);

}  // namespace kgs::fleet
