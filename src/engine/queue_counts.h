// SPDX-License-Identifier: Apache-2.0
//
// What an interceptor of KEDA's HTTP add-on answers at /queue:
//
//   {"team/route": {"Concurrency": 3, "RequestCount": 42}, ...}
//
// Shown as the samples that its Prometheus page has for the same facts, so that nothing after it
// knows the difference. Pure.
#pragma once

#include <absl/status/status.h>

#include <string_view>

#include "engine/exposition_reader.h"

namespace kgs::engine {

/// Far more than any interceptor has routes.
inline constexpr size_t kMostQueueCountsBytes = size_t{1} << 20;

/// Whether \p page, so far as it is known, is JSON rather than an exposition.
bool BeginsAsJson(std::string_view page);

/// Shows \p visitor each route as interceptor_request_concurrency and, where it is there,
/// interceptor_request_count_total, labelled route_namespace and route_name. A route with something
/// else in it is shown as malformed. INVALID_ARGUMENT where this is no JSON object.
absl::Status ReadQueueCounts(std::string_view page, ExpositionVisitor& visitor);

}  // namespace kgs::engine
