// SPDX-License-Identifier: Apache-2.0
//
// The fake driver as a test sees it: writes the script, reads the counts. README.md has the script.
#pragma once

#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/temp_folder.h"

namespace kgs::testing {

/// The script of this process, in a directory of its own. One a process, made before the library is
/// loaded, since that reads its environment once.
class FakeNvml {
 public:
  static FakeNvml& Instance() {
    static FakeNvml fake;
    return fake;
  }

  /// Replaces the script. The next driver call heeds it.
  void Write(const std::string& script) {
    const std::filesystem::path next = folder_.path() / "next";
    // The growing last line makes every version differ in size, which no clock's grain can hide.
    padding_ += '#';
    std::ofstream(next) << script << "\n" << padding_ << "\n";
    std::filesystem::rename(next, folder_.path() / "script");
  }

  /// How often \p symbol of \p library (a path) was called in this process.
  static unsigned long long Calls(const std::string& library, const std::string& symbol) {
    void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
    using Count = unsigned long long(const char*);
    auto* count =
        handle == nullptr ? nullptr : reinterpret_cast<Count*>(dlsym(handle, "fake_nvml_calls"));
    if (count == nullptr) {
      std::fprintf(stderr, "%s is no fake NVML\n", library.c_str());
      std::abort();
    }
    return count(symbol.c_str());
  }

  const std::filesystem::path& directory() const { return folder_.path(); }

 private:
  FakeNvml() {
    // Before there are threads. NOLINTNEXTLINE(concurrency-mt-unsafe)
    setenv("FAKE_NVML_SCRIPT", (folder_.path() / "script").c_str(), 1);
  }
  const TempFolder folder_;
  std::string padding_;
};

}  // namespace kgs::testing
