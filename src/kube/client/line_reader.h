// SPDX-License-Identifier: Apache-2.0
//
// Lines out of a stream that comes in pieces of any size: a watch is one JSON object a line.
#pragma once

#include <absl/status/status.h>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace kgs::kube {

/// Not thread-safe.
class LineReader {
 public:
  static constexpr size_t kLongestLine = size_t{8} * 1024 * 1024;

  explicit LineReader(size_t longest_line = kLongestLine) : longest_line_(longest_line) {}

  /// Hands each line that is whole now to \p on_line, without its end ("\n" or "\r\n"), empty lines
  /// left out. The text is valid during the call. \p on_line returns whether to go on; after it did
  /// not, the rest is dropped. RESOURCE_EXHAUSTED where a line is too long: the stream is lost.
  absl::Status Feed(std::string_view piece,
                    const std::function<bool(std::string_view line)>& on_line);

  /// Whether the stream has stopped within a line.
  bool has_partial_line() const { return !partial_.empty(); }

 private:
  const size_t longest_line_;
  std::string partial_;
};

}  // namespace kgs::kube
