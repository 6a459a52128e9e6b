// SPDX-License-Identifier: Apache-2.0
#include "base/thread.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <array>
#include <atomic>
#include <memory>

#include "base/latest.h"

namespace kgs::base {
namespace {

using namespace std::chrono_literals;

constexpr Duration kForever = Duration::max();

/// Counts rounds, holds them while closed, and lets a test wait for one.
class Rounds {
 public:
  /// Called by the loop; returns the number of this round.
  int Enter() {
    MutexLock lock(mutex_);
    const int round = ++entered_;
    changed_.NotifyAll();
    while (closed_) changed_.Wait(mutex_);
    return round;
  }
  void AwaitEntered(int rounds) {
    MutexLock lock(mutex_);
    while (entered_ < rounds) changed_.Wait(mutex_);
  }
  int entered() {
    MutexLock lock(mutex_);
    return entered_;
  }
  void SetClosed(bool closed) {
    MutexLock lock(mutex_);
    closed_ = closed;
    changed_.NotifyAll();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int entered_ KGS_GUARDED_BY(mutex_) = 0;
  bool closed_ KGS_GUARDED_BY(mutex_) = false;
};

std::string NameOfThisThread() {
  std::array<char, 16> name{};
  pthread_getname_np(pthread_self(), name.data(), name.size());
  return name.data();
}

TEST(NameThisThreadTest, CutsToWhatTheKernelTakes) {
  std::string name;
  std::thread([&] {
    NameThisThread("a-name-of-more-than-fifteen");
    name = NameOfThisThread();
  }).join();
  EXPECT_EQ(name, "a-name-of-more-");
}

TEST(LoopThreadTest, TurnsAtOnceAndAgainAfterTheWait) {
  Rounds rounds;
  std::string name;
  {
    LoopThread loop("looping", 1s, [&]() -> Duration {
      if (rounds.Enter() == 1) name = NameOfThisThread();
      return 1ms;
    });
    loop.Start();
    rounds.AwaitEntered(3);
  }
  EXPECT_EQ(name, "looping");
}

TEST(LoopThreadTest, WakeEndsTheWait) {
  Rounds rounds;
  LoopThread loop("loop", 1s, [&] {
    rounds.Enter();
    return kForever;
  });
  loop.Start();
  for (int round = 1; round <= 3; ++round) {
    rounds.AwaitEntered(round);
    loop.Wake();
  }
  rounds.AwaitEntered(4);
}

TEST(LoopThreadTest, AWakeDuringARoundIsNotLost) {
  Rounds rounds;
  rounds.SetClosed(true);
  LoopThread loop("loop", 1s, [&] {
    rounds.Enter();
    return kForever;
  });
  loop.Start();
  rounds.AwaitEntered(1);
  loop.Wake();
  rounds.SetClosed(false);
  rounds.AwaitEntered(2);
}

TEST(LoopThreadTest, StopEndsTheWaitAndFinishesTheRound) {
  Rounds rounds;
  std::atomic<int> finished{0};
  LoopThread loop("loop", 1s, [&] {
    rounds.Enter();
    ++finished;
    return kForever;
  });
  loop.Start();
  rounds.AwaitEntered(1);
  loop.Stop();
  EXPECT_EQ(finished, 1);
  loop.Stop();
  EXPECT_EQ(loop.Health(std::chrono::steady_clock::now() + 48h).age, 0s) << "it is not running";
}

TEST(LoopThreadTest, DestructorStops) {
  Rounds rounds;
  {
    LoopThread loop("loop", 1s, [&] {
      rounds.Enter();
      return kForever;
    });
    loop.Start();
  }
  EXPECT_LE(rounds.entered(), 1);
}

TEST(LoopThreadTest, NotStartedItDoesNothing) {
  Rounds rounds;
  LoopThread loop("loop", 1s, [&] {
    rounds.Enter();
    return kForever;
  });
  loop.Wake();
  EXPECT_EQ(loop.Health(std::chrono::steady_clock::now() + 1h).age, 0s);
  loop.Stop();
  EXPECT_EQ(rounds.entered(), 0);
}

TEST(LoopThreadTest, HealthAgesWhileARoundLasts) {
  Rounds rounds;
  rounds.SetClosed(true);
  LoopThread loop("sampler", 5s, [&] {
    rounds.Enter();
    return kForever;
  });
  loop.Start();
  rounds.AwaitEntered(1);
  const SteadyTime now = std::chrono::steady_clock::now();
  const ThreadHealth health = loop.Health(now + 1min);
  EXPECT_EQ(health.name, "sampler");
  EXPECT_EQ(health.limit, 5s);
  EXPECT_GE(health.age, 1min);
  EXPECT_EQ(loop.Health(now - 1min).age, 0s) << "an age is never negative";
  rounds.SetClosed(false);
}

TEST(LoopThreadTest, AWaitingLoopIsNotOldUntilItIsOverdue) {
  Rounds rounds;
  const SteadyTime before = std::chrono::steady_clock::now();
  LoopThread loop("sampler", 5s,
                  [&]() -> Duration { return rounds.Enter() == 1 ? Duration(1ms) : Duration(1h); });
  loop.Start();
  rounds.AwaitEntered(2);
  // The wait of an hour begins soon after the second round was entered.
  while (loop.Health(before + 30min).age > 0s) std::this_thread::yield();
  EXPECT_GE(loop.Health(std::chrono::steady_clock::now() + 2h).age, 59min);
}

TEST(LatestTest, EmptyUntilSetAndReplacedWhole) {
  Latest<int> latest;
  EXPECT_EQ(latest.Get(), nullptr);
  latest.Set(std::make_shared<const int>(1));
  const auto first = latest.Get();
  latest.Set(std::make_shared<const int>(2));
  EXPECT_EQ(*first, 1) << "a reader's copy outlives the replacement";
  EXPECT_EQ(*latest.Get(), 2);
}

TEST(LatestTest, ReadersSeeWholeValuesInOrder) {
  struct Pair {
    int a;
    int b;
  };
  Latest<Pair> latest;
  latest.Set(std::make_shared<const Pair>(Pair{0, 0}));
  constexpr int kLast = 2000;
  std::thread reader([&] {
    int seen = 0;
    while (seen < kLast) {
      const auto pair = latest.Get();
      ASSERT_EQ(pair->a, pair->b);
      ASSERT_GE(pair->a, seen);
      seen = pair->a;
    }
  });
  for (int i = 1; i <= kLast; ++i) latest.Set(std::make_shared<const Pair>(Pair{i, i}));
  reader.join();
}

}  // namespace
}  // namespace kgs::base
