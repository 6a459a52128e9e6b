// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "gpu/backend.h"

namespace kgs::gpu {

/// What the calls of one function took, on the machine's own clock. Any thread.
class CallStats {
 public:
  void Add(std::chrono::nanoseconds took) {
    calls_.fetch_add(1, std::memory_order_relaxed);
    const auto ns = static_cast<uint64_t>(took.count());
    nanoseconds_.fetch_add(ns, std::memory_order_relaxed);
    uint64_t longest = longest_.load(std::memory_order_relaxed);
    while (longest < ns && !longest_.compare_exchange_weak(longest, ns)) {
    }
  }

  CallCost Get(const char* call) const {
    constexpr double kSecondsPerNanosecond = 1e-9;
    return {
        call, calls_.load(std::memory_order_relaxed),
        static_cast<double>(nanoseconds_.load(std::memory_order_relaxed)) * kSecondsPerNanosecond,
        static_cast<double>(longest_.load(std::memory_order_relaxed)) * kSecondsPerNanosecond};
  }

 private:
  std::atomic<uint64_t> calls_{0};
  std::atomic<uint64_t> nanoseconds_{0};
  std::atomic<uint64_t> longest_{0};
};

}  // namespace kgs::gpu
