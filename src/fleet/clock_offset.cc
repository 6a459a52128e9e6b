// SPDX-License-Identifier: Apache-2.0
#include "fleet/clock_offset.h"

#include <algorithm>

namespace kgs::fleet {
namespace {

int64_t Nanoseconds(base::SteadyTime time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

int64_t Minute(base::SteadyTime time) {
  return std::chrono::floor<std::chrono::minutes>(time.time_since_epoch()).count();
}

}  // namespace

const ClockOffset::Bucket* ClockOffset::Newest() const {
  const Bucket* newest = nullptr;
  for (const Bucket& bucket : buckets_) {
    if (bucket.used && (newest == nullptr || bucket.minute > newest->minute)) newest = &bucket;
  }
  return newest;
}

void ClockOffset::Add(int64_t sent_ns, base::SteadyTime received) {
  if (!Plausible(sent_ns)) return;
  const int64_t minute = Minute(received);
  const int64_t distance = Nanoseconds(received) - sent_ns;
  const Bucket* newest = Newest();
  if (newest != nullptr && minute - newest->minute >= static_cast<int64_t>(kBuckets)) {
    before_silence_ = *newest;
  }
  Bucket& bucket = buckets_[static_cast<size_t>(minute) % kBuckets];
  if (!bucket.used || bucket.minute < minute) {
    bucket = {minute, distance, true};
  } else if (bucket.minute == minute) {
    bucket.smallest_ns = std::min(bucket.smallest_ns, distance);
  }
}

std::optional<base::SteadyTime> ClockOffset::ToOurs(int64_t ns) const {
  if (!Plausible(ns)) return std::nullopt;
  const Bucket* newest = Newest();
  if (newest == nullptr) return std::nullopt;
  int64_t smallest = newest->smallest_ns;
  int others = 0;
  for (const Bucket& bucket : buckets_) {
    const bool in_window =
        bucket.used && bucket.minute > newest->minute - static_cast<int64_t>(kBuckets);
    if (in_window) smallest = std::min(smallest, bucket.smallest_ns);
    others += in_window && &bucket != newest ? 1 : 0;
  }
  // Until the minute after the silence is over, what was known before it counts as well.
  if (others == 0 && before_silence_.used) {
    smallest = std::min(smallest, before_silence_.smallest_ns);
  }
  return base::SteadyTime(std::chrono::nanoseconds(smallest + ns));
}

}  // namespace kgs::fleet
