// SPDX-License-Identifier: Apache-2.0
#include "scaler/trigger_cache.h"

#include <functional>
#include <string>
#include <utility>

namespace kgs::scaler {
namespace {

/// The same for the same pairs in any order: a protobuf map has none.
uint64_t HashOf(const TriggerCache::Fields& metadata) {
  const std::hash<std::string> hash;
  uint64_t sum = metadata.size();
  for (const auto& [key, value] : metadata) {
    sum += (hash(key) ^ 0x9e3779b97f4a7c15) * (hash(value) | 1);
  }
  return sum;
}

bool Same(const TriggerCache::Fields& fields, const trigger::Metadata& metadata) {
  if (fields.size() != metadata.size()) return false;
  for (const auto& [key, value] : fields) {
    const auto known = metadata.find(key);
    if (known == metadata.end() || known->second != value) return false;
  }
  return true;
}

size_t BytesOf(const TriggerCache::Fields& metadata) {
  size_t bytes = 0;
  for (const auto& [key, value] : metadata) bytes += key.size() + value.size();
  return bytes;
}

}  // namespace

TriggerCache::Specs TriggerCache::Find(const Fields& metadata) const {
  const uint64_t hash = HashOf(metadata);
  base::MutexLock lock(mutex_);
  const auto found = entries_.find(hash);
  if (found == entries_.end() || !Same(metadata, found->second.metadata)) return nullptr;
  return found->second.specs;
}

void TriggerCache::Put(const Fields& metadata, Specs specs) {
  if (BytesOf(metadata) > kMostBytes) return;
  Entry entry{trigger::Metadata(metadata.begin(), metadata.end()), std::move(specs)};
  base::MutexLock lock(mutex_);
  if (entries_.size() >= kMostEntries) entries_.clear();
  entries_[HashOf(metadata)] = std::move(entry);
}

}  // namespace kgs::scaler
