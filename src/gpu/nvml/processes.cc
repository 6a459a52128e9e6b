// SPDX-License-Identifier: Apache-2.0
#include "gpu/nvml/processes.h"

#include <algorithm>
#include <string>
#include <utility>

namespace kgs::gpu::nvml {
namespace {

/// Far beyond any GPU: more is a driver's error, which must not become an allocation.
constexpr size_t kMostEntries = 8192;
/// Drivers are known to answer 100 samples whatever there is.
constexpr size_t kFirstEntries = 128;
/// For entries that come between two calls.
constexpr unsigned int kSlack = 16;
constexpr int kMostTries = 4;

std::string Nonsense(const char* call, const char* what) {
  return std::string(call) + ": the driver answered " + what;
}

/// Calls \p fetch(count, entries) with a buffer that is grown while it is too small, up to
/// kMostEntries. On success \p buffer holds what came, else nothing.
template <typename Entry, typename Fetch>
abi::Return FetchAll(std::vector<Entry>& buffer, const char* call, std::string& nonsense,
                     const Fetch& fetch) {
  size_t size = std::max(buffer.capacity(), kFirstEntries);
  abi::Return code = abi::kInsufficientSize;
  for (int tries = 0; code == abi::kInsufficientSize && tries < kMostTries; ++tries) {
    buffer.assign(size, Entry{});
    auto count = static_cast<unsigned int>(size);
    code = fetch(&count, buffer.data());
    if (count > kMostEntries) {
      nonsense = Nonsense(call, "that there are too many processes");
      break;
    }
    if (code == abi::kSuccess) {
      if (count > buffer.size())
        nonsense = Nonsense(call, "more processes than there was room for");
      buffer.resize(std::min<size_t>(count, buffer.size()));
      break;
    }
    // A driver that does not say how many there are: twice as many.
    size = std::min(std::max<size_t>(count + kSlack, size * 2), kMostEntries);
  }
  if (code != abi::kSuccess || !nonsense.empty()) buffer.clear();
  return code;
}

using Samples = std::vector<abi::ProcessUtilizationSample>;

/// How far stamps may be ahead of what they are expected to be. Longer than a driver's ring, which
/// is known to hold some 16 seconds.
constexpr base::Duration kMostAhead = std::chrono::seconds(30);

unsigned long long Micros(base::Duration duration) {
  return static_cast<unsigned long long>(
      std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
}

/// 0 where there are none.
unsigned long long NewestStamp(const Samples& samples) {
  unsigned long long newest = 0;
  for (const auto& sample : samples) newest = std::max(newest, sample.time_stamp);
  return newest;
}

void DropAfter(unsigned long long limit, Samples& samples) {
  std::erase_if(samples, [limit](const auto& sample) { return sample.time_stamp > limit; });
}

/// By most of \p samples themselves: the latest stamp that can be. 0 where there are none.
unsigned long long LimitBySamples(const Samples& samples) {
  if (samples.empty()) return 0;
  std::vector<unsigned long long> stamps;
  for (const auto& sample : samples) stamps.push_back(sample.time_stamp);
  const auto middle = stamps.begin() + static_cast<std::ptrdiff_t>((stamps.size() - 1) / 2);
  std::nth_element(stamps.begin(), middle, stamps.end());
  return *middle + Micros(kMostAhead);
}

void Add(const abi::ProcessInfo& info, std::map<uint32_t, model::ProcessUse>& listed) {
  if (info.pid == 0) return;
  const auto [entry, is_new] = listed.try_emplace(info.pid);
  model::ProcessUse& use = entry->second;
  use.pid = info.pid;
  if (info.used_gpu_memory == abi::kMemoryNotAvailable) {
    if (is_new) return;
    use.memory_bytes.reset();
  } else if (is_new) {
    use.memory_bytes = info.used_gpu_memory;
  } else if (use.memory_bytes) {
    // In two lists, each of which says all of it.
    use.memory_bytes = std::max<uint64_t>(*use.memory_bytes, info.used_gpu_memory);
  }
}

}  // namespace

template <typename Function>
std::string Processes::AddList(DeviceCalls& calls, const Symbol<Function>& symbol,
                               const Symbol<Function>& symbol_v2, List& list, Listed& listed) {
  std::string nonsense;
  const char* name = symbol.name;
  abi::Return code = FetchAll(list.buffer, name, nonsense, [&](auto* count, auto* entries) {
    return calls.Call(symbol, list.verdict, count, entries);
  });
  if (code == abi::kFunctionNotFound) {
    name = symbol_v2.name;
    code = FetchAll(list.buffer, name, nonsense, [&](auto* count, auto* entries) {
      return calls.Call(symbol_v2, list.verdict_v2, count, entries);
    });
  }
  if (!nonsense.empty()) return nonsense;
  if (code != abi::kSuccess) return Describe(name, code);
  for (const abi::ProcessInfo& info : list.buffer) Add(info, listed);
  return "";
}

// A GPU without graphics or MPS may not have their lists, and then they hold nothing. Without the
// list of compute processes nothing is known.
std::string Processes::ListAll(DeviceCalls& calls, Listed& listed) {
  const Library& library = calls.library();
  std::string problem =
      AddList(calls, library.compute_processes, library.compute_processes_v2, compute_, listed);
  if (!problem.empty()) return problem;
  problem =
      AddList(calls, library.graphics_processes, library.graphics_processes_v2, graphics_, listed);
  if (!problem.empty() && !graphics_.never()) return problem;
  problem = AddList(calls, library.mps_processes, library.mps_processes_v2, mps_, listed);
  if (!problem.empty() && !mps_.never()) return problem;
  return "";
}

std::string Processes::FetchSamples(DeviceCalls& calls, unsigned long long since, bool* not_ready) {
  const auto& symbol = calls.library().process_utilization;
  std::string nonsense;
  const abi::Return code =
      FetchAll(samples_, symbol.name, nonsense, [&](auto* count, auto* entries) {
        return calls.Call(symbol, utilization_, entries, count, since);
      });
  if (!nonsense.empty()) return nonsense;
  // Not found: no process was busy.
  if (code != abi::kSuccess && code != abi::kNotFound) {
    *not_ready = MissingOf(code) == model::Missing::kNotReady;
    return Describe(symbol.name, code);
  }
  // Drivers fill up with entries that are nobody's, or old.
  std::erase_if(samples_, [since](const auto& sample) {
    return sample.pid == 0 || sample.time_stamp <= since || sample.sm > 100;
  });
  return "";
}

std::string Processes::ReadSamples(DeviceCalls& calls, base::SteadyTime now, bool* not_ready) {
  if (of_ == Of::kMigDevice) return "the driver tells no utilization by process of MIG devices";
  std::string problem = FetchSamples(calls, last_seen_, not_ready);
  if (!problem.empty()) return problem;
  if (!DropStrays(now)) {
    *not_ready = true;
    return "samples by process have stamps that are far ahead";
  }
  if (samples_.empty() && last_seen_ != 0) {
    problem = FindSetBack(calls, now, not_ready);
    if (!problem.empty()) return problem;
  }
  if (TakeSamples(now)) return "";
  *not_ready = true;
  return "processes have been looked at only once so far";
}

// The driver's clock goes on as ours does. A stamp that is far ahead of that is a mistake, or the
// clock was set forward: then newer ones follow.
bool Processes::DropStrays(base::SteadyTime now) {
  if (samples_.empty()) return true;
  const unsigned long long limit = last_seen_ == 0
                                       ? LimitBySamples(samples_)
                                       : last_seen_ + Micros(now - last_seen_at_ + kMostAhead);
  const unsigned long long ahead_before = std::exchange(all_ahead_, 0);
  if (std::ranges::any_of(samples_, [&](const auto& each) { return each.time_stamp <= limit; })) {
    DropAfter(limit, samples_);
    return true;
  }
  const unsigned long long newest = NewestStamp(samples_);
  if (ahead_before != 0 && newest > ahead_before) {
    std::erase_if(samples_, [&](const auto& each) { return each.time_stamp <= ahead_before; });
    return true;
  }
  all_ahead_ = newest;
  samples_.clear();
  return newest == ahead_before;
}

// Idle, or last_seen_ is wrong: the clock may be set back, and a stamp that was far ahead by
// mistake would hide all that come.
std::string Processes::FindSetBack(DeviceCalls& calls, base::SteadyTime now, bool* not_ready) {
  const std::string problem = FetchSamples(calls, 0, not_ready);
  DropAfter(LimitBySamples(samples_), samples_);
  const unsigned long long newest = NewestStamp(samples_);
  // What has come between the two calls is for the next round.
  samples_.clear();
  if (!problem.empty() || newest == 0 || newest >= last_seen_) return problem;
  last_seen_ = newest;
  last_seen_at_ = now;
  *not_ready = true;
  return "the driver's clock of samples by process was set back";
}

bool Processes::TakeSamples(base::SteadyTime now) {
  struct Sum {
    double percent = 0;
    int count = 0;
  };
  std::map<uint32_t, Sum> sums;
  for (const abi::ProcessUtilizationSample& sample : samples_) {
    sums[sample.pid].percent += sample.sm;
    ++sums[sample.pid].count;
  }
  if (!samples_.empty()) {
    last_seen_ = NewestStamp(samples_);
    last_seen_at_ = now;
  }
  // The first look into a ring only learns where it ends: what is in it may be of long ago.
  const bool first = !std::exchange(looked_, true);
  if (first && !samples_.empty()) return false;
  for (const auto& [pid, sum] : sums) busy_[pid] = {sum.percent / sum.count, now};
  std::erase_if(busy_, [&](const auto& entry) { return now - entry.second.taken > kSampleLasts; });
  return true;
}

model::ProcessUses Processes::Read(DeviceCalls& calls, const base::Clock& clock) {
  model::ProcessUses uses;
  uses.taken = clock.Now();
  Listed listed;
  uses.memory_problem = ListAll(calls, listed);
  uses.utilization_problem = ReadSamples(calls, uses.taken, &uses.utilization_not_ready);
  for (const auto& [pid, busy] : busy_) {
    const auto found = listed.find(pid);
    if (found != listed.end()) {
      found->second.utilization = busy.percent;
    } else if (!uses.memory_problem.empty()) {
      listed[pid] = {pid, std::nullopt, busy.percent};
    }
  }
  for (const auto& [pid, use] : listed) uses.processes.push_back(use);
  return uses;
}

}  // namespace kgs::gpu::nvml
