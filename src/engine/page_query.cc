// SPDX-License-Identifier: Apache-2.0
#include "engine/page_query.h"

#include <algorithm>

#include "engine/dialects.h"

namespace kgs::engine {

std::string BucketName(const std::string& family) { return family + "_bucket"; }

std::vector<Wanted> AllSignals(const Dialect& dialect) {
  std::vector<Wanted> wanted;
  wanted.reserve(dialect.signals.size());
  for (const Signal& signal : dialect.signals) wanted.push_back({signal, &dialect});
  return wanted;
}

Wanted Selected(Wanted wanted, const LabelMatches& labels) {
  for (Term& term : wanted.signal.terms) {
    for (std::vector<SeriesName>* names : {&term.first_of, &term.while_above_zero}) {
      for (SeriesName& name : *names) {
        name.labels.insert(name.labels.end(), labels.begin(), labels.end());
      }
    }
  }
  return wanted;
}

PageQuery::PageQuery(std::vector<Wanted> wanted) : wanted_(std::move(wanted)) {
  for (const auto& [signal, dialect, wake] : wanted_) {
    for (const Term& term : signal.terms) {
      for (const SeriesName& name : term.first_of) {
        const bool histogram = term.kind == SeriesKind::kQuantile;
        AddName(histogram ? BucketName(name.name) : name.name, name.labels);
        if (!name.count.empty()) AddName(name.count, name.labels);
      }
      for (const SeriesName& name : term.while_above_zero) AddName(name.name, name.labels);
    }
    if (dialect == nullptr) continue;
    if (std::find(dialects_.begin(), dialects_.end(), dialect) != dialects_.end()) continue;
    dialects_.push_back(dialect);
    if (dialect->awake) AddName(dialect->awake->name, dialect->awake->labels);
    for (const std::string& name : dialect->served) FamilyNamed(name);
  }
}

/// Two spellings of one name are one family, whichever is asked for first.
size_t PageQuery::FamilyNamed(const std::string& name) {
  const auto [place, added] = places_.try_emplace(WithUnderscores(name), families_.size());
  const size_t index = place->second;
  if (added) families_.push_back({name, {}});
  places_.try_emplace(name, index);
  return index;
}

void PageQuery::AddName(const std::string& name, const LabelMatches& matches) {
  std::vector<LabelMatches>& kept = families_[FamilyNamed(name)].kept;
  if (std::find(kept.begin(), kept.end(), matches) == kept.end()) kept.push_back(matches);
}

bool PageQuery::queue_counts() const {
  return std::any_of(dialects_.begin(), dialects_.end(),
                     [](const Dialect* dialect) { return dialect->queue_counts; });
}

std::optional<size_t> PageQuery::FamilyOf(std::string_view sample_name) const {
  const auto place = places_.find(sample_name);
  if (place == places_.end()) return std::nullopt;
  return place->second;
}

}  // namespace kgs::engine
