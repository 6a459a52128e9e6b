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
    const std::filesystem::path next = directory_ / "next";
    // The growing last line makes every version differ in size, which no clock's grain can hide.
    padding_ += '#';
    std::ofstream(next) << script << "\n" << padding_ << "\n";
    std::filesystem::rename(next, directory_ / "script");
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

  const std::filesystem::path& directory() const { return directory_; }

 private:
  FakeNvml() : directory_(MakeDirectory()) {
    // Before there are threads. NOLINTNEXTLINE(concurrency-mt-unsafe)
    setenv("FAKE_NVML_SCRIPT", (directory_ / "script").c_str(), 1);
  }
  ~FakeNvml() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  static std::filesystem::path MakeDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "fake_nvml.XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) {
      std::perror("mkdtemp");
      std::abort();
    }
    return pattern;
  }

  const std::filesystem::path directory_;
  std::string padding_;
};

}  // namespace kgs::testing
