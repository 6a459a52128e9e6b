// SPDX-License-Identifier: Apache-2.0
#include "trigger/combine_endpoint.h"

#include "engine/dialects.h"

namespace kgs::trigger {
namespace {

struct EndpointKey {
  Setting<endpoint::Url> Settings::* setting;
  /// Which engine it says as well; empty for none.
  std::string_view engine;
};
constexpr EndpointKey kEndpointKeys[] = {{&Settings::engine_endpoint, ""},
                                         {&Settings::vllm_endpoint, "vllm"},
                                         {&Settings::triton_endpoint, "triton"}};

/// The first that is given, or null.
const EndpointKey* GivenKey(const Settings& settings) {
  for (const EndpointKey& key : kEndpointKeys) {
    if ((settings.*key.setting).given) return &key;
  }
  return nullptr;
}

void CheckOnlyOne(const Settings& s, const EndpointKey& given, std::vector<std::string>& errors) {
  const std::string_view name = (s.*given.setting).entry.key;
  for (const EndpointKey& other : kEndpointKeys) {
    const Setting<endpoint::Url>& second = s.*other.setting;
    if (&other == &given || !second.given) continue;
    errors.push_back(std::string(name) + " and " + std::string(second.entry.key) +
                     " are both given: give one of them");
    return;
  }
  if (given.engine.empty() || !s.engine.value || (*s.engine.value)->name == given.engine) return;
  errors.push_back(s.engine.entry.Say() + " and " + std::string(name) +
                   " are of different engines: give one of them");
}

void WarnOfPods(const Settings& s, const Metric& metric, std::vector<std::string>& warnings) {
  const auto warn = [&](const auto& setting) {
    if (!setting.given) return;
    warnings.push_back(std::string(setting.entry.key) +
                       " has no effect: an endpoint speaks for all pods at once");
  };
  warn(s.min_coverage);
  // Of a demand it is said that it adds up.
  if (metric.signal == nullptr || !metric.signal->demand) warn(s.pod_aggregation);
}

}  // namespace

const Entry* EngineEntry(const Settings& settings) {
  if (settings.engine.given) return &settings.engine.entry;
  const EndpointKey* key = GivenKey(settings);
  return key == nullptr || key->engine.empty() ? nullptr : &(settings.*key->setting).entry;
}

const engine::Dialect* ChosenEngine(const Settings& settings) {
  if (settings.engine.given) return settings.engine.value.value_or(nullptr);
  const EndpointKey* key = GivenKey(settings);
  return key == nullptr || key->engine.empty() ? nullptr : engine::FindDialect(key->engine);
}

std::string DefaultPath(const Settings& settings, const Metric& metric) {
  const engine::Dialect* dialect =
      metric.dialect != nullptr ? metric.dialect : ChosenEngine(settings);
  return dialect != nullptr ? dialect->path : "/metrics";
}

bool IsEndpointGiven(const Settings& settings) { return GivenKey(settings) != nullptr; }

void CheckEndpointKeys(const Settings& s, const Metric& metric, std::vector<std::string>& errors,
                       std::vector<std::string>& warnings) {
  const EndpointKey* given = GivenKey(s);
  if (given == nullptr) {
    if (s.endpoint_auth.value && !s.wake_endpoint.given) {
      errors.push_back(s.endpoint_auth.entry.Say() + " needs engineEndpoint or wakeEndpoint");
    }
    return;
  }
  CheckOnlyOne(s, *given, errors);
  if (!(s.*given->setting).value) return;
  const Entry& entry = (s.*given->setting).entry;
  if (!metric.of_engine()) {
    const std::string engine(given->engine.empty() ? "vllm" : given->engine);
    errors.push_back(std::string(entry.key) +
                     " needs the metric of an engine, such as metricType " +
                     (engine == "triton" ? "triton_pending" : engine + "_demand"));
    return;
  }
  const auto refuse = [&](const auto& setting) {
    if (!setting.value) return;
    errors.push_back(setting.entry.Say() + " has no meaning beside " + std::string(entry.key) +
                     ", whose URL has port and path");
  };
  refuse(s.engine_port);
  refuse(s.engine_path);
  WarnOfPods(s, metric, warnings);
}

std::optional<EngineEndpoint> EndpointOf(const Settings& settings, const Metric& metric) {
  const EndpointKey* key = GivenKey(settings);
  if (key == nullptr || !(settings.*key->setting).value) return std::nullopt;
  EngineEndpoint endpoint{*(settings.*key->setting).value,
                          settings.endpoint_auth.value.value_or("")};
  if (endpoint.url.path_and_query == "/") {
    endpoint.url.path_and_query = DefaultPath(settings, metric);
  }
  return endpoint;
}

bool IsEndpointHidden(const Settings& settings) {
  const EndpointKey* key = GivenKey(settings);
  return settings.endpoint_auth.entry.from_env ||
         (key != nullptr && (settings.*key->setting).entry.from_env);
}

}  // namespace kgs::trigger
