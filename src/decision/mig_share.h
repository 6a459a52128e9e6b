// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/metric_id.h"
#include "model/node_snapshot.h"

namespace kgs::decision {

/// The GPU of \p node that \p gpu is a part of; null where it is none, or its GPU is not known.
const model::GpuSnapshot* ParentOf(const model::NodeSnapshot& node, const model::GpuSnapshot& gpu);

/// How many MIG devices of \p node have the reading of \p metric that \p gpu has in common: for
/// what belongs to the whole GPU (its temperature) all of that GPU, else those of its GPU instance,
/// whose compute instances share memory and multiprocessors. 1 for a GPU itself.
int MigSharers(const model::NodeSnapshot& node, const model::GpuSnapshot& gpu,
               model::MetricId metric);

/// Whether the reading is that of the whole GPU, which stands in \p node too: in a sum or a mean
/// over the node's devices it would count again.
bool RepeatsItsGpu(const model::NodeSnapshot& node, const model::GpuSnapshot& gpu,
                   model::MetricId metric);

}  // namespace kgs::decision
