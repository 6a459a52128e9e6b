// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <set>

#include "base/mutex.h"
#include "model/scaled_object.h"

namespace kgs::kube {

/// How many objects are tracked at most, and which ones are not for that reason. Those that are
/// tracked stay, whatever comes after them.
class ObjectLimit {
 public:
  explicit ObjectLimit(size_t most) : most_(most) {}

  size_t most() const { return most_; }

  // On the Kubernetes loop.

  /// Whether a new object may be tracked; then it is counted. Else \p is_news says whether that was
  /// not known of it.
  bool Take(const model::ObjectKey& key, bool* is_news);
  /// It is no longer there: \p tracked or refused.
  void Drop(const model::ObjectKey& key, bool tracked);
  /// Whether one that was refused could be taken by now.
  bool HasRoomForRefused() const;

  /// Whether the object is there and not tracked. Any thread. Of more than most() that are refused,
  /// the rest is not remembered.
  bool IsRefused(const model::ObjectKey& key) const;

 private:
  const size_t most_;
  mutable base::Mutex mutex_;
  size_t tracked_ KGS_GUARDED_BY(mutex_) = 0;
  std::set<model::ObjectKey> refused_ KGS_GUARDED_BY(mutex_);
};

}  // namespace kgs::kube
