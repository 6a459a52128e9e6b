// SPDX-License-Identifier: Apache-2.0
#include "bench/simulated_fleet.h"

#include <algorithm>
#include <cstdio>

namespace kgs::bench {
namespace {

/// Has no divisor in common with any number of nodes up to 4000, so that pods that follow each
/// other, as those of one workload do, stand on nodes that report at different times.
constexpr int kStride = 7919;

int PodsOfWorkload(int workload) {
  if (workload == kLargeWorkload) return kPodsOfLargeWorkload;
  if (workload == kSmallWorkload) return 1;
  constexpr int kOthers = kWorkloads - 2;
  constexpr int kTheirPods = kPods - kPodsOfLargeWorkload - 1;
  return kTheirPods / kOthers + (workload - 2 < kTheirPods % kOthers ? 1 : 0);
}

template <typename... Arguments>
std::string Format(const char* format, Arguments... arguments) {
  char text[96];
  std::snprintf(text, sizeof text, format, arguments...);
  return text;
}

/// splitmix64.
uint64_t Hash(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

uint64_t GpuHash(int node, int gpu) {
  return Hash(static_cast<uint64_t>(node) * kGpusPerNode + static_cast<uint64_t>(gpu));
}

}  // namespace

SimulatedFleet::SimulatedFleet(int nodes)
    : pods_on_(static_cast<size_t>(nodes)), pods_of_(kWorkloads) {
  pods_.reserve(kPods);
  for (int workload = 0; workload < kWorkloads; ++workload) {
    for (int i = 0; i < PodsOfWorkload(workload); ++i) {
      const int pod = static_cast<int>(pods_.size());
      const int node = static_cast<int>(int64_t{pod} * kStride % nodes);
      pods_.push_back({.workload = workload, .node = node});
      pods_on_[static_cast<size_t>(node)].push_back(pod);
      pods_of_[static_cast<size_t>(workload)].push_back(pod);
    }
  }
  for (const std::vector<int>& on : pods_on_) {
    const int count = static_cast<int>(on.size());
    for (int i = 0; i < count; ++i) {
      SimulatedPod& pod = pods_[static_cast<size_t>(on[static_cast<size_t>(i)])];
      if (count <= kGpusPerNode) {
        pod.first_gpu = i * kGpusPerNode / count;
        pod.gpus = (i + 1) * kGpusPerNode / count - pod.first_gpu;
      } else {
        pod.first_gpu = i % kGpusPerNode;
        pod.sharers = (count - pod.first_gpu + kGpusPerNode - 1) / kGpusPerNode;
      }
    }
  }
}

std::string SimulatedFleet::NodeName(int node) { return Format("gpu-node-%04d", node); }

std::string SimulatedFleet::WorkloadName(int workload) { return Format("model-%04d", workload); }

std::string SimulatedFleet::PodName(int pod) const {
  return WorkloadName(pods_[static_cast<size_t>(pod)].workload) + Format("-7d9f8b6c54-%05d", pod);
}

std::string SimulatedFleet::GpuUuid(int node, int gpu) {
  return Format("GPU-%08x-3d1b-4a6f-8c25-%012llx", static_cast<unsigned>(node),
                static_cast<unsigned long long>(GpuHash(node, gpu) >> 16));
}

base::Duration SimulatedFleet::DueAt(int node, int64_t second) const {
  const std::chrono::nanoseconds within(int64_t{1000000000} * node / nodes());
  return std::chrono::seconds(second) + within;
}

int64_t SimulatedFleet::LastSecond(int node, base::Duration since_start) const {
  const base::Duration since_its_first = since_start - DueAt(node, 0);
  return std::chrono::floor<std::chrono::seconds>(since_its_first).count();
}

double GpuConstant(int node, int gpu) {
  return static_cast<double>(GpuHash(node, gpu) >> 41) * kValueResolution;
}

int StepsOf(int64_t second) { return static_cast<int>(second % kMostSteps); }

double ValueOf(int node, int gpu, int metric, int64_t second) {
  constexpr double kFloors[] = {0, 1, 40000, 81000, 2, 3, 300};
  return kFloors[metric] + GpuConstant(node, gpu) + kStep * StepsOf(second);
}

}  // namespace kgs::bench
