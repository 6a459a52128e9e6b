// SPDX-License-Identifier: Apache-2.0
#include "engine/series_selector.h"

#include <algorithm>
#include <cctype>
#include <span>

namespace kgs::engine {
namespace {

constexpr size_t kLongestName = 256;
constexpr size_t kMostLabels = 16;

template <typename T>
struct Word {
  std::string_view word;
  T value;
};

constexpr Word<SeriesReadAs> kKinds[] = {
    {"gauge", {SeriesKind::kGauge}},
    {"counter", {SeriesKind::kCounter}},
    {"histogram-mean", {SeriesKind::kMean}},
    {"histogram-p50", {SeriesKind::kQuantile, 0.5}},
    {"histogram-p90", {SeriesKind::kQuantile, 0.9}},
    {"histogram-p95", {SeriesKind::kQuantile, 0.95}},
    {"histogram-p99", {SeriesKind::kQuantile, 0.99}},
};
constexpr Word<Combine> kCombines[] = {{"sum", Combine::kSum},
                                       {"max", Combine::kMax},
                                       {"mean", Combine::kMean},
                                       {"min", Combine::kMin}};
constexpr Word<WhenAbsent> kAbsents[] = {
    {"zero", WhenAbsent::kZero}, {"error", WhenAbsent::kError}, {"hold", WhenAbsent::kHold}};

template <typename T>
std::optional<T> FindIn(std::span<const Word<T>> words, std::string_view word) {
  for (const Word<T>& known : words) {
    if (known.word == word) return known.value;
  }
  return std::nullopt;
}

template <typename T>
std::vector<std::string_view> WordsOf(std::span<const Word<T>> words) {
  std::vector<std::string_view> texts;
  for (const Word<T>& known : words) texts.push_back(known.word);
  return texts;
}

bool IsLabelName(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName &&
         std::isdigit(static_cast<unsigned char>(name.front())) == 0 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return c < 0x80 && (std::isalnum(c) != 0 || c == '_');
         });
}

absl::Status Invalid(const char* what) { return absl::InvalidArgumentError(what); }

/// Takes a quoted value off \p text.
std::optional<std::string> TakeQuoted(std::string_view& text) {
  std::string value;
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return value;
    }
    const bool escape = text[i] == '\\' && i + 1 < text.size();
    if (escape) ++i;
    value += text[i];
  }
  return std::nullopt;
}

}  // namespace

std::optional<SeriesReadAs> FindSeriesKind(std::string_view word) {
  return FindIn<SeriesReadAs>(kKinds, word);
}
std::vector<std::string_view> SeriesKindWords() { return WordsOf<SeriesReadAs>(kKinds); }

std::optional<Combine> FindSeriesCombine(std::string_view word) {
  return FindIn<Combine>(kCombines, word);
}
std::vector<std::string_view> SeriesCombineWords() { return WordsOf<Combine>(kCombines); }

std::optional<WhenAbsent> FindSeriesAbsent(std::string_view word) {
  return FindIn<WhenAbsent>(kAbsents, word);
}
std::vector<std::string_view> SeriesAbsentWords() { return WordsOf<WhenAbsent>(kAbsents); }

bool IsSeriesName(std::string_view name) {
  if (name.empty() || name.size() > kLongestName) return false;
  return std::none_of(name.begin(), name.end(), [](unsigned char c) {
    return c <= ' ' || c == 0x7F || c == '"' || c == '\\' || c == '{' || c == '}';
  });
}

absl::StatusOr<LabelMatches> ParseSeriesLabels(std::string_view text) {
  LabelMatches labels;
  while (!text.empty()) {
    const size_t equals = text.find('=');
    if (equals == text.npos) return Invalid("no '=' after a label's name");
    const std::string name(text.substr(0, equals));
    if (!IsLabelName(name)) return Invalid("a label's name is letters, digits and '_'");
    text.remove_prefix(equals + 1);
    std::string value;
    if (text.starts_with('"')) {
      const auto quoted = TakeQuoted(text);
      if (!quoted) return Invalid("a quote that is not closed");
      value = *quoted;
    } else {
      value = text.substr(0, text.find(','));
      text.remove_prefix(value.size());
      if (value.find('"') != value.npos) return Invalid("a quote within a value without quotes");
    }
    if (!text.empty() && text.front() != ',') return Invalid("no ',' after a quoted value");
    if (text == ",") return Invalid("a ',' at the end");
    text.remove_prefix(std::min<size_t>(1, text.size()));
    const bool known = std::any_of(labels.begin(), labels.end(),
                                   [&](const auto& label) { return label.first == name; });
    if (known) return Invalid("a label that stands twice");
    if (labels.size() == kMostLabels) return Invalid("more than 16 labels");
    labels.emplace_back(name, value);
  }
  return labels;
}

absl::Status CheckSelector(const SeriesSelector& selector) {
  if (!IsSeriesName(selector.name)) return Invalid("the series' name is not one");
  const bool histogram =
      selector.read_as.kind == SeriesKind::kMean || selector.read_as.kind == SeriesKind::kQuantile;
  if (!histogram) return absl::OkStatus();
  for (const std::string_view suffix : {"_bucket", "_sum", "_count"}) {
    if (!selector.name.ends_with(suffix)) continue;
    return absl::InvalidArgumentError("a histogram is named without " + std::string(suffix));
  }
  for (const auto& [name, value] : selector.labels) {
    if (name == "le") return Invalid("a histogram is read with all of its buckets, without a le");
  }
  return absl::OkStatus();
}

Wanted WantedSeries(const SeriesSelector& selector) {
  const SeriesKind kind = selector.read_as.kind;
  SeriesName name{selector.name, selector.labels};
  if (kind == SeriesKind::kMean) {
    name = {selector.name + "_sum", selector.labels, selector.name + "_count"};
  }
  Signal signal;
  signal.name = "prometheus";
  signal.demand = selector.combine == Combine::kSum &&
                  (kind == SeriesKind::kGauge || kind == SeriesKind::kCounter);
  signal.terms = {{.first_of = {name},
                   .kind = kind,
                   .quantile = selector.read_as.quantile,
                   .combine = selector.combine}};
  signal.absent = selector.absent;
  return {signal, nullptr};
}

}  // namespace kgs::engine
