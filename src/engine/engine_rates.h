// SPDX-License-Identifier: Apache-2.0
//
// From what pages say to values. Pure: time is that of the readings.
#pragma once

#include <vector>

#include "engine/page_query.h"
#include "engine/page_reading.h"
#include "model/engine_reading.h"

namespace kgs::engine {

/// A value or a reason for each of \p query's wanted(), in that order. Both readings were made for
/// \p query, of the same process: the caller keeps them by the pod's UID and its container's start,
/// not by address.
///
/// A gauge needs \p now alone. What grows is compared with \p before, series by series:
/// - without \p before, or without a series that both have, there is no value yet;
/// - nor where a series fell: the process, or a model in it, began again;
/// - series that one of them lacks are left out: a model was loaded or unloaded;
/// - a mean or a quantile of nothing is no signal, and a rate of nothing is 0.
/// What is combined as a sum is added up before a mean or a quantile is taken of it. Quantiles are
/// interpolated within a bucket, as Prometheus does; what lies beyond the last bound is that bound.
std::vector<model::EngineReading> EngineValues(const PageQuery& query, const PageReading* before,
                                               const PageReading& now);

}  // namespace kgs::engine
