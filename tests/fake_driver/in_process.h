// SPDX-License-Identifier: Apache-2.0
//
// A fake library as a test in the same process sees it: writes the script, reads the counts.
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
class FakeDriverScript {
 public:
  /// Replaces the script. The next driver call heeds it.
  void Write(const std::string& script) {
    const std::filesystem::path next = folder_.path() / "next";
    // The growing last line makes every version differ in size, which no clock's grain can hide.
    padding_ += '#';
    std::ofstream(next) << script << "\n" << padding_ << "\n";
    std::filesystem::rename(next, folder_.path() / "script");
  }

  const std::filesystem::path& directory() const { return folder_.path(); }

 protected:
  /// \p variable: of the environment, where the library looks for its script.
  explicit FakeDriverScript(const char* variable) {
    // Before there are threads. NOLINTNEXTLINE(concurrency-mt-unsafe)
    setenv(variable, (folder_.path() / "script").c_str(), 1);
  }
  ~FakeDriverScript() = default;
  FakeDriverScript(const FakeDriverScript&) = delete;
  FakeDriverScript& operator=(const FakeDriverScript&) = delete;

  /// How often \p symbol of \p library (a path) was called in this process, by its \p counter.
  static unsigned long long CallsOf(const std::string& library, const char* counter,
                                    const std::string& symbol) {
    void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
    using Count = unsigned long long(const char*);
    auto* count = handle == nullptr ? nullptr : reinterpret_cast<Count*>(dlsym(handle, counter));
    if (count == nullptr) {
      std::fprintf(stderr, "%s has no %s\n", library.c_str(), counter);
      std::abort();
    }
    return count(symbol.c_str());
  }

 private:
  const TempFolder folder_;
  std::string padding_;
};

}  // namespace kgs::testing
