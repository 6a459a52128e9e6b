// SPDX-License-Identifier: Apache-2.0
#include "cli/engine_text.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/strings.h"
#include "engine/dialects.h"

namespace kgs::cli {
namespace {

using Json = nlohmann::ordered_json;

/// Nine digits are more than any page means.
std::string ValueText(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

std::string MetricText(const EngineMetric& metric) {
  std::string text;
  if (metric.reading.has_value()) {
    text = ValueText(metric.reading.value()) + " " + metric.unit;
  } else {
    text = std::string(model::EngineGapName(metric.reading.gap()));
    if (!metric.reading.detail().empty()) text += ": " + metric.reading.detail();
  }
  std::string sources;
  for (const std::string& source : metric.sources) {
    sources += (sources.empty() ? "" : " + ") + source;
  }
  return sources.empty() ? text : text + "  from " + sources;
}

Json MetricJson(const EngineMetric& metric) {
  Json row = {{"name", metric.name}, {"unit", metric.unit}};
  if (metric.reading.has_value()) {
    row["value"] = metric.reading.value();
  } else {
    row["value"] = nullptr;
    row["reason"] = model::EngineGapName(metric.reading.gap());
    row["detail"] = metric.reading.detail();
  }
  row["sources"] = metric.sources;
  return row;
}

void AddPage(const EnginePage& page, Json& json) {
  json["engine"] = page.dialect->name;
  json["samples"] = page.samples;
  json["malformed"] = page.malformed;
  json["duplicates"] = page.duplicates;
  if (page.compared_over) json["compared_over_seconds"] = base::Seconds(*page.compared_over);
  json["switched_on"] = page.dialect->switched_on;
  json["metrics"] = Json::array();
  for (const EngineMetric& metric : page.metrics) json["metrics"].push_back(MetricJson(metric));
}

std::string DialectText(const engine::Dialect& dialect) {
  return "  " + dialect.name + ": " + base::JoinWithAnd(dialect.prefixes) + "..., port " +
         std::to_string(dialect.port) + dialect.path + "; " + dialect.switched_on + "\n";
}

}  // namespace

std::string EnginePageText(const EnginePage& page) {
  size_t width = 0;
  for (const EngineMetric& metric : page.metrics) width = std::max(width, metric.name.size());
  std::string text = page.dialect->title + " (" + page.dialect->name + "), " +
                     std::to_string(page.samples) + " samples";
  if (page.malformed > 0) text += ", " + std::to_string(page.malformed) + " lines are no sample";
  if (page.duplicates > 0) text += ", " + std::to_string(page.duplicates) + " series stand twice";
  if (page.compared_over) {
    const auto milliseconds = std::chrono::round<std::chrono::milliseconds>(*page.compared_over);
    text += ", growth over " + base::FormatDuration(milliseconds);
  }
  text += "\n";
  for (const EngineMetric& metric : page.metrics) {
    text += metric.name + std::string(width - metric.name.size() + 2, ' ') + MetricText(metric);
    text += "\n";
  }
  return text;
}

std::string EnginePageJson(const EnginePage& page) {
  Json json;
  AddPage(page, json);
  return json.dump(2) + "\n";
}

std::string AddressPagesText(const endpoint::Url& url, const std::vector<AddressPage>& pages) {
  std::string text;
  for (const AddressPage& one : pages) {
    if (!one.page.ok()) continue;
    text += (text.empty() ? "" : "\n") + url.ShownAt(one.address) + "\n";
    text += EnginePageText(*one.page);
  }
  return text;
}

std::string AddressPagesJson(const endpoint::Url& url, const std::vector<AddressPage>& pages) {
  const std::string text = url.Text();
  // The query may be secret.
  Json json = {{"url", text.substr(0, text.find('?'))}, {"pages", Json::array()}};
  for (const AddressPage& one : pages) {
    Json row = {{"address", one.address.Text()}};
    if (one.page.ok()) {
      AddPage(*one.page, row);
    } else {
      row["error"] = std::string(one.page.status().message());
    }
    json["pages"].push_back(std::move(row));
  }
  return json.dump(2) + "\n";
}

std::string LookedFor(const engine::Dialect* chosen) {
  std::string text = "Looked for:\n";
  for (const engine::Dialect* dialect : engine::Dialects()) {
    if (chosen == nullptr || chosen == dialect) text += DialectText(*dialect);
  }
  return text;
}

}  // namespace kgs::cli
