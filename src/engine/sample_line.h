// SPDX-License-Identifier: Apache-2.0
//
// One line of a metrics page: NAME{LABELS} VALUE [TIMESTAMP], in Prometheus' text format 0.0.4 or
// 1.0.0, or OpenMetrics 1.0. Numbers are read the same under every locale.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kgs::engine {

/// What the Content-Type says a page is written in.
enum class Format { kText, kOpenMetrics };

struct Label {
  std::string_view name;
  std::string_view value;

  bool operator==(const Label&) const = default;
};

/// A number as pages write them: decimal, with or without an exponent, hexadecimal with one
/// (0x1p-2), and inf, infinity and nan in any case; a sign before any. Nothing for all else, and
/// for what is too large or too small for a double.
std::optional<double> ParseSampleValue(std::string_view text);

/// Not thread-safe. Views are into the line, or into the parser, and valid until the next Parse.
class SampleLine {
 public:
  /// More labels than any engine has. It also bounds the search for one that stands twice.
  static constexpr size_t kMostLabels = 256;

  /// \p line without its end, and without blanks at its beginning. Returns nullptr, or what is
  /// wrong, in words of ours: never a part of the line. Where name() is not empty then, it was read
  /// before what is wrong.
  const char* Parse(std::string_view line, Format format);

  std::string_view name() const { return name_; }
  /// In the order of the line, with escapes replaced.
  std::span<const Label> labels() const { return labels_; }
  double value() const { return value_; }
  std::optional<int64_t> timestamp_ms() const { return timestamp_ms_; }

 private:
  const char* ParseLabels();
  const char* ParseLabelValue(std::string_view label);
  const char* ParseRest(Format format);
  const char* ParseQuoted(std::string_view* text);
  const char* Unescape(size_t size, std::string_view* text);
  const char* AddLabel(Label label);
  void SkipBlanks();
  std::string_view TakeToken();
  bool At(char c) const { return !rest_.empty() && rest_.front() == c; }

  std::string_view rest_;
  std::string_view name_;
  std::vector<Label> labels_;
  /// The label values that had escapes. Its capacity is that of the line: views into it stay.
  std::string unescaped_;
  double value_ = 0;
  std::optional<int64_t> timestamp_ms_;
};

}  // namespace kgs::engine
