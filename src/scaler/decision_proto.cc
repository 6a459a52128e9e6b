// SPDX-License-Identifier: Apache-2.0
#include "scaler/decision_proto.h"

#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>

#include "base/strings.h"
#include "trigger/words.h"

namespace kgs::scaler {
namespace {

std::string StatusText(const absl::Status& status) {
  if (status.ok()) return "";
  return absl::StatusCodeToString(status.code()) + ": " + std::string(status.message());
}

void FillInput(const decision::Input& input, debug::v1::Input* out) {
  out->set_name(base::ReplaceInvalidUtf8(input.name));
  out->set_standing(std::string(input.standing));
  if (input.value) {
    out->set_value(*input.value);
    out->set_age_seconds(base::Seconds(input.age));
  }
  out->set_why(base::ReplaceInvalidUtf8(input.why));
  out->set_source(std::string(input.source));
}

void FillDecision(const decision::Decision& decision, debug::v1::Decision* out) {
  if (decision.value.ok() && !decision.value_hidden) out->set_value(*decision.value);
  out->set_error(base::ReplaceInvalidUtf8(StatusText(decision.value.status())));
  if (decision.active.ok()) out->set_active(*decision.active);
  // Where the number is known the activity alone may not be.
  const bool why_not = decision.value.ok() && !decision.active.ok();
  out->set_active_why(base::ReplaceInvalidUtf8(
      why_not ? std::string(decision.active.status().message()) : decision.active_why));
  out->set_branch(std::string(decision::BranchName(decision.branch)));
  out->set_formula(decision.formula);
  if (decision.metric_type != model::HpaMetricType::kNone) {
    out->set_hpa_metric_type(std::string(trigger::HpaMetricTypeName(decision.metric_type)));
  }
  if (decision.replicas) out->set_replicas(*decision.replicas);
  out->set_pods(decision.pods);
  out->set_measured(decision.measured);
  out->set_loading(decision.loading);
  out->set_overdue(decision.overdue);
  out->set_lost(decision.lost);
  out->set_asleep(decision.asleep);
  out->set_ready(decision.ready);
  out->set_preallocated(decision.preallocated);
  if (decision.coverage) out->set_coverage(*decision.coverage);
  if (decision.oldest_reading_age) {
    out->set_oldest_reading_age_seconds(base::Seconds(*decision.oldest_reading_age));
  }
  for (const decision::Input& input : decision.inputs) FillInput(input, out->add_inputs());
  for (const std::string& warning : decision.warnings)
    out->add_warnings(base::ReplaceInvalidUtf8(warning));
}

google::protobuf::Timestamp WallTime(base::SteadyTime then, const Moment& now) {
  const auto wall =
      now.wall - std::chrono::duration_cast<std::chrono::system_clock::duration>(now.steady - then);
  return google::protobuf::util::TimeUtil::MillisecondsToTimestamp(
      std::chrono::duration_cast<std::chrono::milliseconds>(wall.time_since_epoch()).count());
}

void FillTrigger(const TriggerHistory& history, const Moment& now, debug::v1::Trigger* out) {
  const TriggerState& state = history.state;
  out->set_kind(model::KindName(state.key.kind));
  out->set_namespace_(state.key.object_namespace);
  out->set_name(state.key.name);
  out->set_trigger(state.trigger_index);
  out->set_metric(state.metric);
  if (state.target) out->set_target(*state.target);
  if (state.now) FillDecision(*state.now, out->mutable_now());
  for (auto record = history.answered.rbegin(); record != history.answered.rend(); ++record) {
    debug::v1::Answer* answer = out->add_answered();
    *answer->mutable_first() = WallTime(record->first, now);
    *answer->mutable_last() = WallTime(record->last, now);
    answer->set_times(record->times);
    FillDecision(record->decision, answer->mutable_decision());
  }
}

}  // namespace

debug::v1::ListDecisionsResponse DecisionsProto(const std::vector<TriggerHistory>& histories,
                                                const Moment& now) {
  debug::v1::ListDecisionsResponse response;
  for (const TriggerHistory& history : histories) {
    FillTrigger(history, now, response.add_triggers());
  }
  return response;
}

std::string DecisionsJson(const std::vector<TriggerHistory>& histories, bool cut,
                          const Moment& now) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  debug::v1::ListDecisionsResponse response = DecisionsProto(histories, now);
  if (cut) {
    response.set_left_out("inputs and answers, since there are more than " +
                          std::to_string(kMostHistories) +
                          " triggers: ask kgs.debug.v1.Debug/ListDecisions for one object");
  }
  std::string json;
  // Fails for text that is not UTF-8 alone, and there is none.
  const auto status = google::protobuf::util::MessageToJsonString(response, &json, options);
  return status.ok() ? json : "{}\n";
}

}  // namespace kgs::scaler
