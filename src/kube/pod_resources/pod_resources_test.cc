// SPDX-License-Identifier: Apache-2.0
#include "kube/pod_resources/pod_resources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <optional>

#include "base/mutex.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_kubelet.h"
#include "tests/support/once_within.h"
#include "tests/support/temp_folder.h"

namespace kgs::kube {
namespace {

using namespace std::chrono_literals;
using kgs::testing::FakeClock;
using kgs::testing::FakeKubelet;
using kgs::testing::FakePod;
using kgs::testing::OnceWithin;
using kgs::testing::TempFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using State = std::shared_ptr<const PodResourcesState>;

constexpr int64_t kStartUnixMs = 1'700'000'000'000;

FakePod Pod(const std::string& name, const std::string& id) {
  return {"ml", name, {{"nvidia.com/gpu", {id}}}, {}};
}

std::vector<std::string> Names(const State& state) {
  std::vector<std::string> names;
  if (state->listing == nullptr) return {"no listing"};
  for (const model::PodAllocation& pod : state->listing->pods) names.push_back(pod.pod.name);
  return names;
}

/// A FakeClock that shows that somebody has looked at it.
class WatchedClock final : public base::Clock {
 public:
  base::SteadyTime Now() const override {
    const base::SteadyTime now = clock_.Now();
    base::MutexLock lock(mutex_);
    ++looks_;
    changed_.NotifyAll();
    return now;
  }
  void Advance(base::Duration by) { clock_.Advance(by); }
  /// Until it was looked at so often from now on.
  void AwaitLooks(int looks) {
    base::MutexLock lock(mutex_);
    const int last = looks_ + looks;
    while (looks_ < last) changed_.Wait(mutex_);
  }

 private:
  FakeClock clock_;
  mutable base::Mutex mutex_;
  mutable base::CondVar changed_;
  mutable int looks_ KGS_GUARDED_BY(mutex_) = 0;
};

/// Time stands still but for what a test lets pass: a call is made at the start and when ListSoon
/// allows it.
class PodResourcesTest : public ::testing::Test {
 protected:
  ~PodResourcesTest() override {
    // Before what it calls.
    resources_.reset();
  }

  void Start(PodResourcesOptions options) { StartWith(options, clock_); }
  void StartWith(PodResourcesOptions options, const base::Clock& clock) {
    options.socket = kubelet_.socket();
    resources_.emplace(
        options, clock, [this] { return unix_now_ms_.load(); }, counters_,
        [this] {
          base::MutexLock lock(mutex_);
          ++publications_;
          changed_.NotifyAll();
        });
    resources_->Start();
  }
  /// Never polls by itself.
  static PodResourcesOptions OnlyWhenAsked() {
    PodResourcesOptions options;
    options.interval = 1h;
    options.deadline = 30s;
    options.least_interval = 500ms;
    return options;
  }

  /// Returns the first state from now on of which \p is_it is true.
  State Await(const std::function<bool(const PodResourcesState&)>& is_it) {
    base::MutexLock lock(mutex_);
    State state = resources_->Latest();
    while (!is_it(*state)) {
      changed_.Wait(mutex_);
      state = resources_->Latest();
    }
    return state;
  }
  State AwaitListing() {
    return Await([](const PodResourcesState& state) { return state.listing != nullptr; });
  }
  State AwaitProblem(const std::string& text) {
    return Await([&](const PodResourcesState& state) {
      return state.problem.find(text) != std::string::npos;
    });
  }
  int publications() {
    base::MutexLock lock(mutex_);
    return publications_;
  }
  void AwaitPublications(int count) {
    base::MutexLock lock(mutex_);
    while (publications_ < count) changed_.Wait(mutex_);
  }
  /// Lets \p by pass, has it list again, and waits for that answer to be taken.
  State ListAfter(base::Duration by) {
    const int before = publications();
    clock_.Advance(by);
    unix_now_ms_ += by / 1ms;
    resources_->ListSoon();
    AwaitPublications(before + 1);
    return resources_->Latest();
  }

  TempFolder folder_;
  WatchedClock clock_;
  const base::SteadyClock steady_clock_;
  std::atomic<int64_t> unix_now_ms_{kStartUnixMs};
  telemetry::PodResourcesCounters counters_;
  FakeKubelet kubelet_{folder_.path() / "kubelet.sock"};
  base::Mutex mutex_;
  base::CondVar changed_;
  int publications_ KGS_GUARDED_BY(mutex_) = 0;
  std::optional<PodResources> resources_;
};

TEST_F(PodResourcesTest, KnowsNothingBeforeTheFirstAnswer) {
  kubelet_.Hold();
  Start(OnlyWhenAsked());
  kubelet_.AwaitCalls(1);
  EXPECT_EQ(resources_->Latest()->listing, nullptr);
  EXPECT_EQ(resources_->Latest()->problem, "");
}

TEST_F(PodResourcesTest, ListsAtOnceWithTheTimeBeforeTheCall) {
  kubelet_.Answer({Pod("a", "GPU-0"), {"ml", "cpu-only", {}, {}}});
  kubelet_.Hold();
  const base::SteadyTime sent = clock_.Now();
  Start(OnlyWhenAsked());
  kubelet_.AwaitCalls(1);
  clock_.Advance(3s);
  unix_now_ms_ += 3000;
  kubelet_.Release();
  const State state = AwaitListing();
  EXPECT_THAT(Names(state), ElementsAre("a"));
  EXPECT_EQ(state->problem, "");
  EXPECT_EQ(state->listing->listed.steady, sent);
  EXPECT_EQ(state->listing->listed.unix_ms, kStartUnixMs);
  EXPECT_EQ(state->listing->pods[0].listed.steady, sent);
  EXPECT_EQ(state->listing->pods[0].listed.unix_ms, kStartUnixMs);
  EXPECT_EQ(counters_.listings.value(), 1u);
  EXPECT_EQ(counters_.failures.value(), 0u);
}

TEST_F(PodResourcesTest, PollsAtTheInterval) {
  PodResourcesOptions options = OnlyWhenAsked();
  options.interval = 20ms;
  const base::SteadyTime before = steady_clock_.Now();
  StartWith(options, steady_clock_);
  kubelet_.AwaitCalls(5);
  EXPECT_GE(steady_clock_.Now() - before, 80ms);
}

TEST_F(PodResourcesTest, ListSoonWaitsForTheLeastInterval) {
  Start(OnlyWhenAsked());
  AwaitPublications(1);
  const base::SteadyTime first = resources_->Latest()->listing->listed.steady;
  clock_.Advance(499ms);
  resources_->ListSoon();
  // By the third look it has seen that it is too early, or is wrongly calling.
  clock_.AwaitLooks(3);
  EXPECT_EQ(ListAfter(1ms)->listing->listed.steady, first + 500ms);
}

TEST_F(PodResourcesTest, ListSoonIsKeptUntilTheLeastIntervalIsOver) {
  Start(OnlyWhenAsked());
  AwaitPublications(1);
  resources_->ListSoon();
  // The thread comes back to it after half a second by itself.
  clock_.Advance(500ms);
  AwaitPublications(2);
}

TEST_F(PodResourcesTest, WhoAsksDuringACallGetsALaterOne) {
  kubelet_.Hold();
  Start(OnlyWhenAsked());
  kubelet_.AwaitCalls(1);
  resources_->ListSoon();
  clock_.Advance(1s);
  kubelet_.Release();
  AwaitPublications(2);
  EXPECT_EQ(kubelet_.calls(), 2);
}

TEST_F(PodResourcesTest, EachSuccessfulAnswerIsTold) {
  kubelet_.Answer({Pod("a", "GPU-0")});
  Start(OnlyWhenAsked());
  AwaitPublications(1);
  const State second = ListAfter(1s);
  EXPECT_EQ(second->listing->listed.unix_ms, kStartUnixMs + 1000);
}

TEST_F(PodResourcesTest, APodThatAnAnswerLeavesOutGoesWithTheSecond) {
  kubelet_.Answer({Pod("a", "GPU-0")});
  Start(OnlyWhenAsked());
  AwaitPublications(1);
  kubelet_.Answer({});
  const State first = ListAfter(5s);
  EXPECT_THAT(Names(first), ElementsAre("a"));
  EXPECT_EQ(first->listing->listed.unix_ms, kStartUnixMs + 5000);
  EXPECT_EQ(first->listing->pods[0].listed.unix_ms, kStartUnixMs);
  EXPECT_THAT(Names(ListAfter(5s)), ElementsAre());
}

TEST_F(PodResourcesTest, WhatWasSaidHoldsOnWhileTheKubeletIsAway) {
  kubelet_.Answer({Pod("a", "GPU-0")});
  Start(OnlyWhenAsked());
  AwaitListing();
  kubelet_.Stop();
  const State away = ListAfter(5s);
  EXPECT_THAT(away->problem, HasSubstr("no kubelet socket at " + kubelet_.socket()));
  EXPECT_THAT(Names(away), ElementsAre("a"));
  EXPECT_EQ(away->listing->listed.unix_ms, kStartUnixMs) << "no newer than the answer";
  EXPECT_GE(counters_.failures.value(), 1u);
}

TEST_F(PodResourcesTest, AKubeletThatReturnsIsFoundWithoutBeingAskedFor) {
  PodResourcesOptions options = OnlyWhenAsked();
  options.least_interval = 10ms;
  kubelet_.Answer({Pod("a", "GPU-0")});
  StartWith(options, steady_clock_);
  const State first = AwaitListing();
  kubelet_.Stop();
  resources_->ListSoon();
  AwaitProblem("no kubelet socket at ");
  kubelet_.Answer({Pod("b", "GPU-1")});
  kubelet_.Start();
  const State back = Await([&](const PodResourcesState& state) { return state.problem.empty(); });
  EXPECT_THAT(Names(back), ElementsAre("a", "b"));
  EXPECT_GT(back->listing->listed.steady, first->listing->listed.steady);
}

TEST_F(PodResourcesTest, OneThatIsThereAndUnavailableIsNotPressed) {
  kubelet_.Fail(grpc::StatusCode::UNAVAILABLE, "starting");
  Start(OnlyWhenAsked());
  AwaitProblem("the kubelet at " + kubelet_.socket() + " does not answer");
  resources_->ListSoon();
  clock_.AwaitLooks(3);
  EXPECT_EQ(kubelet_.calls(), 1);
  clock_.Advance(500ms);
  kubelet_.AwaitCalls(2);
}

TEST_F(PodResourcesTest, AProblemThatLastsIsToldOnce) {
  kubelet_.Fail(grpc::StatusCode::INTERNAL, "no");
  Start(OnlyWhenAsked());
  AwaitProblem("code 13: no");
  for (int call = 2; call <= 5; ++call) {
    clock_.Advance(1s);
    resources_->ListSoon();
    kubelet_.AwaitCalls(call);
  }
  EXPECT_EQ(publications(), 1);
  EXPECT_EQ(resources_->Latest()->listing, nullptr);

  kubelet_.Fail(grpc::StatusCode::UNIMPLEMENTED, "no");
  EXPECT_THAT(ListAfter(1s)->problem, HasSubstr("does not know PodResources v1"));
  EXPECT_EQ(publications(), 2);
}

TEST_F(PodResourcesTest, WhatWasSaidIsForgottenAfterTheLongestMemory) {
  PodResourcesOptions options = OnlyWhenAsked();
  options.longest_memory = 10min;
  kubelet_.Answer({Pod("a", "GPU-0")});
  Start(options);
  AwaitListing();
  kubelet_.Fail(grpc::StatusCode::INTERNAL, "no");
  EXPECT_THAT(Names(ListAfter(10min)), ElementsAre("a"));
  const State forgotten = ListAfter(1ms + 500ms);
  EXPECT_EQ(forgotten->listing, nullptr);
  EXPECT_THAT(forgotten->problem, HasSubstr("code 13"));

  kubelet_.Answer({Pod("b", "GPU-0")});
  EXPECT_THAT(Names(ListAfter(1s)), ElementsAre("b")) << "nothing of before comes back";
}

TEST_F(PodResourcesTest, ARateLimitKeepsTheLastAndHoldsBackListSoonToo) {
  PodResourcesOptions options = OnlyWhenAsked();
  options.interval = 5s;
  kubelet_.Answer({Pod("a", "GPU-0")});
  Start(options);
  AwaitListing();
  kubelet_.FailForRate();
  const State limited = ListAfter(1s);
  EXPECT_THAT(limited->problem, HasSubstr("asked too often"));
  EXPECT_THAT(Names(limited), ElementsAre("a"));
  kubelet_.Answer({Pod("b", "GPU-1")});
  clock_.Advance(4999ms);
  unix_now_ms_ += 4999;
  resources_->ListSoon();
  clock_.AwaitLooks(3);
  const State after = ListAfter(1ms);
  EXPECT_EQ(after->listing->listed.unix_ms, kStartUnixMs + 6000);
  EXPECT_EQ(after->problem, "");
  EXPECT_THAT(Names(after), ElementsAre("a", "b")) << "a was left out once";
}

TEST_F(PodResourcesTest, StopCancelsAHangingCall) {
  kubelet_.Hold();
  PodResourcesOptions options = OnlyWhenAsked();
  options.deadline = 1h;
  Start(options);
  kubelet_.AwaitCalls(1);
  EXPECT_EQ(resources_->Health().doing, "PodResources List");
  const auto before = std::chrono::steady_clock::now();
  resources_->Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, 30s) << "of an hour";
  EXPECT_EQ(publications(), 0) << "what we cancelled is no failure of the kubelet";
  EXPECT_EQ(counters_.failures.value(), 0u);
  resources_->Stop();
}

TEST_F(PodResourcesTest, StopDoesNotWaitForAKubelet) {
  PodResourcesOptions options = OnlyWhenAsked();
  options.least_interval = 0s;
  kubelet_.Stop();
  EXPECT_TRUE(OnceWithin(900ms, [&] {
    StartWith(options, steady_clock_);
    AwaitProblem("no kubelet socket at ");
    const auto before = std::chrono::steady_clock::now();
    resources_->Stop();
    return std::chrono::steady_clock::now() - before;
  })) << "it asks again after 1 s";
}

TEST_F(PodResourcesTest, HealthNamesTheThreadAndAllowsForTheDeadline) {
  PodResourcesOptions options = OnlyWhenAsked();
  options.deadline = 5s;
  Start(options);
  AwaitPublications(1);
  const base::ThreadHealth health = resources_->Health();
  EXPECT_EQ(health.name, "pod-resources");
  EXPECT_GT(health.limit, 5s);
  EXPECT_EQ(health.doing, "");
}

TEST(PodResourcesOfNoKubeletTest, NotStartedItStopsQuietly) {
  const FakeClock clock;
  telemetry::PodResourcesCounters counters;
  PodResources resources({}, clock, [] { return kStartUnixMs; }, counters, [] { FAIL(); });
  resources.ListSoon();
  resources.Stop();
  EXPECT_EQ(resources.Latest()->listing, nullptr);
  EXPECT_EQ(counters.listings.value(), 0u);
}

}  // namespace
}  // namespace kgs::kube
