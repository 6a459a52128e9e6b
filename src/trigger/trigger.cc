// SPDX-License-Identifier: Apache-2.0
#include "trigger/trigger.h"

#include <absl/status/status.h>

#include <algorithm>

#include "base/strings.h"
#include "catalogue/metrics.h"
#include "trigger/combine.h"
#include "trigger/keys.h"

namespace kgs::trigger {
namespace {

// Metadata comes from whoever reaches the port: nearest keys are looked for, and warnings given,
// for a few unknown keys only, so that a request with 100,000 of them costs no more than it must.
constexpr size_t kMostSaidInFull = 16;

std::string_view WithoutFromEnv(std::string_view key) {
  if (key.ends_with(kFromEnv)) key.remove_suffix(kFromEnv.size());
  return key;
}

bool Contains(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool IsOurs(std::string_view name) {
  return std::any_of(Keys().begin(), Keys().end(), [&](const Key& k) { return k.name == name; });
}

std::string NotAccepted(const Key& key, const Entry& entry) {
  std::string error =
      entry.value.empty() && !entry.from_env ? std::string(entry.key) + " is empty" : entry.Say();
  error += ": must be " + key.accepted();
  // A hint would tell something of the value.
  const std::string hint = entry.from_env || entry.value.empty() ? "" : key.hint(entry.value);
  if (!hint.empty()) error += " (" + hint + ")";
  return error;
}

Settings ReadOurKeys(const Metadata& metadata, std::vector<std::string>& errors) {
  Settings settings;
  for (const Key& key : Keys()) {
    const auto plain = metadata.find(std::string(key.name));
    const auto from_env = metadata.find(std::string(key.name) + std::string(kFromEnv));
    if (plain != metadata.end() && from_env != metadata.end()) {
      errors.push_back(plain->first + " and " + from_env->first +
                       " are both given: give one of them");
    }
    const auto given = plain != metadata.end() ? plain : from_env;
    if (given == metadata.end()) continue;
    const Entry entry{given->first, given->second, given == from_env, key.is_url};
    if (!key.read(entry, settings)) errors.push_back(NotAccepted(key, entry));
  }
  return settings;
}

// The values of keys that are not ours are never shown: one may be a password in the wrong place.
void CheckOtherKeys(const Metadata& metadata, std::vector<std::string>& refused,
                    std::vector<std::string>& unknown) {
  for (const auto& [key, value] : metadata) {
    const std::string_view name = WithoutFromEnv(key);
    if (IsOurs(name) || Contains(KedasOwnKeys(), name)) continue;
    if (Contains(AuthenticationKeys(), name)) {
      refused.push_back(key + " belongs in a TriggerAuthentication, not in trigger metadata");
      continue;
    }
    std::string text = "unknown key " + base::QuoteForMessage(key);
    const std::string nearest = unknown.size() < kMostSaidInFull ? NearestKey(key) : "";
    if (!nearest.empty()) text += " (did you mean \"" + nearest + "\"?)";
    unknown.push_back(std::move(text));
  }
}

void CutWarnings(std::vector<std::string>& warnings) {
  if (warnings.size() <= kMostSaidInFull) return;
  const size_t rest = warnings.size() - kMostSaidInFull;
  warnings.resize(kMostSaidInFull);
  warnings.push_back("and " + std::to_string(rest) + " more unknown keys");
}

/// As many of \p errors as fit, whole, and the number of those that do not.
std::string Join(const std::vector<std::string>& errors) {
  constexpr size_t kLongest = 511;
  constexpr size_t kRoomForTheRest = 40;
  std::string text = "trigger metadata: ";
  size_t said = 0;
  for (const std::string& error : errors) {
    if (said > 0 && text.size() + error.size() + kRoomForTheRest > kLongest) break;
    if (said > 0) text += "; ";
    text += error;
    ++said;
  }
  if (said < errors.size()) text += "; and " + std::to_string(errors.size() - said) + " more";
  return base::Truncate(std::move(text), kLongest);
}

}  // namespace

std::string_view MetricNameOf(const TriggerSpec& spec) {
  if (spec.engine) return spec.engine->query.signal;
  return catalogue::MetricOf(spec.metric).name;
}

std::string_view UnitOf(const TriggerSpec& spec) {
  return spec.engine ? std::string_view(spec.engine->unit) : catalogue::MetricOf(spec.metric).unit;
}

bool IsDemand(const TriggerSpec& spec) {
  if (spec.engine) return spec.engine->demand;
  return catalogue::MetricOf(spec.metric).kind == catalogue::Kind::kDemand;
}

bool IsHeldMemory(const TriggerSpec& spec) {
  return !spec.engine && catalogue::MetricOf(spec.metric).held_memory;
}

std::vector<model::EngineQuery> EngineQueriesOf(const TriggerSpec& spec) {
  std::vector<model::EngineQuery> queries;
  if (spec.endpoint || spec.scope.value_or(Scope::kWorkload) != Scope::kWorkload) return queries;
  for (const auto* metric : {&spec.engine, &spec.engine_instead, &spec.engine_load}) {
    if (*metric) queries.push_back((*metric)->query);
  }
  return queries;
}

std::vector<model::EngineQuery> EndpointQueriesOf(const TriggerSpec& spec) {
  std::vector<model::EngineQuery> queries;
  if (!spec.endpoint) return queries;
  for (const auto* metric : {&spec.engine, &spec.engine_load}) {
    if (*metric) queries.push_back((*metric)->query);
  }
  return queries;
}

std::optional<telemetry::Limit> BeyondLimit(const Metadata& metadata, const ParseOptions& options) {
  if (metadata.size() > options.most_keys) return telemetry::Limit::kMetadataKeys;
  for (const auto& [key, value] : metadata) {
    if (std::max(key.size(), value.size()) > options.most_value_bytes) {
      return telemetry::Limit::kMetadataValueBytes;
    }
  }
  return std::nullopt;
}

absl::StatusOr<ParsedTrigger> ParseTrigger(const Metadata& metadata, const ParseOptions& options) {
  if (const auto limit = BeyondLimit(metadata, options)) {
    return absl::ResourceExhaustedError(
        *limit == telemetry::Limit::kMetadataKeys
            ? "trigger metadata: " + std::to_string(metadata.size()) + " keys, at most " +
                  std::to_string(options.most_keys) + " are read (--max-metadata-keys)"
            : "trigger metadata: a key or value of more than " +
                  std::to_string(options.most_value_bytes) + " bytes (--max-metadata-value-bytes)");
  }
  // Causes first: what one key says, then keys nobody knows, then what the keys say together.
  std::vector<std::string> errors;
  ParsedTrigger parsed;
  const Settings settings = ReadOurKeys(metadata, errors);
  CheckOtherKeys(metadata, errors,
                 options.unknown_keys == UnknownKeys::kRefuse ? errors : parsed.warnings);
  CutWarnings(parsed.warnings);
  parsed.specs = Combine(settings, errors, parsed.warnings);
  if (!errors.empty()) return absl::InvalidArgumentError(Join(errors));
  return parsed;
}

std::vector<std::string_view> MetadataKeys() {
  std::vector<std::string_view> names;
  for (const Key& key : Keys()) names.push_back(key.name);
  return names;
}

}  // namespace kgs::trigger
