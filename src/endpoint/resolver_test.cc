// SPDX-License-Identifier: Apache-2.0
#include "endpoint/resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <map>
#include <memory>
#include <optional>
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
      order_.push_back(host);
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
  void ReleaseAll() {
    base::MutexLock lock(mutex_);
    hanging_.clear();
    changed_.NotifyAll();
  }
  void AwaitLookups(const std::string& host, int count) {
    base::MutexLock lock(mutex_);
    while (lookups_[host] < count) changed_.Wait(mutex_);
  }
  /// All names in the order in which their lookups began.
  std::vector<std::string> order() {
    base::MutexLock lock(mutex_);
    return order_;
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
  std::vector<std::string> order_ KGS_GUARDED_BY(mutex_);
};

class ResolverTest : public ::testing::Test {
 protected:
  ~ResolverTest() override {
    names_.ReleaseAll();
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
  /// Lookups of "busy".
  int busy_ = 0;
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

// Such as the hub's own headless Service, behind which are other hubs: their metrics tell of all.
TEST_F(ResolverTest, ANameOfAnotherNamespaceIsRefusedBeforeItIsResolved) {
  names_.Set("hubs.keda.svc.cluster.local", {"10.0.0.1"});
  Start();
  EXPECT_EQ(Error(Ask("hubs.keda.svc.cluster.local"), absl::StatusCode::kPermissionDenied),
            "host hubs.keda.svc.cluster.local is refused: it names a Service of another namespace "
            "than the object's; --engine-endpoint-allow can allow it, with every address behind "
            "it");
  EXPECT_EQ(names_.lookups("hubs.keda.svc.cluster.local"), 0);
  EXPECT_TRUE(Ask("hubs.keda.svc.cluster.local", "keda").get().ok());
}

TEST_F(ResolverTest, TheOperatorAllowsANameOfAnotherNamespaceWithAllItsAddresses) {
  names_.Set("gateway.other.svc", {"10.0.0.1", "10.0.0.2"});
  GuardRules rules;
  rules.owner_namespace = [](const IpAddress&) -> std::optional<std::string> { return "other"; };
  rules.allowed = ParseAllowed({"10.0.0.0/30"}).value();
  guard_ = std::make_shared<AddressGuard>(rules);
  Start();
  EXPECT_TRUE(Ask("gateway.other.svc").get().ok());
  names_.Set("gateway.other.svc", {"10.0.0.1", "10.0.0.4"});
  EXPECT_THAT(Error(Ask("gateway.other.svc"), absl::StatusCode::kPermissionDenied),
              HasSubstr("it names a Service of another namespace"));
  EXPECT_EQ(names_.lookups("gateway.other.svc"), 2);
}

// As a round does, whose addresses were found before.
TEST_F(ResolverTest, JudgingAgainJudgesTheNameToo) {
  const ResolveRequest request{ParseUrl("http://gateway.other.svc/").value(), "mine", guard_};
  EXPECT_THAT(std::string(JudgeAll(Parse({"10.0.0.1"}), request).message()),
              HasSubstr("it names a Service of another namespace"));
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

// As a tenant sees it: after the URL, within 480 bytes.
TEST_F(ResolverTest, ALongUrlLeavesRoomForTheReason) {
  const std::string host = std::string(63, 'a') + "." + std::string(63, 'b') + "." +
                           std::string(60, 'c') + "." + std::string(50, 'd') + ".svc";
  const auto url = ParseUrl("http://" + host + "/" + std::string(1000, 'p')).value();
  Start();
  const std::string error = Error(Ask(host), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(error, HasSubstr("--engine-endpoint-allow"));
  EXPECT_LT(url.Shown().size() + 2 + error.size(), 450u);
}

TEST_F(ResolverTest, TellsWhatCannotBeResolved) {
  names_.Set("empty", {});
  Start();
  EXPECT_EQ(Error(Ask("nowhere"), absl::StatusCode::kUnavailable), "nowhere cannot be resolved");
  EXPECT_EQ(Error(Ask("empty"), absl::StatusCode::kUnavailable), "empty has no address");
}

TEST_F(ResolverTest, OneNameMayNotHaveAnyNumberOfAddresses) {
  std::vector<std::string> most;
  for (size_t i = 0; i < Resolver::kMostAddresses; ++i) {
    most.push_back("10.0.0." + std::to_string(i));
    most.push_back("fd00::" + std::to_string(i));
  }
  names_.Set("most", most);
  most.emplace_back("10.0.1.0");
  names_.Set("many", most);
  Start();
  EXPECT_EQ(Ask("most").get()->size(), 64u) << "of one family";
  EXPECT_EQ(Error(Ask("many"), absl::StatusCode::kResourceExhausted),
            "host many has more than 64 addresses, the most that one endpoint may have; split it, "
            "or leave the endpoint out so that each pod is asked");
}

TEST_F(ResolverTest, ANameThatHangsDelaysNoOther) {
  names_.Set("vllm", {"10.0.0.1"});
  names_.Hang("slow", true);
  Start();
  auto slow = Ask("slow", "theirs");
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
  EXPECT_TRUE(Ask("vllm", "theirs").get().ok());
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
  auto slow0 = Ask("slow0", "a");
  auto slow1 = Ask("slow1", "b");
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

TEST_F(ResolverTest, WaitsForSoManyNamesOfANamespaceOnly) {
  names_.Set("vllm", {"10.0.0.1"});
  names_.Hang("slow0", true);
  Start({.names_of_namespace = 2});
  auto slow0 = Ask("slow0", "theirs");
  auto slow1 = Ask("slow1", "theirs");
  EXPECT_EQ(Error(Ask("slow2", "theirs"), absl::StatusCode::kResourceExhausted),
            "host slow2: more than 2 names of its namespace are being resolved");
  EXPECT_TRUE(Ask("vllm").get().ok());
  names_.Hang("slow0", false);
  EXPECT_FALSE(slow0.get().ok());
  EXPECT_FALSE(slow1.get().ok());
}

TEST_F(ResolverTest, NamesThatHangHoldUpNoOtherNamespace) {
  names_.Set("vllm", {"10.0.0.1"});
  names_.Hang("slow0", true);
  Start({.lookups = 2});
  auto slow0 = Ask("slow0", "theirs");
  names_.AwaitLookups("slow0", 1);
  auto slow1 = Ask("slow1", "theirs");
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(Ask("vllm").get().ok());
  EXPECT_EQ(names_.lookups("slow1"), 0) << "its namespace has a lookup";
  names_.Hang("slow0", false);
  EXPECT_FALSE(slow0.get().ok());
  EXPECT_FALSE(slow1.get().ok());
  EXPECT_EQ(names_.lookups("slow1"), 1);
}

// Else whoever asks first for a name that others need could have it wait for his lane.
TEST_F(ResolverTest, ANameOfSeveralNamespacesTakesTheLaneOfAnyOfThem) {
  names_.Set("shared", {"10.0.0.1"});
  names_.Hang("slow", true);
  Start();
  auto slow = Ask("slow", "theirs");
  names_.AwaitLookups("slow", 1);
  auto theirs = Ask("shared", "theirs");
  EXPECT_TRUE(Ask("shared", "mine").get().ok());
  EXPECT_TRUE(theirs.get().ok());
}

TEST_F(ResolverTest, NamesAreLookedUpInTheOrderInWhichTheyWereAskedFor) {
  names_.Hang("slow", true);
  Start({.lookups = 1});
  std::vector<std::future<Answer>> answers;
  answers.push_back(Ask("slow", "a"));
  names_.AwaitLookups("slow", 1);
  for (const char* host : {"c", "a", "b"}) answers.push_back(Ask(host, host));
  names_.Hang("slow", false);
  for (auto& answer : answers) EXPECT_FALSE(answer.get().ok());
  EXPECT_THAT(names_.order(), ElementsAre("slow", "c", "a", "b"));
}

TEST_F(ResolverTest, ANameThatHungWaitsBehindAllOthers) {
  names_.Hang("slow", true);
  Start({.lookups = 1});
  auto hung = Ask("slow");
  names_.AwaitLookups("slow", 1);
  Advance(2s);
  EXPECT_FALSE(hung.get().ok());
  names_.Hang("slow", false);
  EXPECT_FALSE(Ask("vllm").get().ok());

  names_.Hang("busy", true);
  const auto ask_while_busy = [this](const std::vector<std::string>& hosts) {
    std::vector<std::future<Answer>> answers;
    answers.push_back(Ask("busy"));
    names_.AwaitLookups("busy", ++busy_);
    for (const std::string& host : hosts) answers.push_back(Ask(host));
    names_.Hang("busy", false);
    for (auto& answer : answers) EXPECT_FALSE(answer.get().ok());
    names_.Hang("busy", true);
  };
  ask_while_busy({"slow", "b", "a"});
  // This time it answered.
  ask_while_busy({"slow", "b"});
  EXPECT_THAT(names_.order(),
              ElementsAre("slow", "vllm", "busy", "b", "a", "slow", "busy", "slow", "b"));
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
