// SPDX-License-Identifier: Apache-2.0
#include "engine/exposition_reader.h"

#include <algorithm>

namespace kgs::engine {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kBlanks = " \t";

struct TypeWord {
  std::string_view word;
  FamilyType type;
};
constexpr TypeWord kTypeWords[] = {
    {"counter", FamilyType::kCounter},
    {"gauge", FamilyType::kGauge},
    {"histogram", FamilyType::kHistogram},
    {"summary", FamilyType::kSummary},
    {"gaugehistogram", FamilyType::kGaugeHistogram},
    {"info", FamilyType::kInfo},
    {"stateset", FamilyType::kStateSet},
};

/// What a family's samples are called beside the family itself. A _created sample is a time,
/// whatever the type of its family.
struct Suffix {
  FamilyType type;
  std::string_view text;
};
constexpr Suffix kSuffixes[] = {
    {FamilyType::kCounter, "_total"},         {FamilyType::kHistogram, "_bucket"},
    {FamilyType::kHistogram, "_sum"},         {FamilyType::kHistogram, "_count"},
    {FamilyType::kSummary, "_sum"},           {FamilyType::kSummary, "_count"},
    {FamilyType::kGaugeHistogram, "_bucket"}, {FamilyType::kGaugeHistogram, "_gsum"},
    {FamilyType::kGaugeHistogram, "_gcount"}, {FamilyType::kInfo, "_info"},
};

FamilyType FindType(std::string_view word) {
  for (const TypeWord& known : kTypeWords) {
    if (known.word == word) return known.type;
  }
  return FamilyType::kUntyped;
}

std::string_view WithoutBlanks(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace

absl::Status ExpositionReader::Invalid(const char* what) const {
  return absl::InvalidArgumentError("line " + std::to_string(line_) + ": " + what);
}

absl::Status ExpositionReader::Exceeded(const char* what, size_t limit) const {
  return absl::ResourceExhaustedError("line " + std::to_string(line_) + ": more than " +
                                      std::to_string(limit) + " " + what);
}

absl::Status ExpositionReader::Feed(std::string_view piece) {
  if (!status_.ok()) return status_;
  // What comes before the first fault is read first, so that it does not matter where pieces end.
  const size_t room = limits_.page_bytes - bytes_;
  const std::string_view fitting = piece.substr(0, room);
  const size_t nul = fitting.find('\0');
  status_ = TakeLines(fitting.substr(0, nul));
  bytes_ += fitting.size();
  if (status_.ok() && nul != fitting.npos) status_ = Invalid("a NUL");
  if (status_.ok() && piece.size() > room) status_ = Exceeded("bytes a page", limits_.page_bytes);
  return status_;
}

absl::Status ExpositionReader::Finish(BodyEnd end) {
  if (!status_.ok()) return status_;
  if (!partial_.empty()) {
    if (format_ == Format::kText && end == BodyEnd::kUnknown) {
      return status_ = absl::DataLossError("line " + std::to_string(line_) +
                                           ": the page stops within it");
    }
    status_ = TakeLine(partial_);
    partial_.clear();
    ++line_;
  }
  if (status_.ok() && format_ == Format::kOpenMetrics && !ended_) {
    status_ = absl::DataLossError("the page stops before its # EOF");
  }
  return status_;
}

absl::Status ExpositionReader::TakeLines(std::string_view piece) {
  while (!piece.empty()) {
    const size_t end = piece.find('\n');
    std::string_view line = piece.substr(0, end);
    if (partial_.size() + line.size() > limits_.line_bytes) {
      return Exceeded("bytes a line", limits_.line_bytes);
    }
    // Copied only where the line comes in several pieces.
    if (end == piece.npos || !partial_.empty()) partial_ += line;
    if (end == piece.npos) return absl::OkStatus();
    if (!partial_.empty()) line = partial_;
    if (absl::Status taken = TakeLine(line); !taken.ok()) return taken;
    ++line_;
    partial_.clear();
    piece.remove_prefix(end + 1);
  }
  return absl::OkStatus();
}

absl::Status ExpositionReader::TakeLine(std::string_view line) {
  if (line_ == 1 && line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (ended_) return Invalid("text after # EOF");
  const size_t first = line.find_first_not_of(kBlanks);
  if (first == line.npos) return absl::OkStatus();
  line.remove_prefix(first);
  if (line.front() == '#') return TakeComment(line);
  if (samples_ == limits_.samples) return Exceeded("samples a page", limits_.samples);
  ++samples_;
  if (const char* wrong = sample_.Parse(line, format_)) {
    if (sample_.name().empty()) return Invalid(wrong);
    visitor_.OnMalformed(sample_.name(), line_, wrong);
    return absl::OkStatus();
  }
  visitor_.OnSample({sample_.name(), sample_.labels(), sample_.value(), sample_.timestamp_ms(),
                     TypeOf(sample_.name())});
  return absl::OkStatus();
}

absl::Status ExpositionReader::TakeComment(std::string_view line) {
  if (format_ == Format::kOpenMetrics && line == "# EOF") {
    ended_ = true;
    return absl::OkStatus();
  }
  const std::string_view text = WithoutBlanks(line.substr(1));
  if (text.starts_with("TYPE ") || text.starts_with("TYPE\t")) TakeType(text.substr(5));
  return absl::OkStatus();
}

/// NAME TYPE. A line that is not of that form is a comment.
void ExpositionReader::TakeType(std::string_view text) {
  text = WithoutBlanks(text);
  const size_t name_end = text.find_last_of(kBlanks);
  if (name_end == text.npos) return;
  std::string_view name = WithoutBlanks(text.substr(0, name_end));
  if (name.size() > 2 && name.front() == '"' && name.back() == '"') {
    name = name.substr(1, name.size() - 2);
  }
  family_ = name;
  family_type_ = FindType(text.substr(name_end + 1));
  visitor_.OnFamily(family_, family_type_);
}

FamilyType ExpositionReader::TypeOf(std::string_view sample_name) const {
  if (family_.empty() || !sample_name.starts_with(family_)) return FamilyType::kUntyped;
  const std::string_view suffix = sample_name.substr(family_.size());
  if (suffix.empty()) return family_type_;
  const bool known = std::any_of(std::begin(kSuffixes), std::end(kSuffixes), [&](const Suffix& s) {
    return s.type == family_type_ && s.text == suffix;
  });
  return known ? family_type_ : FamilyType::kUntyped;
}

}  // namespace kgs::engine
