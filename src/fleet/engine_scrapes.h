// SPDX-License-Identifier: Apache-2.0
//
// Which engines the agent of a node is to ask. Pure.
#pragma once

#include <cstddef>
#include <vector>

#include "model/engine_scrape.h"

namespace kgs::fleet {

/// By pod_uid, each once.
using EngineScrapes = std::vector<model::EngineScrape>;

/// Queries of one node; what is beyond is not asked.
inline constexpr size_t kMostEngineQueries = 4096;

/// What any of \p parts asks for, in order. Of a query that several ask the shortest interval
/// counts; where they differ about a pod, those count that know of its later start.
EngineScrapes UnionOf(const std::vector<EngineScrapes>& parts);

}  // namespace kgs::fleet
