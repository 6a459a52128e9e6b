// SPDX-License-Identifier: Apache-2.0
#include "trigger/words.h"

#include <span>

namespace kgs::trigger {
namespace {

using model::HpaMetricType;

template <typename T>
struct Word {
  T value;
  std::string_view name;
};

constexpr Word<Scope> kScopes[] = {
    {Scope::kWorkload, "workload"}, {Scope::kNode, "node"}, {Scope::kCluster, "cluster"}};
constexpr Word<PodAggregation> kPodAggregations[] = {{PodAggregation::kMean, "mean"},
                                                     {PodAggregation::kMax, "max"}};
constexpr Word<HpaMetricType> kHpaMetricTypes[] = {{HpaMetricType::kAverageValue, "AverageValue"},
                                                   {HpaMetricType::kValue, "Value"}};

constexpr Word<WakeAbsent> kWakeAbsents[] = {{WakeAbsent::kInactive, "inactive"},
                                             {WakeAbsent::kUnknown, "unknown"}};

template <typename T>
std::string_view NameIn(std::span<const Word<T>> words, T value) {
  for (const Word<T>& word : words) {
    if (word.value == value) return word.name;
  }
  return "none";
}

template <typename T>
std::optional<T> FindIn(std::span<const Word<T>> words, std::string_view name) {
  for (const Word<T>& word : words) {
    if (word.name == name) return word.value;
  }
  return std::nullopt;
}

template <typename T>
std::vector<std::string_view> NamesOf(std::span<const Word<T>> words) {
  std::vector<std::string_view> names;
  for (const Word<T>& word : words) names.push_back(word.name);
  return names;
}

}  // namespace

std::string_view ScopeName(Scope scope) { return NameIn<Scope>(kScopes, scope); }
std::optional<Scope> FindScope(std::string_view name) { return FindIn<Scope>(kScopes, name); }
std::vector<std::string_view> ScopeNames() { return NamesOf<Scope>(kScopes); }

std::string_view PodAggregationName(PodAggregation aggregation) {
  return NameIn<PodAggregation>(kPodAggregations, aggregation);
}
std::optional<PodAggregation> FindPodAggregation(std::string_view name) {
  return FindIn<PodAggregation>(kPodAggregations, name);
}
std::vector<std::string_view> PodAggregationNames() {
  return NamesOf<PodAggregation>(kPodAggregations);
}

std::string_view HpaMetricTypeName(HpaMetricType type) {
  return NameIn<HpaMetricType>(kHpaMetricTypes, type);
}
std::optional<HpaMetricType> FindHpaMetricType(std::string_view name) {
  return FindIn<HpaMetricType>(kHpaMetricTypes, name);
}
std::vector<std::string_view> HpaMetricTypeNames() {
  return NamesOf<HpaMetricType>(kHpaMetricTypes);
}

std::optional<WakeAbsent> FindWakeAbsent(std::string_view name) {
  return FindIn<WakeAbsent>(kWakeAbsents, name);
}
std::vector<std::string_view> WakeAbsentNames() { return NamesOf<WakeAbsent>(kWakeAbsents); }

}  // namespace kgs::trigger
