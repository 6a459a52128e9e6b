// SPDX-License-Identifier: Apache-2.0
//
// The fake driver as a test sees it. README.md has the script.
#pragma once

#include <string>

#include "tests/fake_driver/in_process.h"

namespace kgs::testing {

class FakeNvml : public FakeDriverScript {
 public:
  static FakeNvml& Instance() {
    static FakeNvml fake;
    return fake;
  }

  /// How often \p symbol of \p library (a path) was called in this process.
  static unsigned long long Calls(const std::string& library, const std::string& symbol) {
    return CallsOf(library, "fake_nvml_calls", symbol);
  }

 private:
  FakeNvml() : FakeDriverScript("FAKE_NVML_SCRIPT") {}
};

}  // namespace kgs::testing
