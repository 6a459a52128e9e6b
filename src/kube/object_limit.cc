// SPDX-License-Identifier: Apache-2.0
#include "kube/object_limit.h"

namespace kgs::kube {

bool ObjectLimit::Take(const model::ObjectKey& key, bool* is_news) {
  base::MutexLock lock(mutex_);
  *is_news = false;
  if (tracked_ < most_) {
    ++tracked_;
    refused_.erase(key);
    return true;
  }
  if (refused_.size() < most_) *is_news = refused_.insert(key).second;
  return false;
}

void ObjectLimit::Drop(const model::ObjectKey& key, bool tracked) {
  base::MutexLock lock(mutex_);
  if (tracked) --tracked_;
  refused_.erase(key);
}

bool ObjectLimit::HasRoomForRefused() const {
  base::MutexLock lock(mutex_);
  return !refused_.empty() && tracked_ < most_;
}

bool ObjectLimit::IsRefused(const model::ObjectKey& key) const {
  base::MutexLock lock(mutex_);
  return refused_.count(key) > 0;
}

}  // namespace kgs::kube
