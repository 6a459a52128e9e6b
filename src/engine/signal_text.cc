// SPDX-License-Identifier: Apache-2.0
#include "engine/signal_text.h"

#include "base/strings.h"

namespace kgs::engine {
namespace {

const char* CombineText(Combine combine) {
  switch (combine) {
    case Combine::kSum:
      return "";
    case Combine::kMax:
      return ", largest";
    case Combine::kMean:
      return ", mean";
    case Combine::kMin:
      return ", smallest";
  }
  return "";
}

std::string TermText(const Term& term) {
  std::string text;
  if (term.kind == SeriesKind::kQuantile) {
    text.append("p").append(base::FormatNumber(term.quantile * 100)).append(" of ");
  } else if (term.kind != SeriesKind::kGauge) {
    text = "growth of ";
  }
  text += NamesText(term);
  if (term.kind == SeriesKind::kMean) {
    text.append(" over that of ").append(term.first_of.front().count);
  }
  text.append(CombineText(term.combine));
  if (term.while_above_zero.empty()) return text;
  return text.append(", while ").append(NamesText(term.while_above_zero)).append(" is above 0");
}

}  // namespace

std::string SeriesText(const SeriesName& name) {
  std::string text = name.name;
  for (size_t i = 0; i < name.labels.size(); ++i) {
    const auto& [label, value] = name.labels[i];
    text.append(i == 0 ? "{" : ",").append(label).append("=\"").append(value).append("\"");
  }
  if (!name.labels.empty()) text += "}";
  return text;
}

std::string NamesText(const std::vector<SeriesName>& names) {
  std::string text;
  for (const SeriesName& name : names) {
    if (!text.empty()) text += " or ";
    text += SeriesText(name);
  }
  return text;
}

std::string SignalText(const Signal& signal) {
  std::string text;
  for (const Term& term : signal.terms) {
    if (!text.empty()) text += term.subtracted ? ", less " : ", plus ";
    text += TermText(term);
  }
  return text;
}

std::string WhenAbsentText(WhenAbsent absent) {
  switch (absent) {
    case WhenAbsent::kError:
      return "error";
    case WhenAbsent::kZero:
      return "0";
    case WhenAbsent::kHold:
      return "hold";
  }
  return "";
}

}  // namespace kgs::engine
