// SPDX-License-Identifier: Apache-2.0
#include "base/strings.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>

namespace kgs::base {
namespace {

char Lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

bool IsUtf8Continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Letters to change, add, drop or swap with their neighbour.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> before_last;
  std::vector<size_t> last(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    std::vector<size_t> row(b.size() + 1, i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = Lower(a[i - 1]) == Lower(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && Lower(a[i - 1]) == Lower(b[j - 2]) &&
                           Lower(a[i - 2]) == Lower(b[j - 1]);
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = std::exchange(last, std::move(row));
  }
  return last[b.size()];
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

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string OneLine(std::string_view text) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return std::iscntrl(c) != 0; }, ' ');
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

std::string ReplaceInvalidUtf8(std::string_view text) {
  return nlohmann::json::parse(JsonQuote(text)).get<std::string>();
}

std::string Truncate(std::string text, size_t longest) {
  constexpr std::string_view kMark = "...";
  if (text.size() <= longest) return text;
  size_t kept = longest > kMark.size() ? longest - kMark.size() : 0;
  while (kept > 0 && IsUtf8Continuation(text[kept])) --kept;
  text.resize(kept);
  text += kMark.substr(0, longest - kept);
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
  // Too large or too small for a double; strtod says which, as infinity or the nearest number to 0.
  if (error == std::errc::result_out_of_range)
    return std::strtod(std::string(text).c_str(), nullptr);
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
    if (text.front() == '-') return std::nullopt;
    double number = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc() || !std::isfinite(number)) return std::nullopt;
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
  // Unsigned, so that the longest negative one has a positive.
  const auto count =
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count());
  const bool negative = duration < Duration::zero();
  const uint64_t nanos = negative ? 0 - count : count;
  const std::string sign = negative ? "-" : "";
  if (nanos > 0 && nanos < 1'000'000'000) {
    return sign + FormatNumber(static_cast<double>(nanos) / 1e6) + "ms";
  }
  const uint64_t hours = nanos / 3'600'000'000'000;
  const uint64_t minutes = nanos / 60'000'000'000 % 60;
  const double seconds = static_cast<double>(nanos % 60'000'000'000) / 1e9;
  std::string text = sign;
  if (hours > 0) text += std::to_string(hours) + "h";
  if (minutes > 0) text += std::to_string(minutes) + "m";
  if (seconds > 0 || nanos == 0) text += FormatNumber(seconds) + "s";
  return text;
}

std::string NearestWord(std::string_view word, const std::vector<std::string_view>& known) {
  std::string_view nearest;
  // A third of the letters may differ: further off, a hint misleads.
  size_t best = std::max<size_t>(word.size() / 3, 1) + 1;
  if (word.size() > 64) return "";
  // A word of which no letter is left is another word.
  best = std::min(best, std::max<size_t>(word.size(), 1));
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
