// SPDX-License-Identifier: Apache-2.0
//
// Which processes use one GPU or MIG device, and how much of it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "gpu/nvml/device_calls.h"
#include "gpu/nvml/sample_stamps.h"
#include "model/process_use.h"

namespace kgs::gpu::nvml {

/// Memory is from the lists of running processes (compute, graphics, clients of MPS); utilization
/// from the driver's samples by process, which it does not take of MIG devices. One fails without
/// the other. Of a GPU whose lists fail, the processes are those that have samples.
class Processes {
 public:
  enum class Of { kGpu, kMigDevice };
  explicit Processes(Of of) : of_(of) {}

  model::ProcessUses Read(DeviceCalls& calls, const base::Clock& clock);

  /// The driver has a sample of a process only where it was busy in the last sample period. So a
  /// sample counts until a newer one comes, for so long at most; without any, the process is idle.
  static constexpr base::Duration kSampleLasts = SampleStamps::kLongestPeriod;

 private:
  using Listed = std::map<uint32_t, model::ProcessUse>;
  /// One kind of list, under its two names.
  struct List {
    CallVerdict verdict;
    CallVerdict verdict_v2;
    std::vector<abi::ProcessInfo> buffer;

    /// This GPU has no such list.
    bool never() const {
      return verdict.never() != abi::kSuccess &&
             (verdict.never() != abi::kFunctionNotFound || verdict_v2.never() != abi::kSuccess);
    }
  };
  struct Busy {
    double percent = 0;
    base::SteadyTime taken;
  };

  /// Adds to \p listed. The reason where the list cannot be had, and may hold something.
  template <typename Function>
  std::string AddList(DeviceCalls& calls, const Symbol<Function>& symbol,
                      const Symbol<Function>& symbol_v2, List& list, Listed& listed);
  std::string ListAll(DeviceCalls& calls, Listed& listed);
  /// Fills samples_ with those that are newer than \p since. The reason where that fails.
  std::string FetchSamples(DeviceCalls& calls, unsigned long long since, bool* not_ready);
  /// Updates busy_. The reason where utilization is not known.
  std::string ReadSamples(DeviceCalls& calls, base::SteadyTime now, bool* not_ready);
  /// False where it only learned where the ring ends.
  bool TakeSamples(base::SteadyTime now);

  const Of of_;
  List compute_;
  List graphics_;
  List mps_;

  CallVerdict utilization_;
  SampleStamps::Samples samples_;
  SampleStamps stamps_;
  bool looked_ = false;
  /// By pid.
  std::map<uint32_t, Busy> busy_;
};

}  // namespace kgs::gpu::nvml
