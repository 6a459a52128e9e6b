// SPDX-License-Identifier: Apache-2.0
#include "sampling/xid_ledger.h"

#include "base/log.h"

namespace kgs::sampling {
namespace {

constexpr base::Duration kLogInterval = std::chrono::minutes(1);

/// Whether a line is due; if so, it counts as written.
bool LogIsDue(std::optional<base::SteadyTime>& logged, base::SteadyTime now) {
  if (logged && now - *logged < kLogInterval) return false;
  logged = now;
  return true;
}

}  // namespace

void XidLedger::Add(const std::vector<gpu::XidEvent>& events, base::SteadyTime now) {
  for (const gpu::XidEvent& event : events) {
    Entry* entry = EntryOf(event);
    if (entry == nullptr) {
      Drop(event, now);
      continue;
    }
    entry->xid.code = event.code;
    ++entry->xid.count;
    entry->xid.last = now;
    if (!LogIsDue(entry->logged, now)) continue;
    base::LogWarn("GPU had an XID error", {{"gpu", event.uuid},
                                           {"xid", std::to_string(event.code)},
                                           {"count", std::to_string(entry->xid.count)}});
  }
}

XidLedger::Entry* XidLedger::EntryOf(const gpu::XidEvent& event) {
  auto gpu = by_uuid_.find(event.uuid);
  if (gpu == by_uuid_.end()) {
    if (by_uuid_.size() >= kMostXidGpus) return nullptr;
    gpu = by_uuid_.try_emplace(event.uuid).first;
  }
  Entries& entries = gpu->second;
  if (const auto known = entries.find(event.code); known != entries.end()) return &known->second;
  if (entries.size() >= model::kMostXidCodes) return nullptr;
  return &entries[event.code];
}

void XidLedger::Drop(const gpu::XidEvent& event, base::SteadyTime now) {
  if (!LogIsDue(drop_logged_, now)) return;
  base::LogWarn("an XID error is not counted: there are too many codes or GPUs",
                {{"gpu", event.uuid}, {"xid", std::to_string(event.code)}});
}

std::vector<model::XidCount> XidLedger::Of(const std::string& uuid) const {
  std::vector<model::XidCount> xids;
  const auto gpu = by_uuid_.find(uuid);
  if (gpu == by_uuid_.end()) return xids;
  for (const auto& [code, entry] : gpu->second) xids.push_back(entry.xid);
  return xids;
}

}  // namespace kgs::sampling
