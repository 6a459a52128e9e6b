// SPDX-License-Identifier: Apache-2.0
//
// A vendor's library, loaded while we run: no vendor's package is needed to build or to start.
#pragma once

#include <absl/status/statusor.h>

#include <string>

namespace kgs::gpu {

/// A loaded shared library. Copies refer to the same one. It is never unloaded: drivers keep
/// threads and file descriptors of their own, and a lane may be stuck inside a call.
class DynamicLibrary {
 public:
  /// Loads \p file, a path or a soname, with every symbol bound now and none shared with others.
  /// UNAVAILABLE with the loader's words (without the file's name) where that fails.
  static absl::StatusOr<DynamicLibrary> Load(const std::string& file);

  /// The symbol's address, or nullptr where the library has none of that name. Any thread.
  void* Find(const char* symbol) const;

 private:
  explicit DynamicLibrary(void* handle) : handle_(handle) {}

  void* handle_;
};

}  // namespace kgs::gpu
