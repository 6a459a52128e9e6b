// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace kgs::testing {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define KGS_SANITIZED
#endif
#endif

/// How many random cases a test runs: \p plain, or a fifth of them under a sanitizer.
constexpr int CaseCount(int plain) {
#ifdef KGS_SANITIZED
  return plain / 5;
#else
  return plain;
#endif
}

}  // namespace kgs::testing
