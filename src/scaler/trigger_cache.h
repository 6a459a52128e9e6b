// SPDX-License-Identifier: Apache-2.0
//
// KEDA sends the same metadata with every call: what it means is worked out once.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "externalscaler.pb.h"
#include "trigger/trigger.h"

namespace kgs::scaler {

/// Parsed triggers by their whole metadata: what is found is what parsing would give, since parsing
/// is pure. Bounded in entries and in the bytes of one. Any thread.
class TriggerCache {
 public:
  using Fields = google::protobuf::Map<std::string, std::string>;
  using Specs = std::shared_ptr<const std::vector<trigger::TriggerSpec>>;

  /// Null where exactly this metadata is not known.
  Specs Find(const Fields& metadata) const;
  /// Metadata that is too large is not kept; a full cache starts anew.
  void Put(const Fields& metadata, Specs specs);

  static constexpr size_t kMostEntries = 4096;
  static constexpr size_t kMostBytes = 4096;

 private:
  struct Entry {
    trigger::Metadata metadata;
    Specs specs;
  };

  mutable base::Mutex mutex_;
  /// By hash; of two that share one, the later stays.
  std::unordered_map<uint64_t, Entry> entries_ KGS_GUARDED_BY(mutex_);
};

}  // namespace kgs::scaler
