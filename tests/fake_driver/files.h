// SPDX-License-Identifier: Apache-2.0
//
// The two files of a fake library, which environment variables name: its script, and the counts of
// its calls. Neither is thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace kgs::fake_driver {

/// A file that is replaced by rename while it is read.
class ScriptFile {
 public:
  /// \p variable: of the environment, read once.
  explicit ScriptFile(const char* variable);

  /// Whether the variable is set.
  bool given() const { return !name_.empty(); }
  const std::string& name() const { return name_; }

  /// Sets \p text and returns true where the file is another than at the last call. One stat a
  /// call: what we cost shows in benchmarks.
  bool Changed(std::string& text);

 private:
  struct Stamp {
    uint64_t inode = 0;
    int64_t size = -1;
    int64_t seconds = 0;
    int64_t nanoseconds = 0;
    bool operator==(const Stamp&) const = default;
  };

  const std::string name_;
  Stamp stamp_;
};

/// How often each function was called: a line "SYMBOL COUNT" each in the file, where the variable
/// is set.
class CallCounts {
 public:
  explicit CallCounts(const char* variable);

  void Count(const std::string& symbol);
  uint64_t Of(const std::string& symbol) const;

 private:
  struct Entry {
    uint64_t calls = 0;
    /// Its line in the file.
    size_t line = 0;
  };

  int file_ = -1;
  std::map<std::string, Entry> counts_;
};

}  // namespace kgs::fake_driver
