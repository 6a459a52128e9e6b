// SPDX-License-Identifier: Apache-2.0
#include "cli/engine_page.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/strings.h"
#include "engine/dialects.h"
#include "engine/engine_rates.h"
#include "engine/page_reading.h"

namespace kgs::cli {
namespace {

using engine::Dialect;
using engine::PageQuery;
using engine::PageReading;

/// A saved page has no Content-Type: it is OpenMetrics where it ends as only that does.
engine::Format FormatOf(std::string_view page) {
  while (!page.empty() && (page.back() == '\n' || page.back() == '\r')) page.remove_suffix(1);
  const bool open_metrics = page == "# EOF" || page.ends_with("\n# EOF");
  return open_metrics ? engine::Format::kOpenMetrics : engine::Format::kText;
}

absl::StatusOr<PageReading> Read(std::string_view page, const PageQuery& query) {
  engine::PageReader reader(query, FormatOf(page), std::nullopt);
  if (absl::Status status = reader.Feed(page); !status.ok()) return status;
  return reader.Finish(engine::BodyEnd::kKnown, base::SteadyTime{});
}

/// "vllm: on by default...", a line an engine.
std::string HowToSwitchOn(std::span<const Dialect* const> dialects) {
  std::string text;
  for (const Dialect* dialect : dialects) {
    text += "\n  " + dialect->name + ": " + base::JoinWithAnd(dialect->prefixes) + "..., port " +
            std::to_string(dialect->port) + dialect->path + "; " + dialect->switched_on;
  }
  return text;
}

absl::StatusOr<const Dialect*> Recognised(std::string_view page) {
  std::vector<engine::Wanted> wanted;
  for (const Dialect* dialect : engine::Dialects()) {
    for (engine::Wanted& one : engine::AllSignals(*dialect)) wanted.push_back(std::move(one));
  }
  const auto reading = Read(page, PageQuery(std::move(wanted)));
  if (!reading.ok()) return reading.status();
  if (reading->recognised.size() == 1) return reading->recognised.front();
  if (reading->recognised.empty()) {
    return absl::NotFoundError("the page has no name of a known engine. Looked for:" +
                               HowToSwitchOn(engine::Dialects()));
  }
  return absl::FailedPreconditionError(
      "the page has names of several engines: say which with --engine" +
      HowToSwitchOn(reading->recognised));
}

std::string SourceText(const engine::Term& term, const engine::RawTerm& read) {
  if (read.series.size() == 1) return read.source;
  const char* how = "sum";
  switch (term.combine) {
    case engine::Combine::kSum:
      break;
    case engine::Combine::kMax:
      how = "largest";
      break;
    case engine::Combine::kMean:
      how = "mean";
      break;
    case engine::Combine::kMin:
      how = "smallest";
      break;
  }
  return std::string(how) + " of " + std::to_string(read.series.size()) + ": " + read.source;
}

std::vector<std::string> Sources(const engine::Signal& signal, const engine::RawSignal& read) {
  std::vector<std::string> sources;
  for (size_t i = 0; i < signal.terms.size(); ++i) {
    if (read.terms[i].source.empty()) continue;
    sources.push_back(SourceText(signal.terms[i], read.terms[i]));
  }
  return sources;
}

/// Nine digits are more than any page means.
std::string ValueText(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

}  // namespace

absl::StatusOr<EnginePage> ReadEnginePage(std::string_view page, const Dialect* chosen) {
  if (chosen == nullptr) {
    const auto recognised = Recognised(page);
    if (!recognised.ok()) return recognised.status();
    chosen = *recognised;
  }
  const PageQuery query(engine::AllSignals(*chosen));
  const auto reading = Read(page, query);
  if (!reading.ok()) return reading.status();
  const auto values = engine::EngineValues(query, nullptr, *reading);
  EnginePage result{chosen, {}, reading->samples, reading->malformed, reading->duplicates};
  for (size_t i = 0; i < values.size(); ++i) {
    const engine::Signal& signal = query.wanted()[i].signal;
    result.metrics.push_back(
        {signal.name, signal.unit, values[i], Sources(signal, reading->signals[i])});
  }
  return result;
}

std::string EnginePageText(const EnginePage& page) {
  size_t width = 0;
  for (const EngineMetric& metric : page.metrics) width = std::max(width, metric.name.size());
  std::string text = page.dialect->title + " (" + page.dialect->name + "), " +
                     std::to_string(page.samples) + " samples";
  if (page.malformed > 0) text += ", " + std::to_string(page.malformed) + " lines are no sample";
  if (page.duplicates > 0) text += ", " + std::to_string(page.duplicates) + " series stand twice";
  text += "\n";
  for (const EngineMetric& metric : page.metrics) {
    text += metric.name + std::string(width - metric.name.size() + 2, ' ');
    if (metric.reading.has_value()) {
      text += ValueText(metric.reading.value()) + " " + metric.unit;
    } else {
      text += std::string(model::EngineGapName(metric.reading.gap()));
      if (!metric.reading.detail().empty()) text += ": " + metric.reading.detail();
    }
    std::string sources;
    for (const std::string& source : metric.sources) {
      sources += (sources.empty() ? "" : " + ") + source;
    }
    if (!sources.empty()) text += "  from " + sources;
    text += "\n";
  }
  return text;
}

std::string EnginePageJson(const EnginePage& page) {
  nlohmann::ordered_json json = {{"engine", page.dialect->name},
                                 {"samples", page.samples},
                                 {"malformed", page.malformed},
                                 {"duplicates", page.duplicates},
                                 {"switched_on", page.dialect->switched_on},
                                 {"metrics", nlohmann::ordered_json::array()}};
  for (const EngineMetric& metric : page.metrics) {
    nlohmann::ordered_json row = {{"name", metric.name}, {"unit", metric.unit}};
    if (metric.reading.has_value()) {
      row["value"] = metric.reading.value();
    } else {
      row["value"] = nullptr;
      row["reason"] = model::EngineGapName(metric.reading.gap());
      row["detail"] = metric.reading.detail();
    }
    row["sources"] = metric.sources;
    json["metrics"].push_back(std::move(row));
  }
  return json.dump(2) + "\n";
}

}  // namespace kgs::cli
