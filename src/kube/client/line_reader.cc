// SPDX-License-Identifier: Apache-2.0
#include "kube/client/line_reader.h"

#include <utility>

namespace kgs::kube {

absl::Status LineReader::Feed(std::string_view piece,
                              const std::function<bool(std::string_view line)>& on_line) {
  while (!piece.empty()) {
    const size_t end = piece.find('\n');
    const std::string_view part = piece.substr(0, end);
    if (partial_.size() + part.size() > longest_line_) {
      partial_ = std::string();
      return absl::ResourceExhaustedError("a line of more than " + std::to_string(longest_line_) +
                                          " bytes");
    }
    if (end == std::string_view::npos) {
      partial_ += part;
      return absl::OkStatus();
    }
    piece.remove_prefix(end + 1);
    // Copied only where the line came in several pieces.
    std::string whole;
    std::string_view line = part;
    if (!partial_.empty()) {
      whole = std::exchange(partial_, std::string());
      whole += part;
      line = whole;
    }
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (!line.empty() && !on_line(line)) return absl::OkStatus();
  }
  return absl::OkStatus();
}

}  // namespace kgs::kube
