// SPDX-License-Identifier: Apache-2.0
#include "engine/sample_line.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <system_error>

namespace kgs::engine {
namespace {

constexpr uint8_t kLabelStart = 1;
constexpr uint8_t kLabelRest = 2;
constexpr uint8_t kNameStart = 4;
constexpr uint8_t kNameRest = 8;

constexpr std::array<uint8_t, 256> MakeCharacters() {
  std::array<uint8_t, 256> classes{};
  for (int c = 'a'; c <= 'z'; ++c) classes[c] = kLabelStart | kLabelRest | kNameStart | kNameRest;
  for (int c = 'A'; c <= 'Z'; ++c) classes[c] = kLabelStart | kLabelRest | kNameStart | kNameRest;
  for (int c = '0'; c <= '9'; ++c) classes[c] = kLabelRest | kNameRest;
  classes['_'] = kLabelStart | kLabelRest | kNameStart | kNameRest;
  classes[':'] = kNameStart | kNameRest;
  return classes;
}
constexpr std::array<uint8_t, 256> kCharacters = MakeCharacters();

bool Is(char c, uint8_t what) { return (kCharacters[static_cast<unsigned char>(c)] & what) != 0; }
bool IsBlank(char c) { return c == ' ' || c == '\t'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// How many characters from the beginning of \p text are an identifier; 0 where it is none.
size_t IdentifierSize(std::string_view text, uint8_t start, uint8_t more) {
  if (text.empty() || !Is(text.front(), start)) return 0;
  size_t size = 1;
  while (size < text.size() && Is(text[size], more)) ++size;
  return size;
}

bool IsWord(std::string_view text, std::string_view lower_case) {
  if (text.size() != lower_case.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if ((text[i] | 0x20) != lower_case[i]) return false;
  }
  return true;
}

std::optional<double> ParseDigits(std::string_view text, std::chars_format format) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, format);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<double> ParseUnsigned(std::string_view text) {
  const bool hexadecimal = text.size() > 2 && text[0] == '0' && (text[1] | 0x20) == 'x';
  if (hexadecimal) {
    const std::string_view digits = text.substr(2);
    // Another sign, or "inf", is not what from_chars should find here; an exponent must be there.
    const bool starts_well =
        digits.front() == '.' || std::isxdigit(static_cast<unsigned char>(digits.front())) != 0;
    if (!starts_well || digits.find_first_of("pP") == digits.npos) return std::nullopt;
    return ParseDigits(digits, std::chars_format::hex);
  }
  if (IsDigit(text.front()) || text.front() == '.') {
    return ParseDigits(text, std::chars_format::general);
  }
  if (IsWord(text, "inf") || IsWord(text, "infinity")) {
    return std::numeric_limits<double>::infinity();
  }
  if (IsWord(text, "nan")) return std::numeric_limits<double>::quiet_NaN();
  return std::nullopt;
}

std::optional<int64_t> ParseMilliseconds(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<int64_t> ParseSeconds(std::string_view text) {
  constexpr double kLongest = 1e12;
  const auto seconds = ParseSampleValue(text);
  // False for NaN as well.
  if (!seconds || !(std::fabs(*seconds) <= kLongest)) return std::nullopt;
  return std::llround(*seconds * 1000);
}

}  // namespace

std::optional<double> ParseSampleValue(std::string_view text) {
  const bool negative = !text.empty() && text.front() == '-';
  if (negative || (!text.empty() && text.front() == '+')) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  const auto number = ParseUnsigned(text);
  return number && negative ? -*number : number;
}

void SampleLine::SkipBlanks() {
  size_t blanks = 0;
  while (blanks < rest_.size() && IsBlank(rest_[blanks])) ++blanks;
  rest_.remove_prefix(blanks);
}

std::string_view SampleLine::TakeToken() {
  size_t size = 0;
  while (size < rest_.size() && !IsBlank(rest_[size])) ++size;
  const std::string_view token = rest_.substr(0, size);
  rest_.remove_prefix(size);
  SkipBlanks();
  return token;
}

const char* SampleLine::Parse(std::string_view line, Format format) {
  labels_.clear();
  unescaped_.clear();
  timestamp_ms_.reset();
  const size_t name_size = IdentifierSize(line, kNameStart, kNameRest);
  name_ = line.substr(0, name_size);
  rest_ = line.substr(name_size);
  if (name_size > 0 && !rest_.empty() && !IsBlank(rest_.front()) && !At('{')) {
    // What stands there is a longer name than this one, whatever it is.
    name_ = {};
    return "a character that no metric name has";
  }
  SkipBlanks();
  if (At('{')) {
    if (const char* wrong = ParseLabels()) return wrong;
  }
  if (name_.empty()) return "no metric name";
  return ParseRest(format);
}

const char* SampleLine::ParseLabels() {
  rest_.remove_prefix(1);
  while (true) {
    SkipBlanks();
    if (At('}')) break;
    if (At('"')) {
      std::string_view text;
      if (const char* wrong = ParseQuoted(&text)) return wrong;
      SkipBlanks();
      if (At('=')) {
        if (const char* wrong = ParseLabelValue(text)) return wrong;
      } else if (!At(',') && !At('}')) {
        return "neither ',' nor '}' nor '=' after a quoted name";
      } else if (!name_.empty()) {
        return "two metric names";
      } else if (text.empty()) {
        return "an empty metric name";
      } else {
        name_ = text;
      }
    } else {
      const size_t size = IdentifierSize(rest_, kLabelStart, kLabelRest);
      if (size == 0) return "no label name";
      const std::string_view label = rest_.substr(0, size);
      rest_.remove_prefix(size);
      SkipBlanks();
      if (const char* wrong = ParseLabelValue(label)) return wrong;
    }
    SkipBlanks();
    if (At('}')) break;
    if (!At(',')) return "neither ',' nor '}' after a label";
    rest_.remove_prefix(1);
  }
  rest_.remove_prefix(1);
  SkipBlanks();
  return nullptr;
}

const char* SampleLine::ParseLabelValue(std::string_view label) {
  if (!At('=')) return "no '=' after a label name";
  rest_.remove_prefix(1);
  SkipBlanks();
  if (!At('"')) return "a label value without quotes";
  std::string_view value;
  if (const char* wrong = ParseQuoted(&value)) return wrong;
  return AddLabel({label, value});
}

const char* SampleLine::AddLabel(Label label) {
  if (labels_.size() == kMostLabels) return "more than 256 labels";
  for (const Label& other : labels_) {
    if (other.name == label.name) return "a label that stands twice";
  }
  labels_.push_back(label);
  return nullptr;
}

const char* SampleLine::ParseQuoted(std::string_view* text) {
  rest_.remove_prefix(1);
  for (size_t i = 0; i < rest_.size(); ++i) {
    if (rest_[i] == '"') {
      *text = rest_.substr(0, i);
      rest_.remove_prefix(i + 1);
      return nullptr;
    }
    if (rest_[i] == '\\') return Unescape(i, text);
  }
  return "a quote that is not closed";
}

/// The first \p size characters have no escape.
const char* SampleLine::Unescape(size_t size, std::string_view* text) {
  // What is unescaped is shorter than what it came from: all of the line's fits from here on.
  if (unescaped_.empty()) unescaped_.reserve(rest_.size());
  const size_t begin = unescaped_.size();
  unescaped_ += rest_.substr(0, size);
  for (size_t i = size; i < rest_.size(); ++i) {
    if (rest_[i] == '"') {
      *text = std::string_view(unescaped_).substr(begin);
      rest_.remove_prefix(i + 1);
      return nullptr;
    }
    if (rest_[i] != '\\') {
      unescaped_ += rest_[i];
      continue;
    }
    if (++i == rest_.size()) break;
    const char escaped = rest_[i];
    // An escape that nobody knows is two characters, as Prometheus reads it.
    if (escaped != '\\' && escaped != '"' && escaped != 'n') unescaped_ += '\\';
    unescaped_ += escaped == 'n' ? '\n' : escaped;
  }
  return "a quote that is not closed";
}

const char* SampleLine::ParseRest(Format format) {
  if (rest_.empty()) return "no value";
  const auto value = ParseSampleValue(TakeToken());
  if (!value) return "a value that is not a number";
  value_ = *value;
  if (!rest_.empty() && !At('#')) {
    const std::string_view token = TakeToken();
    timestamp_ms_ = format == Format::kText ? ParseMilliseconds(token) : ParseSeconds(token);
    if (!timestamp_ms_) return "a timestamp that is not a number";
  }
  // An exemplar says nothing of the value.
  const bool exemplar = format == Format::kOpenMetrics && rest_.starts_with("# {");
  if (!rest_.empty() && !exemplar) return "more than a value and a timestamp";
  return nullptr;
}

}  // namespace kgs::engine
