// SPDX-License-Identifier: Apache-2.0
#include "base/strings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cctype>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace kgs::base {
namespace {

char Lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (Lower(a[i - 1]) == Lower(b[j - 1]) ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

struct DurationUnit {
  std::string_view name;
  double nanoseconds;
};

// "ms" stands before "m": the first match wins.
constexpr std::array<DurationUnit, 4> kDurationUnits = {
    {{"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}}};

}  // namespace

std::string JsonQuote(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string OneLine(std::string_view text) {
  std::string line(text);
  std::replace_if(line.begin(), line.end(), [](unsigned char c) { return std::iscntrl(c) != 0; }, ' ');
  return line;
}

std::string QuoteForMessage(std::string_view text, size_t longest) {
  std::string quoted = "\"";
  for (const char c : text.substr(0, longest)) {
    const bool printable = c >= ' ' && c <= '~' && c != '"';
    quoted += printable ? c : '?';
  }
  if (text.size() > longest) quoted += "...";
  return quoted + "\"";
}

std::string Truncate(std::string text, size_t longest) {
  constexpr std::string_view kMark = "...";
  if (text.size() <= longest) return text;
  text.resize(longest > kMark.size() ? longest - kMark.size() : 0);
  text += kMark.substr(0, longest - text.size());
  return text;
}

std::string FormatNumber(double number) {
  std::array<char, 64> buffer{};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
  return error == std::errc() ? std::string(buffer.data(), end) : std::string("?");
}

std::optional<double> ParseDouble(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (end != text.data() + text.size() || text.empty()) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    return text.front() == '-' ? -std::numeric_limits<double>::infinity()
                               : std::numeric_limits<double>::infinity();
  }
  if (error != std::errc()) return std::nullopt;
  return number;
}

std::optional<long long> ParseInteger(std::string_view text) {
  long long number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<Duration> ParseDuration(std::string_view text) {
  // Far beyond any use, and far inside what Duration can hold.
  constexpr double kLongestNanoseconds = 1e4 * 3600e9;
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    double number = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc() || !std::isfinite(number) || number < 0) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    const auto unit = std::find_if(kDurationUnits.begin(), kDurationUnits.end(),
                                   [&](const DurationUnit& u) { return text.starts_with(u.name); });
    if (unit == kDurationUnits.end()) return std::nullopt;
    text.remove_prefix(unit->name.size());
    total += number * unit->nanoseconds;
    if (total > kLongestNanoseconds) return std::nullopt;
  }
  return std::chrono::nanoseconds(std::llround(total));
}

std::string FormatDuration(Duration duration) {
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  if (millis % 1000 != 0 && millis < 1000) return std::to_string(millis) + "ms";
  const auto hours = millis / 3'600'000;
  const auto minutes = millis / 60'000 % 60;
  const double seconds = static_cast<double>(millis % 60'000) / 1000;
  std::string text;
  if (hours > 0) text += std::to_string(hours) + "h";
  if (minutes > 0) text += std::to_string(minutes) + "m";
  if (seconds > 0 || text.empty()) text += FormatNumber(seconds) + "s";
  return text;
}

std::string NearestWord(std::string_view word, const std::vector<std::string_view>& known) {
  std::string_view nearest;
  // A third of the letters may differ: further off, a hint misleads.
  size_t best = std::max<size_t>(word.size() / 3, 1) + 1;
  if (word.size() > 64) return "";
  for (const std::string_view candidate : known) {
    const size_t distance = EditDistance(word, candidate);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return std::string(nearest);
}

std::string JoinWithAnd(const std::vector<std::string>& words) {
  std::string joined;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) joined += i + 1 == words.size() ? " and " : ", ";
    joined += words[i];
  }
  return joined;
}

}  // namespace kgs::base
