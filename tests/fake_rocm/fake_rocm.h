// SPDX-License-Identifier: Apache-2.0
//
// The fake library as a test sees it. README.md has the script.
#pragma once

#include <string>

#include "tests/fake_driver/in_process.h"

namespace kgs::testing {

class FakeRocm : public FakeDriverScript {
 public:
  static FakeRocm& Instance() {
    static FakeRocm fake;
    return fake;
  }

  /// How often \p symbol of \p library (a path) was called in this process.
  static unsigned long long Calls(const std::string& library, const std::string& symbol) {
    return CallsOf(library, "fake_rocm_calls", symbol);
  }

 private:
  FakeRocm() : FakeDriverScript("FAKE_ROCM_SCRIPT") {}
};

}  // namespace kgs::testing
