// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "model/node_snapshot.h"

namespace kgs::sampling {

/// Gives each MIG device among \p gpus, those of one driver, what it shares with its GPU
/// (temperature, power, PCIe, NVLink): the GPU's value, or its reason for having none.
void ShareWithMigDevices(std::vector<model::GpuSnapshot>& gpus);

/// The metrics that a MIG device has of its own.
model::MetricSet OfInstance();

}  // namespace kgs::sampling
