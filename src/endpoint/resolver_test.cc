// SPDX-License-Identifier: Apache-2.0
#include "endpoint/resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "tests/support/fake_clock.h"

namespace kgs::endpoint {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Answer = absl::StatusOr<Addresses>;

Addresses Parse(const std::vector<std::string>& texts) {
  Addresses addresses;
  for (const auto& text : texts) addresses.push_back(IpAddress::Parse(text).value());
  return addresses;
}

std::vector<std::string> Texts(const Addresses& addresses) {
  std::vector<std::string> texts;
  for (const auto& address : addresses) texts.push_back(address.Text());
  return texts;
}

/// A name service that answers when a test lets it.
class FakeNames {
 public:
  LookUp AsLookUp() {
    return [this](const std::string& host) -> Answer {
      base::MutexLock lock(mutex_);
      ++lookups_[host];
      changed_.NotifyAll();
      while (hanging_.contains(host) && hanging_[host]) changed_.Wait(mutex_);
      const auto found = names_.find(host);
      if (found == names_.end()) return absl::UnavailableError(host + " cannot be resolved");
      return found->second;
    };
  }
  void Set(const std::string& host, const std::vector<std::string>& addresses) {
    base::MutexLock lock(mutex_);
    names_[host] = Parse(addresses);
  }
  void Hang(const std::string& host, bool hangs) {
    base::MutexLock lock(mutex_);
    hanging_[host] = hangs;
    changed_.NotifyAll();
  }
  void AwaitLookups(const std::string& host, int count) {
    base::MutexLock lock(mutex_);
    while (lookups_[host] < count) changed_.Wait(mutex_);
  }
  int lookups(const std::string& host) {
    base::MutexLock lock(mutex_);
    return lookups_[host];
  }

 private:
  base::Mutex mutex_;
  base::CondVar changed_;
  std::map<std::string, Addresses> names_ KGS_GUARDED_BY(mutex_);
  std::map<std::string, bool> hanging_ KGS_GUARDED_BY(mutex_);
  std::map<std::string, int> lookups_ KGS_GUARDED_BY(mutex_);
};

class ResolverTest : public ::testing::Test {
 protected:
  ~ResolverTest() override {
    for (const auto& host : {"slow", "slow0", "slow1"}) names_.Hang(host, false);
    if (resolver_ != nullptr) resolver_->Stop();
  }
  void Start(Resolver::Limits limits) {
    resolver_ = std::make_unique<Resolver>(names_.AsLookUp(), clock_, limits);
    resolver_->Start();
  }
  void Start() { Start(Resolver::Limits()); }
  std::future<Answer> Ask(const std::string& host, const std::string& object_namespace = "mine") {
    auto answer = std::make_shared<std::promise<Answer>>();
    resolver_->Resolve({ParseUrl("http://" + host + ":8000/").value(), object_namespace, guard_},
                       [answer](const Answer& addresses) { answer->set_value(addresses); });
    return answer->get_future();
  }
  std::string Error(std::future<Answer> answer, absl::StatusCode code) {
    const absl::Status status = answer.get().status();
    EXPECT_EQ(status.code(), code) << status;
    return std::string(status.message());
  }
  void Advance(base::Duration by) {
    clock_.Advance(by);
    resolver_->Wake();
  }

  testing::FakeClock clock_;
  FakeNames names_;
  std::shared_ptr<const AddressGuard> guard_ = std::make_shared<AddressGuard>(GuardRules());
  std::unique_ptr<Resolver> resolver_;
};

TEST_F(ResolverTest, GivesEveryAddressSortedAndOnce) {
  names_.Set("vllm", {"10.0.0.3", "10.0.0.1", "10.0.0.3", "9.0.0.1"});
  Start();
  EXPECT_THAT(Texts(*Ask("vllm").get()), ElementsAre("9.0.0.1", "10.0.0.1", "10.0.0.3"));
}

TEST_F(ResolverTest, AnAddressIsItsOwnAnswer) {
  Start();
  EXPECT_THAT(Texts(*Ask("10.0.0.1").get()), ElementsAre("10.0.0.1"));
  EXPECT_THAT(Texts(*Ask("[fd00::1]").get()), ElementsAre("fd00::1"));
  EXPECT_THAT(Error(Ask("127.0.0.1"), absl::StatusCode::kPermissionDenied),
              HasSubstr("127.0.0.1 is a loopback address"));
  EXPECT_EQ(names_.lookups("10.0.0.1"), 0);
}

TEST_F(ResolverTest, OneRefusedAddressRefusesTheName) {
  names_.Set("vllm", {"10.0.0.1", "169.254.169.254", "10.0.0.2"});
  names_.Set("other-family", {"10.0.0.1", "::1"});
  Start();
  EXPECT_THAT(Error(Ask("vllm"), absl::StatusCode::kPermissionDenied),
              HasSubstr("host vllm is refused: 169.254.169.254 is a cloud's metadata service"));
  EXPECT_THAT(Error(Ask("other-family"), absl::StatusCode::kPermissionDenied), HasSubstr("::1 is"));
}

TEST_F(ResolverTest, EachAskerIsJudgedByItsNamespace) {
  names_.Set("vllm", {"10.0.0.1"});
  names_.Hang("vllm", true);
  GuardRules rules;
  rules.owner_namespace = [](const IpAddress&) -> std::optional<std::string> { return "theirs"; };
  guard_ = std::make_shared<AddressGuard>(rules);
  Start();
  auto mine = Ask("vllm", "mine");
  auto theirs = Ask("vllm", "theirs");
  names_.Hang("vllm", false);
  EXPECT_THAT(Error(std::move(mine), absl::StatusCode::kPermissionDenied),
              HasSubstr("another namespace"));
  EXPECT_TRUE(theirs.get().ok());
}

TEST_F(ResolverTest, TellsWhatCannotBeResolved) {
  names_.Set("empty", {});
  Start();
  EXPECT_EQ(Error(Ask("nowhere"), absl::StatusCode::kUnavailable), "nowhere cannot be resolved");
  EXPECT_EQ(Error(Ask("empty"), absl::StatusCode::kUnavailable), "empty has no address");
}

TEST_F(ResolverTest, ANameThatHangsDelaysNoOther) {
  names_.Set("vllm", {"10.0.0.1"});
  names_.Hang("slow", true);
  Start();
  auto slow = Ask("slow");
  names_.AwaitLookups("slow", 1);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(Ask("vllm").get().ok());
  EXPECT_EQ(slow.wait_for(0s), std::future_status::timeout);
  Advance(2s);
  EXPECT_EQ(Error(std::move(slow), absl::StatusCode::kDeadlineExceeded),
            "host slow was not resolved within 2s");
}

TEST_F(ResolverTest, ANameThatHangsIsNotLookedUpASecondTime) {
  names_.Set("vllm", {"10.0.0.1"});
  names_.Set("slow", {"10.0.0.2"});
  names_.Hang("slow", true);
  Start();
  auto first = Ask("slow");
  names_.AwaitLookups("slow", 1);
  for (int i = 0; i < 10; ++i) {
    auto again = Ask("slow");
    Advance(2s);
    EXPECT_FALSE(again.get().ok());
  }
  EXPECT_FALSE(first.get().ok());
  EXPECT_TRUE(Ask("vllm").get().ok());
  EXPECT_EQ(names_.lookups("slow"), 1);
  auto last = Ask("slow");
  names_.Hang("slow", false);
  EXPECT_THAT(Texts(*last.get()), ElementsAre("10.0.0.2"));
  EXPECT_EQ(names_.lookups("slow"), 1);
  EXPECT_TRUE(Ask("slow").get().ok());
  EXPECT_EQ(names_.lookups("slow"), 2);
}

TEST_F(ResolverTest, WhatWaitsForALaneHasADeadlineToo) {
  names_.Set("vllm", {"10.0.0.1"});
  for (const auto& host : {"slow0", "slow1"}) names_.Hang(host, true);
  Start({.lookups = 2, .names = 4, .deadline = 1s});
  auto slow0 = Ask("slow0");
  auto slow1 = Ask("slow1");
  names_.AwaitLookups("slow0", 1);
  names_.AwaitLookups("slow1", 1);
  auto waits = Ask("vllm");
  Advance(1s);
  EXPECT_EQ(Error(std::move(waits), absl::StatusCode::kDeadlineExceeded),
            "host vllm was not resolved within 1s");
  EXPECT_FALSE(slow0.get().ok());
  EXPECT_FALSE(slow1.get().ok());
  EXPECT_EQ(names_.lookups("vllm"), 0);
  auto later = Ask("vllm");
  names_.Hang("slow1", false);
  EXPECT_TRUE(later.get().ok());
  EXPECT_EQ(names_.lookups("vllm"), 1);
}

TEST_F(ResolverTest, WaitsForSoManyNamesOnly) {
  names_.Hang("slow0", true);
  names_.Hang("slow1", true);
  Start({.lookups = 1, .names = 2, .deadline = 1s});
  auto slow0 = Ask("slow0");
  auto slow1 = Ask("slow1");
  EXPECT_THAT(Error(Ask("vllm"), absl::StatusCode::kResourceExhausted), HasSubstr("more than 2"));
  auto joins = Ask("slow1");
  Advance(1s);
  for (auto* answer : {&slow0, &slow1, &joins}) {
    EXPECT_EQ(answer->get().status().code(), absl::StatusCode::kDeadlineExceeded);
  }
}

TEST_F(ResolverTest, StopsWhileALookupHangs) {
  // Lookups are left behind: what they use must outlive the test.
  struct Kept {
    std::promise<void> asked;
    std::promise<void> release;
  };
  auto kept = std::make_shared<Kept>();
  auto resolver = std::make_unique<Resolver>(
      [kept](const std::string&) -> Answer {
        kept->asked.set_value();
        kept->release.get_future().wait();
        return absl::UnavailableError("");
      },
      clock_);
  resolver->Start();
  bool called = false;
  resolver->Resolve({ParseUrl("http://vllm/").value(), "mine", guard_},
                    [&](const Answer&) { called = true; });
  kept->asked.get_future().wait();
  resolver->Stop();
  resolver->Resolve({ParseUrl("http://vllm/").value(), "mine", guard_},
                    [&](const Answer&) { called = true; });
  resolver.reset();
  kept->release.set_value();
  EXPECT_FALSE(called);
}

TEST(OneFamilyTest, CountsAPodOfTwoFamiliesOnce) {
  const auto of = [](const std::vector<std::string>& found) {
    return Texts(OneFamily(Parse(found)));
  };
  EXPECT_THAT(of({}), ElementsAre());
  EXPECT_THAT(of({"fd00::2", "10.0.0.1", "fd00::1", "10.0.0.2"}),
              ElementsAre("fd00::1", "fd00::2"));
  EXPECT_THAT(of({"10.0.0.1", "fd00::1", "fd00::1"}), ElementsAre("10.0.0.1"));
  // A pod from before the cluster had two: the longer list misses none.
  EXPECT_THAT(of({"fd00::1", "10.0.0.1", "10.0.0.2"}), ElementsAre("10.0.0.1", "10.0.0.2"));
}

TEST(LookUpByDnsTest, AsksTheSystem) {
  const auto local = LookUpByDns("localhost");
  ASSERT_TRUE(local.ok()) << local.status();
  AddressGuard guard({});
  for (const auto& address : *local) EXPECT_FALSE(guard.Judge(address, 80, "mine").ok());
  // Longer than a label of a name can be: no name server is asked.
  const std::string host = std::string(64, 'a') + ".invalid";
  const auto nowhere = LookUpByDns(host);
  EXPECT_EQ(nowhere.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(nowhere.status().message()), HasSubstr(host + " cannot be resolved: "));
}

}  // namespace
}  // namespace kgs::endpoint
