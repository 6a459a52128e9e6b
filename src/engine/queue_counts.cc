// SPDX-License-Identifier: Apache-2.0
#include "engine/queue_counts.h"

#include <array>
#include <nlohmann/json.hpp>
#include <string>

namespace kgs::engine {
namespace {

using Json = nlohmann::json;

constexpr char kConcurrency[] = "interceptor_request_concurrency";
constexpr char kCount[] = "interceptor_request_count_total";
/// Routes, and what is said of each. Whatever lies deeper is left out.
constexpr int kDeepest = 2;

/// As labels: "team/route" is a namespace and a name.
std::array<Label, 2> LabelsOf(std::string_view route) {
  const size_t slash = route.find('/');
  if (slash == route.npos) return {Label{"route_namespace", ""}, Label{"route_name", route}};
  return {Label{"route_namespace", route.substr(0, slash)},
          Label{"route_name", route.substr(slash + 1)}};
}

void ShowRoute(std::string_view route, const Json& counts, ExpositionVisitor& visitor) {
  const auto labels = LabelsOf(route);
  const auto show = [&](const char* name, const char* member) {
    const auto found = counts.find(member);
    if (found == counts.end() || !found->is_number()) return false;
    visitor.OnSample({name, labels, found->get<double>(), std::nullopt, FamilyType::kUntyped});
    return true;
  };
  // An add-on before 0.8 has numbers here, and other servers anything. No page has a NUL in a
  // label.
  const bool route_is_text = route.find('\0') == route.npos;
  if (!route_is_text || !counts.is_object() || !show(kConcurrency, "Concurrency")) {
    visitor.OnMalformed(kConcurrency, 0, "a route without its Concurrency");
    return;
  }
  if (!counts.contains("RequestCount") || show(kCount, "RequestCount")) return;
  visitor.OnMalformed(kCount, 0, "a RequestCount that is no number");
}

}  // namespace

bool BeginsAsJson(std::string_view page) {
  const size_t first = page.find_first_not_of(" \t\r\n");
  return first != page.npos && (page[first] == '{' || page[first] == '[');
}

absl::Status ReadQueueCounts(std::string_view page, ExpositionVisitor& visitor) {
  const auto shallow = [](int depth, Json::parse_event_t, Json&) { return depth <= kDeepest; };
  const Json json = Json::parse(page, shallow, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::InvalidArgumentError("the page is no JSON object of routes");
  visitor.OnFamily(kConcurrency, FamilyType::kGauge);
  for (const auto& [route, counts] : json.items()) ShowRoute(route, counts, visitor);
  return absl::OkStatus();
}

}  // namespace kgs::engine
