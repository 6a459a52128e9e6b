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
  std::string problem = FetchSamples(calls, stamps_.since(), not_ready);
  if (!problem.empty()) return problem;
  bool sure = stamps_.Take(samples_, now);
  if (sure && samples_.empty() && stamps_.since() != 0) {
    problem = FetchSamples(calls, 0, not_ready);
    if (!problem.empty()) return problem;
    sure = stamps_.TakeRing(samples_, now);
    samples_.clear();
  }
  if (!sure) {
    *not_ready = true;
    return "the time stamps of the driver's samples by process do not fit the time";
  }
  if (TakeSamples(now)) return "";
  *not_ready = true;
  return "processes have been looked at only once so far";
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
