// SPDX-License-Identifier: Apache-2.0
//
// What the engines of one replica say at one moment. Pure.
#pragma once

#include "base/clock.h"
#include "decision/measure.h"
#include "decision/units.h"
#include "trigger/trigger.h"

namespace kgs::decision {

/// The sum over the pods of \p unit where \p metric is a demand, else the largest. Of a group of a
/// LeaderWorkerSet its leader is asked alone, since the others serve no page. A pod whose engine
/// sleeps is left out; where all sleep the reading is asleep. A time in which nothing happened
/// counts as 0. Nothing where any other pod has no fresh value; the reason is without what came
/// from the environment where \p hidden.
UnitReading ReadEngines(const trigger::EngineMetric& metric, bool hidden, const Unit& unit,
                        base::SteadyTime now);

}  // namespace kgs::decision
