// SPDX-License-Identifier: Apache-2.0
//
// Between our values and the messages of proto/fleet.proto: the only place that knows both.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "fleet.pb.h"
#include "fleet/clock_offset.h"
#include "fleet/engine_scrapes.h"
#include "fleet/interest.h"
#include "model/node_report.h"

namespace kgs::fleet {

namespace pb = kedagpuscaler::fleet::v1;

/// What one report may hold; more is refused, so that no agent can make a hub hold what it likes.
inline constexpr size_t kMostGpus = 1024;
inline constexpr size_t kMostPods = 4096;
/// Over all pods.
inline constexpr size_t kMostHeldDevices = 16384;
/// Over all GPUs: what pods use of them.
inline constexpr size_t kMostPodUses = 16384;
inline constexpr size_t kMostMetrics = 1024;
inline constexpr size_t kMostSources = 64;
inline constexpr size_t kLongestText = 64 << 10;
inline constexpr size_t kMostEngineValues = kMostEngineQueries;
/// Of an engine reading, cut by the agent.
inline constexpr size_t kLongestEngineDetail = 512;
/// Of the scrapes of one node, so that what a hub says stays below an agent's limit of 1 MiB.
inline constexpr size_t kMostScrapeBytes = 768 << 10;
/// Of the crossings of engines, which go to an agent in the same message.
inline constexpr size_t kMostEngineCrossingBytes = 128 << 10;
/// Around a message in a message.
inline constexpr size_t kMostFraming = 8;

/// The agent's side of one stream: remembers which layout the hub has.
class ReportWriter {
 public:
  /// Fills \p message; \p sent is its sent_ns. The layout goes along where it is not the last one
  /// that was written. Text that is not UTF-8 is mended: protobuf would make a message of it that
  /// nobody can read.
  void Write(const model::NodeReport& report, base::SteadyTime sent, pb::Report* message);

 private:
  uint64_t sequence_ = 0;
  /// The layout that was written last, serialized.
  std::string layout_;
};

struct ReportLayout;

/// The hub's side of one stream: holds its last layout.
class ReportReader {
 public:
  explicit ReportReader(std::string node) : node_(std::move(node)) {}

  /// With all times translated into ours by \p offset, which must have been given this message.
  /// INVALID_ARGUMENT, naming what is wrong, for a message that contradicts itself (a report before
  /// any layout, an index out of range, a sequence that does not rise, a value that was read after
  /// it was sent); the stream must then end.
  ///
  /// So no reading is of our future, and none seems younger than it is by more than the shortest
  /// way a message took. A number that is not finite, NaN aside, is an absent reading; a metric
  /// that the agent does not know is absent as not sampled, never as unsupported: nothing may be
  /// left out for it.
  absl::StatusOr<std::shared_ptr<const model::NodeReport>> Read(const pb::Report& message,
                                                                const ClockOffset& offset);

 private:
  const std::string node_;
  uint64_t last_sequence_ = 0;
  /// The last one, with the last report, from which the next is made: what seldom changes is held
  /// once. Null before the first.
  std::shared_ptr<ReportLayout> layout_;
};

/// No more than kMostCrossings of GPUs and as many of engines, and kMostMetrics, either way.
pb::Interest ToWire(const Interest& interest);
/// What this version does not know is left out, and so is a threshold that is no number.
Interest FromWire(const pb::Interest& interest);

/// An Interest with the scrapes alone, for an agent's own node; \p left_out counts the queries that
/// it cannot hold.
pb::Interest ToWire(const EngineScrapes& scrapes, size_t* left_out);
/// What cannot be asked is left out: a query without an interval, or of no port that there is.
EngineScrapes EngineScrapesFromWire(const pb::Interest& interest);

}  // namespace kgs::fleet
