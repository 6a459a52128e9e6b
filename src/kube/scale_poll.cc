// SPDX-License-Identifier: Apache-2.0
#include "kube/scale_poll.h"

#include <algorithm>
#include <utility>

#include "kube/discovery.h"
#include "kube/objects.h"

namespace kgs::kube {
namespace {

constexpr base::Duration kLongestRetryAfter = std::chrono::seconds(30);

}  // namespace

ScalePoll::ScalePoll(const WatchContext& context, Store& store, std::string target_namespace,
                     model::TargetRef ref)
    : context_(context),
      store_(store),
      namespace_(std::move(target_namespace)),
      ref_(std::move(ref)) {
  state_.name = "scale of " + ref_.Text() + " in " + namespace_;
  Ask();
}

void ScalePoll::Tick() {
  if (state_.live || !problem_.empty() || !state_.last_contact) return;
  const bool old = context_.transport.Now() - *state_.last_contact > context_.longest_silence;
  if (old) SetProblem(state_.problem);
}

void ScalePoll::Ask() {
  timer_.reset();
  ++state_.lists;
  ref_.resource.empty() ? AskForResource() : AskForScale();
}

void ScalePoll::AskForResource() {
  const absl::StatusOr<std::string> path = GroupVersionPath(ref_);
  if (!path.ok()) {
    Fail(ref_.Text() + ": " + std::string(path.status().message()), true, std::nullopt);
    return;
  }
  request_ = ApiGet(context_.transport, *path, [this](const ApiAnswer& answer) {
    request_.reset();
    OnResources(answer);
  });
}

void ScalePoll::AskForScale() {
  const absl::StatusOr<std::string> path = ScalePath(namespace_, ref_);
  if (!path.ok()) {
    Fail(ref_.Text() + ": " + std::string(path.status().message()), true, std::nullopt);
    return;
  }
  request_ = ApiGet(context_.transport, *path, [this](const ApiAnswer& answer) {
    request_.reset();
    OnScale(answer);
  });
}

void ScalePoll::OnResources(const ApiAnswer& answer) {
  if (answer.proves_contact()) context_.contact.Heard(context_.transport.Now());
  if (!answer.object.ok()) {
    const absl::Status& status = answer.object.status();
    Fail(ref_.Text() + ": " + std::string(status.message()), !absl::IsUnavailable(status),
         answer.retry_after);
    return;
  }
  const std::optional<std::string> resource = FindResource(*answer.object, ref_.kind);
  if (!resource) {
    Fail(ref_.Text() + ": the API server knows no such kind", true, std::nullopt);
    return;
  }
  ref_.resource = *resource;
  resource_looked_up_ = true;
  AskForScale();
}

void ScalePoll::OnScale(const ApiAnswer& answer) {
  if (answer.proves_contact()) context_.contact.Heard(context_.transport.Now());
  if (!answer.object.ok()) {
    const absl::Status& status = answer.object.status();
    const bool not_found = absl::IsNotFound(status);
    // The kind may have been defined anew under another name.
    if (not_found && std::exchange(resource_looked_up_, false)) ref_.resource.clear();
    const std::string cause =
        not_found ? "not found: " + answer.refusal : std::string(status.message());
    Fail(ref_.Text() + ": " + cause, !absl::IsUnavailable(status), answer.retry_after);
    return;
  }
  absl::StatusOr<model::ScaleTarget> target = ReadScale(ref_, *answer.object);
  if (target.ok()) {
    Succeed(*std::move(target));
  } else {
    // A new target gets its selector a moment later.
    backoff_.Reset();
    Fail(std::string(target.status().message()), true, std::nullopt);
  }
}

void ScalePoll::Succeed(model::ScaleTarget target) {
  tried_ = true;
  state_.synced = true;
  state_.live = true;
  state_.problem.clear();
  state_.last_contact = context_.transport.Now();
  backoff_.Reset();
  const bool same = problem_.empty() && last_ && last_->uid == target.uid &&
                    last_->replicas == target.replicas && last_->selector == target.selector;
  problem_.clear();
  last_ = target;
  // Each time: the store forgets it when its object goes, and the object may have come back.
  store_.PutTarget(std::make_shared<const model::ScaleTarget>(std::move(target)));
  if (!same) {
    ++state_.events;
    context_.on_change();
  }
  timer_ = context_.transport.After(kInterval, [this] { Ask(); });
}

void ScalePoll::Fail(const std::string& problem, bool lasting,
                     std::optional<base::Duration> retry_after) {
  tried_ = true;
  state_.live = false;
  state_.problem = problem;
  if (lasting || !last_) {
    SetProblem(problem);
  } else if (!problem_.empty()) {
    SetProblem(problem_);
  }
  Tick();
  base::Duration wait = backoff_.Next();
  if (retry_after) wait = std::max(wait, std::min(*retry_after, kLongestRetryAfter));
  timer_ = context_.transport.After(wait, [this] { Ask(); });
}

void ScalePoll::SetProblem(const std::string& problem) {
  const bool same = problem == problem_;
  problem_ = problem;
  store_.SetTargetProblem(namespace_, ref_, problem_);
  if (!same) context_.on_change();
}

}  // namespace kgs::kube
