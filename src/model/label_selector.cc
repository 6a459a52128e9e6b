// SPDX-License-Identifier: Apache-2.0
#include "model/label_selector.h"

#include <absl/status/status.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/strings.h"

namespace kgs::model {
namespace {

bool IsAlphanumeric(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

/// Up to 63 letters, digits, '-', '_' and '.', a letter or digit at both ends.
bool IsLabelName(std::string_view text) {
  return !text.empty() && text.size() <= 63 && IsAlphanumeric(text.front()) &&
         IsAlphanumeric(text.back()) && std::all_of(text.begin(), text.end(), [](char c) {
           return IsAlphanumeric(c) || c == '-' || c == '_' || c == '.';
         });
}

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool IsSymbol(char c) { return std::string_view("=!(),<>").find(c) != std::string_view::npos; }

/// Reads requirements one after the other, as apimachinery's parser does.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  absl::StatusOr<LabelSelector> Parse() {
    LabelSelector selector;
    SkipBlanks();
    if (AtEnd()) return selector;
    do {
      LabelRequirement requirement;
      if (!ParseRequirement(requirement)) {
        return absl::InvalidArgumentError("label selector " + base::QuoteForMessage(text_, 256) +
                                          ": " + problem_);
      }
      selector.requirements.push_back(std::move(requirement));
    } while (Take(","));
    if (!AtEnd()) {
      return absl::InvalidArgumentError("label selector " + base::QuoteForMessage(text_, 256) +
                                        ": ',' expected at " + Rest());
    }
    return selector;
  }

 private:
  bool ParseRequirement(LabelRequirement& requirement) {
    const bool negated = Take("!");
    requirement.key = std::string(TakeWord());
    if (!IsLabelKey(requirement.key)) {
      return Fail(base::QuoteForMessage(requirement.key) + " is no label key");
    }
    if (negated || AtEnd() || text_[position_] == ',') {
      requirement.op =
          negated ? LabelRequirement::Operator::kDoesNotExist : LabelRequirement::Operator::kExists;
      return true;
    }
    return ParseOperator(requirement);
  }

  bool ParseOperator(LabelRequirement& requirement) {
    requirement.op = LabelRequirement::Operator::kIn;
    if (Take("!=")) {
      requirement.op = LabelRequirement::Operator::kNotIn;
      return ParseValue(requirement);
    }
    if (Take("==") || Take("=")) return ParseValue(requirement);
    const size_t start = position_;
    const std::string_view word = TakeWord();
    if (word == "notin") {
      requirement.op = LabelRequirement::Operator::kNotIn;
    } else if (word != "in") {
      position_ = start;
      return Fail("=, ==, !=, in or notin expected at " + Rest());
    }
    return ParseSet(requirement);
  }

  bool ParseValue(LabelRequirement& requirement) {
    requirement.values.emplace_back(TakeWord());
    return IsLabelValue(requirement.values.back()) ||
           Fail(base::QuoteForMessage(requirement.values.back()) + " is no label value");
  }

  bool ParseSet(LabelRequirement& requirement) {
    if (!Take("(")) return Fail("'(' expected at " + Rest());
    do {
      if (!ParseValue(requirement)) return false;
    } while (Take(","));
    if (!Take(")")) return Fail("')' expected at " + Rest());
    std::vector<std::string>& values = requirement.values;
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    return true;
  }

  bool Fail(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  bool AtEnd() const { return position_ == text_.size(); }
  std::string Rest() const {
    return AtEnd() ? "the end" : base::QuoteForMessage(text_.substr(position_));
  }

  void SkipBlanks() {
    while (!AtEnd() && IsBlank(text_[position_])) ++position_;
  }

  bool Take(std::string_view symbol) {
    if (text_.substr(position_, symbol.size()) != symbol) return false;
    position_ += symbol.size();
    SkipBlanks();
    return true;
  }

  /// Empty where a symbol or the end stands next.
  std::string_view TakeWord() {
    const size_t start = position_;
    while (!AtEnd() && !IsBlank(text_[position_]) && !IsSymbol(text_[position_])) ++position_;
    const std::string_view word = text_.substr(start, position_ - start);
    SkipBlanks();
    return word;
  }

  const std::string_view text_;
  size_t position_ = 0;
  std::string problem_;
};

bool Holds(const LabelRequirement& requirement, const Labels& labels) {
  const std::string* value = FindLabel(labels, requirement.key);
  const auto listed = [&] {
    return std::binary_search(requirement.values.begin(), requirement.values.end(), *value);
  };
  switch (requirement.op) {
    case LabelRequirement::Operator::kIn:
      return value != nullptr && listed();
    case LabelRequirement::Operator::kNotIn:
      return value == nullptr || !listed();
    case LabelRequirement::Operator::kExists:
      return value != nullptr;
    case LabelRequirement::Operator::kDoesNotExist:
      return value == nullptr;
  }
  return false;
}

std::string TextOf(const LabelRequirement& requirement) {
  const bool in = requirement.op == LabelRequirement::Operator::kIn;
  if (requirement.op == LabelRequirement::Operator::kExists) return requirement.key;
  if (requirement.op == LabelRequirement::Operator::kDoesNotExist) return "!" + requirement.key;
  if (requirement.values.size() == 1) {
    return requirement.key + (in ? "=" : "!=") + requirement.values.front();
  }
  std::string text = requirement.key + (in ? " in (" : " notin (");
  for (size_t i = 0; i < requirement.values.size(); ++i) {
    if (i > 0) text += ',';
    text += requirement.values[i];
  }
  return text + ")";
}

}  // namespace

bool IsLabelKey(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return IsLabelName(text);
  const std::string_view prefix = text.substr(0, slash);
  return !prefix.empty() && prefix.size() <= 253 && IsAlphanumeric(prefix.front()) &&
         IsAlphanumeric(prefix.back()) &&
         std::all_of(prefix.begin(), prefix.end(),
                     [](char c) {
                       return (IsAlphanumeric(c) && (c < 'A' || c > 'Z')) || c == '-' || c == '.';
                     }) &&
         IsLabelName(text.substr(slash + 1));
}

bool IsLabelValue(std::string_view text) { return text.empty() || IsLabelName(text); }

bool LabelSelector::Matches(const Labels& labels) const {
  return !requirements.empty() &&
         std::all_of(requirements.begin(), requirements.end(),
                     [&](const LabelRequirement& one) { return Holds(one, labels); });
}

std::string LabelSelector::Text() const {
  std::string text;
  for (const LabelRequirement& requirement : requirements) {
    if (!text.empty()) text += ',';
    text += TextOf(requirement);
  }
  return text;
}

absl::StatusOr<LabelSelector> ParseLabelSelector(std::string_view text) {
  return Parser(text).Parse();
}

}  // namespace kgs::model
