// SPDX-License-Identifier: Apache-2.0
//
// A layout as a hub keeps it: what the values of a report mean.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fleet.pb.h"
#include "model/node_report.h"

namespace kgs::fleet {

struct ReportLayout {
  struct Note {
    size_t gpu = 0;
    model::MetricId metric = model::MetricId::kGpuUtilization;
    model::Missing reason = model::Missing::kNotSampledYet;
    std::string detail;
  };
  /// ns is of the agent's clock.
  struct Xid {
    size_t gpu = 0;
    uint64_t code = 0;
    uint64_t count = 0;
    int64_t ns = 0;
  };
  /// A pod that the last answer of the kubelet did not name; ns is of the agent's clock.
  struct OwnListing {
    size_t pod = 0;
    int64_t ns = 0;
    int64_t unix_ms = 0;
  };

  /// By place in a report's values; nothing where this version does not know the metric.
  std::vector<std::optional<model::MetricId>> metrics;
  /// Those that the agent does not know.
  std::vector<model::MetricId> unreported;
  std::vector<Note> notes;
  std::vector<Xid> xids;
  std::vector<OwnListing> own_listings;
  /// A report of this layout, for all but its readings and times. The last one that was read,
  /// rather than a copy.
  std::shared_ptr<const model::NodeReport> form;
};

/// INVALID_ARGUMENT says what is wrong with it: an index out of range, a name twice, too much of
/// something.
absl::StatusOr<std::shared_ptr<ReportLayout>> ParseLayout(
    const kedagpuscaler::fleet::v1::Layout& message, const std::string& node);

}  // namespace kgs::fleet
