// SPDX-License-Identifier: Apache-2.0
#include "kube/token_reviews.h"

#include <algorithm>
#include <utility>

#include "base/sha256.h"
#include "kube/jwt.h"

namespace kgs::kube {
namespace {

constexpr base::Duration kRefusedFor = std::chrono::seconds(10);
constexpr size_t kMostRefused = 4096;
// An agent waits for 10 s, and is to hear the reason.
constexpr base::Duration kLongestInQueue = std::chrono::seconds(5);
// Kubernetes itself gives them for hours.
constexpr int64_t kLongestSeconds = int64_t{366} * 24 * 3600;

const std::string& Post() {
  static const std::string kText = std::string("POST ") + kTokenReviewsPath;
  return kText;
}

/// Why a question to tokenreviews was not answered. In our own words: the API server's may repeat
/// what it was sent.
absl::Status WhyNoReview(const ApiAnswer& answer) {
  const int status = answer.http_status;
  if (status == 0 || status == 200 || status == 201) {
    return absl::UnavailableError(answer.object.status().message());
  }
  std::string text = Post() + ": HTTP " + std::to_string(status);
  if (status == 401) text += ": the API server does not accept the hub's credentials";
  if (status == 403) {
    text +=
        ": RBAC does not allow it: grant the hub's ServiceAccount the verb create on "
        "tokenreviews of authentication.k8s.io";
  }
  return absl::UnavailableError(text);
}

}  // namespace

TokenReviews::TokenReviews(TokenReviewOptions options, Transport& transport,
                           const base::Clock& clock, std::function<int64_t()> unix_now_seconds,
                           telemetry::TokenReviewCounters& counters)
    : options_(std::move(options)),
      user_(ServiceAccountUser(options_.service_account_namespace, options_.service_account_name)),
      transport_(transport),
      clock_(clock),
      unix_now_seconds_(std::move(unix_now_seconds)),
      counters_(counters),
      accepted_(options_.most_cached),
      refused_(kMostRefused) {}

void TokenReviews::Review(const std::string& token, OnDone on_done) {
  if (const absl::Status possible = CheckJwt(token); !possible.ok()) {
    on_done(absl::UnauthenticatedError(possible.message()));
    return;
  }
  const absl::StatusOr<Key> key = base::Sha256(token);
  if (!key.ok()) {
    on_done(key.status());
    return;
  }
  bool is_new = false;
  if (const std::optional<Answer> answer = AnswerAtOnce(*key, token, on_done, is_new)) {
    on_done(*answer);
  } else if (is_new) {
    transport_.Post([this] { BeginQueued(); });
  }
}

std::optional<TokenReviews::Answer> TokenReviews::AnswerAtOnce(const Key& key,
                                                               const std::string& token,
                                                               OnDone& on_done, bool& is_new) {
  base::MutexLock lock(mutex_);
  if (std::optional<Answer> known = Remembered(key)) {
    counters_.cached.Add();
    return known;
  }
  if (waiting_count_ >= options_.most_waiting) {
    return absl::ResourceExhaustedError(std::to_string(options_.most_waiting) +
                                        " tokens wait for the API server already: try again");
  }
  ++waiting_count_;
  std::vector<OnDone>& waiting = waiting_[key];
  waiting.push_back(std::move(on_done));
  is_new = waiting.size() == 1;
  if (is_new) queue_.push_back({key, token, clock_.Now()});
  return std::nullopt;
}

std::optional<TokenReviews::Answer> TokenReviews::Remembered(const Key& key) {
  const base::SteadyTime now = clock_.Now();
  if (const ReviewedToken* good = accepted_.Find(key, now)) return *good;
  if (const absl::Status* refusal = refused_.Find(key, now)) return *refusal;
  return std::nullopt;
}

void TokenReviews::BeginQueued() {
  while (under_way_.size() < options_.most_under_way) {
    std::optional<Queued> next = NextQueued();
    if (!next) return;
    if (clock_.Now() - next->since > kLongestInQueue) {
      Tell(next->key, absl::UnavailableError(Post() + ": the API server is behind with tokens"));
    } else {
      Begin(*std::move(next));
    }
  }
}

std::optional<TokenReviews::Queued> TokenReviews::NextQueued() {
  base::MutexLock lock(mutex_);
  if (queue_.empty()) return std::nullopt;
  Queued next = std::move(queue_.front());
  queue_.pop_front();
  return next;
}

void TokenReviews::Begin(Queued queued) {
  const Key& key = queued.key;
  UnderWay& review = under_way_[key];
  review.token = std::move(queued.token);
  review.request =
      ApiCreate(transport_, kTokenReviewsPath, TokenReviewOf(review.token, options_.audience),
                [this, key](const ApiAnswer& answer) { OnReview(key, answer); });
}

void TokenReviews::OnReview(const Key& key, const ApiAnswer& answer) {
  if (!answer.object.ok()) {
    Finish(key, WhyNoReview(answer));
    return;
  }
  const auto origin = ReadTokenReview(*answer.object, options_.audience, user_);
  if (!origin.ok()) {
    Finish(key, origin.status());
  } else if (!origin->node.empty()) {
    Finish(key, Accepted(key, origin->node));
  } else {
    AskForPod(key, *origin);
  }
}

void TokenReviews::AskForPod(const Key& key, const TokenOrigin& origin) {
  const std::string path =
      "/api/v1/namespaces/" + options_.service_account_namespace + "/pods/" + origin.pod_name;
  under_way_[key].request = ApiGet(transport_, path, [this, key, origin](const ApiAnswer& answer) {
    OnPod(key, origin, answer);
  });
}

void TokenReviews::OnPod(const Key& key, const TokenOrigin& origin, const ApiAnswer& answer) {
  if (answer.http_status == 404) {
    Finish(key, TokensPodIsGone(origin));
  } else if (!answer.object.ok()) {
    Finish(key, absl::UnavailableError(answer.object.status().message()));
  } else {
    const absl::StatusOr<std::string> node = NodeOfTokensPod(*answer.object, origin);
    Finish(key, node.ok() ? Accepted(key, *node) : node.status());
  }
}

TokenReviews::Answer TokenReviews::Accepted(const Key& key, const std::string& node) const {
  const absl::StatusOr<int64_t> expiry = ExpiryOfJwt(under_way_.at(key).token);
  if (!expiry.ok()) return absl::UnauthenticatedError(expiry.status().message());
  const int64_t left = *expiry - unix_now_seconds_();
  if (left <= 0) {
    return absl::UnauthenticatedError("the token has expired by the hub's clock");
  }
  return ReviewedToken{node, clock_.Now() + std::chrono::seconds(std::min(left, kLongestSeconds))};
}

void TokenReviews::Finish(const Key& key, const Answer& answer) {
  counters_.reviews.Add();
  if (absl::IsUnavailable(answer.status())) counters_.failures.Add();
  under_way_.erase(key);
  Tell(key, answer);
  BeginQueued();
}

void TokenReviews::Tell(const Key& key, const Answer& answer) {
  std::vector<OnDone> waiting;
  {
    base::MutexLock lock(mutex_);
    const base::SteadyTime now = clock_.Now();
    if (answer.ok()) {
      accepted_.Put(key, *answer, answer->expires, now);
    } else if (!absl::IsUnavailable(answer.status())) {
      refused_.Put(key, answer.status(), now + kRefusedFor, now);
    }
    const auto found = waiting_.find(key);
    waiting.swap(found->second);
    waiting_.erase(found);
    waiting_count_ -= waiting.size();
  }
  for (const OnDone& on_done : waiting) on_done(answer);
}

}  // namespace kgs::kube
