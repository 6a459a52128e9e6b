// SPDX-License-Identifier: Apache-2.0
#include "trigger/engine_values.h"

#include <algorithm>
#include <cctype>

#include "base/strings.h"
#include "engine/dialects.h"
#include "engine/series_selector.h"
#include "trigger/metric.h"

namespace kgs::trigger {

std::optional<const engine::Dialect*> ReadEngine(std::string_view text) {
  const engine::Dialect* dialect = engine::FindDialect(text);
  return dialect == nullptr ? std::nullopt : std::optional(dialect);
}

// As a request line can carry it: what would have to be escaped is refused.
std::optional<std::string> ReadEnginePath(std::string_view text) {
  constexpr size_t kLongest = 256;
  constexpr std::string_view kEscaped = "\"#<>\\^`{|}";
  if (text.size() > kLongest || !text.starts_with('/')) return std::nullopt;
  const bool plain = std::all_of(text.begin(), text.end(), [&](char c) {
    return c > ' ' && c < 0x7F && kEscaped.find(c) == kEscaped.npos;
  });
  return plain ? std::optional<std::string>(text) : std::nullopt;
}

std::optional<std::chrono::milliseconds> ReadScrapeInterval(std::string_view text) {
  const auto interval = base::ParseDuration(text);
  if (!interval || *interval < std::chrono::milliseconds(200) ||
      *interval > std::chrono::minutes(1)) {
    return std::nullopt;
  }
  return std::chrono::floor<std::chrono::milliseconds>(*interval);
}

std::optional<std::string> ReadSeriesName(std::string_view text) {
  return engine::IsSeriesName(text) ? std::optional<std::string>(text) : std::nullopt;
}

std::optional<std::string> ReadSeriesLabels(std::string_view text) {
  constexpr size_t kLongest = 1024;
  if (text.empty() || text.size() > kLongest || !engine::ParseSeriesLabels(text).ok()) {
    return std::nullopt;
  }
  return std::string(text);
}

std::optional<endpoint::Url> ReadEndpoint(std::string_view text) {
  auto url = endpoint::ParseUrl(text);
  return url.ok() ? std::optional(*std::move(url)) : std::nullopt;
}

// As endpoint::NamedEndpoints has names.
std::optional<std::string> ReadEndpointAuth(std::string_view text) {
  constexpr size_t kLongest = 63;
  const bool is_name =
      !text.empty() && text.size() <= kLongest && std::all_of(text.begin(), text.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
      });
  return is_name ? std::optional<std::string>(text) : std::nullopt;
}

std::vector<std::string_view> WakeSourceNames() {
  static const std::vector<std::string> kWords = [] {
    std::vector<std::string> words;
    for (const engine::Dialect* source : engine::WakeSources()) {
      words.push_back(engine::WakeSourceWord(*source));
    }
    words.emplace_back(kPrometheus);
    return words;
  }();
  return {kWords.begin(), kWords.end()};
}

std::optional<std::string> ReadWakeSource(std::string_view text) {
  const auto names = WakeSourceNames();
  if (std::find(names.begin(), names.end(), text) == names.end()) return std::nullopt;
  return std::string(text);
}

std::vector<std::string_view> WakeSeriesKinds() { return {"gauge", "counter"}; }

std::optional<std::string> ReadWakeSeriesKind(std::string_view text) {
  const auto kinds = WakeSeriesKinds();
  if (std::find(kinds.begin(), kinds.end(), text) == kinds.end()) return std::nullopt;
  return std::string(text);
}

std::vector<std::string_view> EngineNames() {
  std::vector<std::string_view> names;
  for (const engine::Dialect* dialect : engine::Dialects()) names.push_back(dialect->name);
  return names;
}

std::string EnginePathText() {
  return "a path of at most 256 characters that begins with '/', escaped as in a URL";
}
std::string ScrapeIntervalText() { return "a duration from 200ms to 1m"; }
std::string SeriesNameText() {
  return "the exact name of a series: at most 256 bytes without blanks, quotes, braces or "
         "backslashes";
}
std::string SeriesLabelsText() {
  return "labels such as model_name=m,engine=0: at most 16, each once; a value with a ',' or '\"' "
         "in double quotes";
}

std::string EndpointText() { return "a URL such as http://gateway.llm.svc:9090/metrics"; }
std::string EndpointAuthText() {
  return "the name of one of the hub's --named-endpoints: 1 to 63 letters, digits, '-', '_' or '.'";
}

std::string SeriesLabelsHint(std::string_view value) {
  return std::string(engine::ParseSeriesLabels(value).status().message());
}

std::string EndpointHint(std::string_view value) {
  return "it " + endpoint::WhatIsWrongWithUrl(value);
}

}  // namespace kgs::trigger
