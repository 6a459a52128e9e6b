// SPDX-License-Identifier: Apache-2.0
#include "kube/watch.h"

#include <utility>

#include "base/log.h"
#include "kube/objects.h"

namespace kgs::kube {
namespace {

ReflectorOptions OptionsOf(std::string name, std::string path) {
  ReflectorOptions options;
  options.name = std::move(name);
  options.path = std::move(path);
  options.drop_key = IsDroppedKey;
  return options;
}

}  // namespace

Watch::Watch(const WatchContext& context, std::string name, std::string path,
             ReflectorEvents events)
    : context_(context),
      reflector_(OptionsOf(std::move(name), std::move(path)), context.transport, std::move(events),
                 [this] { OnState(); }) {
  reflector_.Start();
}

std::string Watch::Problem() const {
  const std::string cause = problem_.empty() ? "" : ": " + problem_;
  if (!state().synced) return state().name + ": not listed yet" + cause;
  if (!down_since_) return "";
  const bool too_long = context_.transport.Now() - *down_since_ > context_.longest_silence;
  return too_long ? state().name + ": out of touch" + cause : "";
}

void Watch::OnState() {
  const ReflectorState& state = reflector_.state();
  if (state.last_contact) context_.contact.Heard(*state.last_contact);
  const bool was_down = down_since_.has_value();
  if (state.live) {
    down_since_.reset();
  } else if (!was_down) {
    down_since_ = context_.transport.Now();
  }
  const bool same =
      synced_ == state.synced && problem_ == state.problem && was_down == down_since_.has_value();
  if (same) return;
  if (problem_ != state.problem) {
    if (state.problem.empty()) {
      base::LogInfo("watch is back", {{"watch", state.name}});
    } else {
      base::LogWarn("watch failed", {{"watch", state.name}, {"problem", state.problem}});
    }
  }
  synced_ = state.synced;
  problem_ = state.problem;
  context_.on_change();
}

}  // namespace kgs::kube
