// SPDX-License-Identifier: Apache-2.0
//
// ParseTrigger with any metadata. The input is lines of key=value, as in corpus/trigger_metadata.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>

#include "base/strings.h"
#include "catalogue/metrics.h"
#include "trigger/trigger.h"

namespace {

using kgs::trigger::Metadata;
using kgs::trigger::ParsedTrigger;
using kgs::trigger::ParseOptions;
using kgs::trigger::ParseTrigger;
using kgs::trigger::TriggerSpec;
using kgs::trigger::UnknownKeys;
using Parsed = absl::StatusOr<ParsedTrigger>;

constexpr std::string_view kFromEnv = "FromEnv";

void Check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

Metadata ReadLines(std::string_view input) {
  Metadata metadata;
  while (!input.empty()) {
    const std::string_view line = input.substr(0, input.find('\n'));
    input.remove_prefix(std::min(line.size() + 1, input.size()));
    const size_t equals = line.find('=');
    const std::string_view value =
        equals == line.npos ? std::string_view() : line.substr(equals + 1);
    metadata[std::string(line.substr(0, equals))] = value;
  }
  return metadata;
}

/// What is large is to be read all the same.
ParseOptions Unlimited(UnknownKeys policy) {
  ParseOptions options(policy);
  options.most_keys = options.most_value_bytes = std::numeric_limits<size_t>::max();
  return options;
}

bool IsPathSegment(const std::string& name) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:";
  return !name.empty() && name.size() <= 128 + std::string_view("-kv-cache").size() &&
         name != "." && name != ".." && name.find_first_not_of(kAllowed) == name.npos;
}

void CheckSpec(const TriggerSpec& spec) {
  Check(std::isfinite(spec.target) && spec.target >= 0.001 && spec.target <= 1e12, "target");
  Check(std::round(spec.target * 1000) / 1000 == spec.target, "target has three decimals");
  Check(std::isfinite(spec.activation_threshold) && spec.activation_threshold >= 0, "threshold");
  Check(IsPathSegment(spec.metric_name), "metric name");
  Check(kgs::catalogue::MetricOf(spec.metric).scalable, "metric");
  for (const kgs::model::EngineQuery& query : kgs::trigger::EngineQueriesOf(spec)) {
    Check(!query.signal.empty() && query.port >= 0 && query.port <= 65535, "engine query");
    Check(query.path.empty() || query.path.front() == '/', "engine path");
    Check((query.signal == "prometheus") == !query.series_name.empty(), "series");
    Check(query.signal != "prometheus" || query.port > 0, "port of a series");
    Check(query.interval >= std::chrono::milliseconds(200) &&
              query.interval <= std::chrono::minutes(1),
          "scrape interval");
  }
  Check(spec.gpu_index >= kgs::trigger::kAllGpus && spec.gpu_index <= 1023, "GPU index");
  Check(spec.poll_interval >= std::chrono::seconds(1), "poll interval");
  Check(!kgs::catalogue::AggregationName(spec.aggregation).empty(), "aggregation");
}

bool Same(const Parsed& a, const Parsed& b) {
  if (a.ok() != b.ok()) return false;
  if (!a.ok()) return a.status() == b.status();
  return a->warnings == b->warnings && a->specs == b->specs;
}

Parsed ParseChecked(const Metadata& metadata, UnknownKeys policy) {
  Parsed parsed = ParseTrigger(metadata, Unlimited(policy));
  if (parsed.ok()) {
    Check(!parsed->specs.empty(), "a spec");
    for (const TriggerSpec& spec : parsed->specs) CheckSpec(spec);
  } else {
    Check(absl::IsInvalidArgument(parsed.status()), "code");
    Check(!parsed.status().message().empty(), "a message");
    Check(parsed.status().message().size() < 512, "a short message");
  }
  Check(Same(parsed, ParseTrigger(metadata, Unlimited(policy))), "the same again");
  return parsed;
}

bool Says(const Parsed& parsed, std::string_view text) {
  if (!parsed.ok()) return std::string(parsed.status().message()).find(text) != std::string::npos;
  return std::any_of(parsed->warnings.begin(), parsed->warnings.end(),
                     [&](const std::string& w) { return w.find(text) != w.npos; });
}

// A value from the environment may happen to be a word of the message. So each is replaced by one
// that cannot be: a number by a number, to come past the same checks, anything else by a word.
void CheckEnvironmentIsHidden(const Metadata& metadata) {
  constexpr std::string_view kNumber = "31.41592";
  constexpr std::string_view kInteger = "31415926";
  constexpr std::string_view kWord = "kgs-env-secret";
  Metadata marked;
  bool from_env = false;
  for (const auto& [key, value] : metadata) {
    for (const std::string_view mark : {kNumber, kInteger, kWord}) {
      if ((key + value).find(mark) != std::string::npos) return;
    }
    std::string_view shown = value;
    if (std::string_view(key).ends_with(kFromEnv)) {
      from_env = true;
      shown = kgs::base::ParseInteger(value)  ? kInteger
              : kgs::base::ParseDouble(value) ? kNumber
                                              : kWord;
    }
    marked[key] = shown;
  }
  if (!from_env) return;
  for (const UnknownKeys policy : {UnknownKeys::kRefuse, UnknownKeys::kWarn}) {
    const Parsed parsed = ParseTrigger(marked, Unlimited(policy));
    for (const std::string_view mark : {kNumber, kInteger, kWord}) {
      // The first digits too: a rounded number shows as much.
      Check(!Says(parsed, mark.substr(0, mark == kWord ? mark.npos : 6)), "hidden environment");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Metadata metadata = ReadLines({reinterpret_cast<const char*>(data), size});
  const Parsed strict = ParseChecked(metadata, UnknownKeys::kRefuse);
  const Parsed lenient = ParseChecked(metadata, UnknownKeys::kWarn);
  if (strict.ok()) Check(Same(strict, lenient), "both policies agree where every key is known");

  Metadata with_kedas_own = metadata;
  with_kedas_own["scalerAddress"] = "keda-gpu-scaler:6000";
  with_kedas_own["enableTLSFromEnv"] = "true";
  Check(Same(strict, ParseTrigger(with_kedas_own, Unlimited(UnknownKeys::kRefuse))),
        "KEDA's keys are ignored");

  const ParseOptions limits;
  const bool beyond = kgs::trigger::BeyondLimit(metadata, limits).has_value();
  Check(beyond == absl::IsResourceExhausted(ParseTrigger(metadata, limits).status()), "limits");

  CheckEnvironmentIsHidden(metadata);
  return 0;
}
