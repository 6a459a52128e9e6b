// SPDX-License-Identifier: Apache-2.0
#include "engine/kept_page.h"

#include <algorithm>

#include "engine/dialects.h"

namespace kgs::engine {
namespace {

/// After this a sample is stale to Prometheus.
constexpr int64_t kOldestMs = int64_t{5} * 60 * 1000;

bool HasLabels(std::span<const Label> labels, const LabelMatches& matches) {
  return std::all_of(matches.begin(), matches.end(), [&](const auto& match) {
    return match.second.empty() || std::any_of(labels.begin(), labels.end(), [&](const Label& one) {
             return one.name == match.first;
           });
  });
}

SortedLabels Sorted(std::span<const Label> labels) {
  SortedLabels sorted;
  sorted.reserve(labels.size());
  for (const Label& label : labels) {
    // An empty label is none.
    if (!label.value.empty()) sorted.emplace_back(label.name, label.value);
  }
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

}  // namespace

std::string KeyOf(const SortedLabels& labels, const std::vector<std::string>& left_out) {
  // No page has a NUL, so nothing but the end of a part looks like one.
  std::string key;
  for (const auto& [name, value] : labels) {
    if (std::find(left_out.begin(), left_out.end(), name) != left_out.end()) continue;
    key += name;
    key += '\0';
    key += value;
    key += '\0';
  }
  return key;
}

KeptPage::KeptPage(const PageQuery& query, std::optional<int64_t> now_unix_ms)
    : query_(query),
      now_unix_ms_(now_unix_ms),
      families_(query.families().size()),
      places_(query.families().size()),
      dialect_seen_(query.dialects().size(), false) {
  for (size_t i = 0; i < families_.size(); ++i) {
    families_[i].labelled.resize(query.families()[i].kept.size(), false);
  }
}

void KeptPage::TakeName(std::string_view name) {
  empty_ = false;
  if (name == name_) return;
  name_ = name;
  family_of_name_ = query_.FamilyOf(name);
  for (size_t i = 0; i < dialect_seen_.size(); ++i) {
    if (!dialect_seen_[i]) dialect_seen_[i] = HasPrefix(*query_.dialects()[i], name);
  }
}

void KeptPage::OnFamily(std::string_view name, FamilyType) { TakeName(name); }

void KeptPage::OnMalformed(std::string_view name, size_t, const char*) {
  TakeName(name);
  ++malformed_;
  if (family_of_name_) families_[*family_of_name_].malformed = true;
}

void KeptPage::OnSample(const Sample& sample) {
  TakeName(sample.name);
  if (!family_of_name_) return;
  const size_t place = *family_of_name_;
  KeptFamily& family = families_[place];
  family.seen = true;
  const std::vector<LabelMatches>& kept = query_.families()[place].kept;
  for (size_t i = 0; i < kept.size(); ++i) {
    if (!family.labelled[i]) family.labelled[i] = HasLabels(sample.labels, kept[i]);
  }
  const bool wanted = std::any_of(kept.begin(), kept.end(), [&](const LabelMatches& matches) {
    return Meets(sample.labels, matches);
  });
  if (!wanted) return;
  if (now_unix_ms_ && sample.timestamp_ms && *sample.timestamp_ms < *now_unix_ms_ - kOldestMs) {
    family.stale = true;
  }
  Keep(sample, family, place);
}

void KeptPage::Keep(const Sample& sample, KeptFamily& family, size_t place) {
  SortedLabels labels = Sorted(sample.labels);
  std::string key = KeyOf(labels, {});
  const auto known = places_[place].find(key);
  if (known != places_[place].end()) {
    family.samples[known->second].value = sample.value;
    ++duplicates_;
    return;
  }
  if (kept_ == kMostSamples || kept_bytes_ + key.size() > kMostLabelBytes) {
    family.cut = true;
    return;
  }
  ++kept_;
  kept_bytes_ += key.size();
  places_[place].emplace(std::move(key), family.samples.size());
  family.samples.push_back({std::move(labels), sample.value});
}

bool KeptPage::HasNameOf(const Dialect& dialect) const {
  for (size_t i = 0; i < dialect_seen_.size(); ++i) {
    if (query_.dialects()[i] == &dialect) return dialect_seen_[i];
  }
  return false;
}

}  // namespace kgs::engine
