// SPDX-License-Identifier: Apache-2.0
#include "base/jitter.h"

#include <memory>
#include <random>

namespace kgs::base {

RandomFraction NewRandomFraction() {
  auto engine = std::make_shared<std::mt19937_64>(std::random_device{}());
  return [engine] { return std::uniform_real_distribution<double>(0, 1)(*engine); };
}

}  // namespace kgs::base
