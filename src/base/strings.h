// SPDX-License-Identifier: Apache-2.0
//
// Text helpers that the standard library lacks. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace kgs::base {

/// \p text as a JSON string, quotes included. Bytes that are not UTF-8 become U+FFFD.
std::string JsonQuote(std::string_view text);

/// \p text with bytes that are not UTF-8 replaced by U+FFFD.
std::string ReplaceInvalidUtf8(std::string_view text);

/// \p text with ASCII's capital letters made small ones, whatever the locale.
std::string LowerCase(std::string_view text);

/// \p text on one line: control characters become spaces.
std::string OneLine(std::string_view text);

/// \p text for an error message: in double quotes, printable ASCII only (other bytes become '?'),
/// cut after \p longest characters with "...".
std::string QuoteForMessage(std::string_view text, size_t longest = 64);

/// \p text cut to at most \p longest bytes, ending in "..." where it was cut, never within a UTF-8
/// character.
std::string Truncate(std::string text, size_t longest);

/// The shortest decimal form of \p number that reads back the same: 80, 0.5, 1e+20.
std::string FormatNumber(double number);

/// A whole decimal number such as "80", "-1" or "0.5", or nothing. "inf" and "nan" parse, so that
/// callers can say what is wrong with them; blanks, '+' and trailing text do not. What a double
/// cannot hold is infinity when too large.
std::optional<double> ParseDouble(std::string_view text);
std::optional<long long> ParseInteger(std::string_view text);

/// Go's duration form, one or more of NUMBER and unit (ms, s, m, h): "500ms", "1m30s", "0.5s".
std::optional<Duration> ParseDuration(std::string_view text);

/// The shortest such form: 500ms, 30s, 1m30s, 1.5s.
std::string FormatDuration(Duration duration);

/// The entry of \p known nearest to \p word by edit distance (case ignored), or empty where none is
/// near enough to be meant. \p word longer than 64 bytes has none.
std::string NearestWord(std::string_view word, const std::vector<std::string_view>& known);

/// "a, b and c".
std::string JoinWithAnd(const std::vector<std::string>& words);

}  // namespace kgs::base
