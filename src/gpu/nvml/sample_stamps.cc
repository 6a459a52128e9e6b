// SPDX-License-Identifier: Apache-2.0
#include "gpu/nvml/sample_stamps.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace kgs::gpu::nvml {
namespace {

using Samples = SampleStamps::Samples;
using Stamp = SampleStamps::Stamp;

/// Beyond a sample period: clocks drift, and looks are late.
constexpr base::Duration kSlack = std::chrono::seconds(5);
/// Longer than a ring, which is known to hold some 16 seconds.
constexpr base::Duration kLongestRing = std::chrono::seconds(30);

Stamp Micros(base::Duration duration) {
  return static_cast<Stamp>(
      std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
}

Stamp MiddleOf(const Samples& samples) {
  std::vector<Stamp> stamps;
  for (const auto& sample : samples) stamps.push_back(sample.time_stamp);
  const auto middle = stamps.begin() + static_cast<std::ptrdiff_t>((stamps.size() - 1) / 2);
  std::nth_element(stamps.begin(), middle, stamps.end());
  return *middle;
}

/// Of some.
Stamp NewestOf(const Samples& samples) {
  return std::ranges::max_element(samples, {}, &abi::ProcessUtilizationSample::time_stamp)
      ->time_stamp;
}

}  // namespace

Stamp SampleStamps::Limit(const Samples& samples, base::SteadyTime now) const {
  if (samples.empty()) return 0;
  // Of the first answer, its own majority tells.
  if (since_ == 0) return MiddleOf(samples) + Micros(kLongestRing);
  return since_ + Micros(now - believed_at_ + slack_);
}

void SampleStamps::DropStrays(Samples& samples) {
  Stamps still;
  std::erase_if(samples, [&](const auto& sample) {
    const bool stray = strays_.contains(sample.time_stamp);
    if (stray) still.insert(sample.time_stamp);
    return stray;
  });
  strays_ = std::move(still);
}

void SampleStamps::GoOnFrom(Stamp stamp, base::SteadyTime now) {
  since_ = stamp;
  believed_at_ = now;
  // It may be as old as the look before.
  slack_ = kSlack + (looked_at_ ? now - *looked_at_ : base::Duration::zero());
  jumped_to_.reset();
  ring_.reset();
}

bool SampleStamps::Take(Samples& samples, base::SteadyTime now) {
  DropStrays(samples);
  const Stamp limit = Limit(samples, now);
  const auto ahead = [limit](const auto& sample) { return sample.time_stamp > limit; };
  const bool jumped = !samples.empty() && std::ranges::all_of(samples, ahead);
  const bool again = jumped && jumped_to_ && NewestOf(samples) > *jumped_to_;
  if (jumped && !again) {
    jumped_to_ = NewestOf(samples);
    doubt_until_ = now + kLongestPeriod;
  }
  // Later ones twice: that is what the time is now.
  if (!again) {
    for (const auto& sample : samples) {
      if (ahead(sample)) strays_.insert(sample.time_stamp);
    }
    std::erase_if(samples, ahead);
  }
  if (!samples.empty()) GoOnFrom(NewestOf(samples), now);
  looked_at_ = now;
  return !samples.empty() || now >= doubt_until_;
}

bool SampleStamps::TakeRing(const Samples& ring, base::SteadyTime now) {
  Stamps stamps;
  for (const auto& sample : ring) {
    if (!strays_.contains(sample.time_stamp)) stamps.insert(sample.time_stamp);
  }
  const std::optional<Stamps> before = std::exchange(ring_, stamps);
  Stamps come;
  if (before) {
    std::ranges::set_difference(stamps, *before, std::inserter(come, come.end()));
  }
  const Stamps& telling = come.empty() ? stamps : come;
  if (!telling.empty() && *telling.rbegin() < since_) {
    const Stamp newest = *telling.rbegin();
    strays_.insert(stamps.upper_bound(newest), stamps.end());
    GoOnFrom(newest, now);
    doubt_until_ = now + kLongestPeriod;
  }
  return now >= doubt_until_;
}

}  // namespace kgs::gpu::nvml
