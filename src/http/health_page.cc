// SPDX-License-Identifier: Apache-2.0
#include "http/health_page.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

namespace kgs::http {
namespace {

using Json = nlohmann::ordered_json;

double RoundedSeconds(base::Duration duration) {
  return std::round(base::Seconds(duration) * 1000) / 1000;
}

Page JsonPage(int status, const Json& body) {
  return {status, "application/json",
          body.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"};
}

}  // namespace

Page HealthzPage(const std::vector<base::ThreadHealth>& threads) {
  bool all_turn = true;
  Json rows = Json::array();
  for (const base::ThreadHealth& thread : threads) {
    const bool stuck = thread.age > thread.limit;
    all_turn = all_turn && !stuck;
    rows.push_back({{"name", thread.name},
                    {"age_seconds", RoundedSeconds(thread.age)},
                    {"limit_seconds", RoundedSeconds(thread.limit)},
                    {"stuck", stuck},
                    {"doing", thread.doing}});
  }
  Json body;
  body["status"] = all_turn ? "ok" : "stuck";
  body["threads"] = std::move(rows);
  return JsonPage(all_turn ? 200 : 503, body);
}

Page ReadyzPage(const std::string& why_not, const std::string& why_blind) {
  Json body;
  body["status"] = why_not.empty() ? "ready" : "not ready";
  if (!why_not.empty()) body["reason"] = why_not;
  if (!why_blind.empty()) body["blind"] = why_blind;
  return JsonPage(why_not.empty() ? 200 : 503, body);
}

}  // namespace kgs::http
