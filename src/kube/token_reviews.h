// SPDX-License-Identifier: Apache-2.0
//
// Whose an agent's token is, and on which node: asked of the API server once for each token.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "kube/api_call.h"
#include "kube/client/transport.h"
#include "kube/expiring_map.h"
#include "kube/token_review.h"
#include "telemetry/counters.h"

namespace kgs::kube {

struct ReviewedToken {
  /// Where its holder runs.
  std::string node;
  /// From then on it proves nothing.
  base::SteadyTime expires;
};

struct TokenReviewOptions {
  /// What a token must be made for.
  std::string audience;
  /// Whose tokens are accepted.
  std::string service_account_namespace;
  std::string service_account_name;
  /// Questions that the API server has at the same time.
  size_t most_under_way = 16;
  /// Calls of Review that have no answer yet.
  size_t most_waiting = 4096;
  /// Tokens that are known to be good.
  size_t most_cached = 32768;
};

/// What is accepted is remembered until it expires, by the token's SHA-256; what is refused for
/// 10 s, so that an agent which tries again costs no question each time. Nothing is remembered of
/// a question that had no answer.
///
/// The transport and the others outlive this. It is destroyed after the transport has stopped;
/// what has no answer then never gets one: its on_done is dropped.
class TokenReviews {
 public:
  using OnDone = std::function<void(absl::StatusOr<ReviewedToken>)>;

  /// \p unix_now_seconds: the wall clock, by which tokens expire. Any thread.
  TokenReviews(TokenReviewOptions options, Transport& transport, const base::Clock& clock,
               std::function<int64_t()> unix_now_seconds, telemetry::TokenReviewCounters& counters);

  /// Any thread. \p on_done is called once, on the loop's thread, or from within Review where the
  /// answer is known or no question is asked. It may call Review. Errors, in words that are the
  /// same from try to try and never show a token:
  /// UNAUTHENTICATED: no token, expired, or of another audience;
  /// PERMISSION_DENIED: of another account, or not bound to a pod that is on a node;
  /// UNAVAILABLE: the API server does not say, within 5 s a request or 5 s in the queue;
  /// RESOURCE_EXHAUSTED: too many wait.
  void Review(const std::string& token, OnDone on_done);

 private:
  using Answer = absl::StatusOr<ReviewedToken>;
  /// A token's SHA-256.
  using Key = std::string;
  /// A token that nobody has asked about yet.
  struct Queued {
    Key key;
    std::string token;
    base::SteadyTime since;
  };
  struct UnderWay {
    std::string token;
    std::unique_ptr<Request> request;
  };

  /// The answer that is known or given at once. Nothing where \p on_done waits now, in which case
  /// it is moved from.
  std::optional<Answer> AnswerAtOnce(const Key& key, const std::string& token, OnDone& on_done,
                                     bool& is_new);
  std::optional<Answer> Remembered(const Key& key) KGS_REQUIRES(mutex_);

  // On the loop's thread.
  void BeginQueued();
  std::optional<Queued> NextQueued();
  void Begin(Queued queued);
  void OnReview(const Key& key, const ApiAnswer& answer);
  void AskForPod(const Key& key, const TokenOrigin& origin);
  void OnPod(const Key& key, const TokenOrigin& origin, const ApiAnswer& answer);
  Answer Accepted(const Key& key, const std::string& node) const;
  /// Of a question that is under way.
  void Finish(const Key& key, const Answer& answer);
  /// Remembers it and calls all who wait for it.
  void Tell(const Key& key, const Answer& answer);

  const TokenReviewOptions options_;
  const std::string user_;
  Transport& transport_;
  const base::Clock& clock_;
  const std::function<int64_t()> unix_now_seconds_;
  telemetry::TokenReviewCounters& counters_;

  base::Mutex mutex_;
  ExpiringMap<ReviewedToken> accepted_ KGS_GUARDED_BY(mutex_);
  ExpiringMap<absl::Status> refused_ KGS_GUARDED_BY(mutex_);
  /// Those of a key share one question.
  std::map<Key, std::vector<OnDone>> waiting_ KGS_GUARDED_BY(mutex_);
  /// In all of waiting_.
  size_t waiting_count_ KGS_GUARDED_BY(mutex_) = 0;
  std::deque<Queued> queue_ KGS_GUARDED_BY(mutex_);

  /// The loop's.
  std::map<Key, UnderWay> under_way_;
};

}  // namespace kgs::kube
