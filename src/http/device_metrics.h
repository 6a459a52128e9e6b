// SPDX-License-Identifier: Apache-2.0
//
// The families of GPUs and drivers on the Prometheus page, beside the readings.
#pragma once

#include <vector>

#include "http/metrics_page.h"
#include "http/page_builder.h"
#include "model/node_snapshot.h"

namespace kgs::http {

/// By which every series of a GPU is told from others.
PageBuilder::Labels GpuLabels(const model::GpuIdentity& gpu);

void AddDevices(const model::NodeSnapshot& snapshot, PageBuilder& page);
void AddGpuHealth(const model::NodeSnapshot& snapshot, PageBuilder& page);
void AddDriverCalls(const std::vector<DriverCallMetrics>& calls, PageBuilder& page);

}  // namespace kgs::http
