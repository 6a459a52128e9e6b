// SPDX-License-Identifier: Apache-2.0
//
// Agents that must prove which node they are on, and what each may send, over real gRPC.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "fleet/receiver.h"
#include "fleet/test_agent.h"
#include "fleet/test_hub.h"
#include "fleet/test_reports.h"
#include "tests/support/fake_clock.h"

namespace kgs::fleet {
namespace {

using namespace std::chrono_literals;
using grpc::StatusCode;
using telemetry::Limit;
using telemetry::RefusalReason;
using testing::Await;
using ::testing::HasSubstr;
using testing::kTaken;
using testing::PlainReport;
using testing::RawAgent;
using testing::TestHub;

/// Knows tokens, and answers at once or, while held, when told to.
class Tokens {
 public:
  using Answer = absl::StatusOr<AgentIdentity>;

  void Set(const std::string& token, Answer answer) {
    base::MutexLock lock(mutex_);
    answers_.insert_or_assign(token, std::move(answer));
  }
  void Hold() {
    base::MutexLock lock(mutex_);
    held_ = true;
  }
  size_t waiting() const {
    base::MutexLock lock(mutex_);
    return waiting_.size();
  }
  void LetGo() {
    std::vector<std::pair<std::string, std::function<void(Answer)>>> waiting;
    {
      base::MutexLock lock(mutex_);
      held_ = false;
      waiting.swap(waiting_);
    }
    for (const auto& [token, on_done] : waiting) on_done(Find(token));
  }
  Authenticate Function() {
    return [this](std::string token, std::function<void(Answer)> on_done) {
      {
        base::MutexLock lock(mutex_);
        if (held_) {
          waiting_.emplace_back(std::move(token), std::move(on_done));
          return;
        }
      }
      on_done(Find(token));
    };
  }

 private:
  Answer Find(const std::string& token) const {
    base::MutexLock lock(mutex_);
    const auto found = answers_.find(token);
    if (found != answers_.end()) return found->second;
    return absl::UnauthenticatedError(token.empty() ? "no token" : "an unknown token");
  }

  mutable base::Mutex mutex_;
  std::map<std::string, Answer> answers_ KGS_GUARDED_BY(mutex_);
  bool held_ KGS_GUARDED_BY(mutex_) = false;
  std::vector<std::pair<std::string, std::function<void(Answer)>>> waiting_ KGS_GUARDED_BY(mutex_);
};

/// In one message to an agent.
EngineScrapes MoreThanAWindow() {
  model::EngineQuery query;
  query.signal = "prometheus";
  query.series_labels = std::string(10 << 10, 'a');
  EngineScrapes scrapes;
  for (int i = 0; i < 10; ++i) {
    scrapes.push_back({"uid-" + std::to_string(i), {"team", "pod"}, "10.0.0.1", 1, {query}});
  }
  return scrapes;
}

class IdentityTest : public ::testing::Test {
 protected:
  void SetUp() override {
    tokens_.Set("token-a", AgentIdentity{"node-a", clock_.Now() + 1h});
    tokens_.Set("token-b", AgentIdentity{"node-b", clock_.Now() + 1h});
  }
  void Report(RawAgent& agent, double utilization) {
    const int before = hub_.reports();
    agent.Report(*PlainReport("node-a", {utilization}, kTaken), kTaken);
    ASSERT_TRUE(Await([&] { return hub_.reports() > before; }));
  }
  uint64_t Refusals(RefusalReason reason) {
    return hub_.counters().refusals[static_cast<size_t>(reason)].value();
  }
  /// A stream of node-a that has been let in.
  std::unique_ptr<RawAgent> LetIn() {
    auto agent = std::make_unique<RawAgent>(hub_, "token-a");
    agent->Hello("node-a");
    EXPECT_TRUE(agent->Read().has_interest());
    return agent;
  }

  kgs::testing::FakeClock clock_;
  Tokens tokens_;
  TestHub hub_{clock_,
               {.most_streams = 8,
                .most_unproved_of_peer = 2,
                .reports = {.most_bytes = 4096, .most_rate = 2}},
               0,
               tokens_.Function()};
};

TEST_F(IdentityTest, AnAgentWithTheTokenOfItsNodeIsLetIn) {
  const auto agent = LetIn();
  Report(*agent, 80);
  EXPECT_EQ(hub_.Utilization("node-a"), 80);
}

TEST_F(IdentityTest, WithoutAGoodTokenNothingIsRead) {
  tokens_.Set("token-of-a-stranger", absl::PermissionDeniedError("of default/other"));
  tokens_.Set("token-unasked", absl::UnavailableError("the API server is out of reach"));
  const std::pair<const char*, StatusCode> cases[] = {
      {"", StatusCode::UNAUTHENTICATED},
      {"made-up", StatusCode::UNAUTHENTICATED},
      {"token-of-a-stranger", StatusCode::PERMISSION_DENIED},
      {"token-unasked", StatusCode::UNAVAILABLE}};
  for (const auto& [token, code] : cases) {
    RawAgent agent(hub_, token);
    agent.Hello("node-a");
    agent.Report(*PlainReport("node-a", {80}, kTaken), kTaken);
    EXPECT_EQ(agent.AwaitEnd().error_code(), code) << token;
  }
  EXPECT_EQ(hub_.store().Find("node-a").report, nullptr);
  EXPECT_EQ(hub_.store().connected(), 0);
  EXPECT_EQ(hub_.reports(), 0);
  EXPECT_EQ(Refusals(RefusalReason::kUnauthenticated), 2);
  EXPECT_EQ(Refusals(RefusalReason::kPermissionDenied), 1);
  EXPECT_EQ(Refusals(RefusalReason::kUnavailable), 1);
}

TEST_F(IdentityTest, ATokenIsGoodForItsOwnNodeAlone) {
  const auto rightful = LetIn();
  Report(*rightful, 80);
  RawAgent other(hub_, "token-b");
  other.Hello("node-a");
  other.Report(*PlainReport("node-a", {5}, kTaken), kTaken);
  const grpc::Status status = other.AwaitEnd();
  EXPECT_EQ(status.error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(status.error_message(),
            "the token is of node node-b, the agent says that it is on node-a");
  // The stream that is there was not pushed out.
  Report(*rightful, 81);
  EXPECT_EQ(hub_.Utilization("node-a"), 81);
  EXPECT_EQ(Refusals(RefusalReason::kPermissionDenied), 1);
}

TEST_F(IdentityTest, TheStreamEndsWithItsToken) {
  const auto agent = LetIn();
  Report(*agent, 80);
  clock_.Advance(1h - 1ms);
  hub_.receiver().EndExpired();
  EXPECT_EQ(hub_.store().connected(), 1);
  clock_.Advance(1ms);
  hub_.receiver().EndExpired();
  const grpc::Status status = agent->AwaitEnd();
  EXPECT_TRUE(status.ok()) << status.error_message();
  ASSERT_TRUE(Await([&] { return hub_.store().connected() == 0; }));
}

// A write under way holds up the end, and whoever takes in nothing holds up the write.
TEST_F(IdentityTest, AStreamThatTakesInNothingEndsAllTheSame) {
  hub_.receiver().SetScrapes({{"node-a", MoreThanAWindow()}});
  RawAgent agent(hub_, "token-a");
  agent.Hello("node-a");
  // Which is read once the Hello has been answered.
  Report(agent, 80);
  clock_.Advance(1h);
  hub_.receiver().EndExpired();
  clock_.Advance(5s - 1ms);
  hub_.receiver().EndExpired();
  EXPECT_EQ(hub_.store().connected(), 1) << "it has had no time to take it";
  clock_.Advance(1ms);
  hub_.receiver().EndExpired();
  ASSERT_TRUE(Await([&] { return hub_.counters().open_streams == 0; }));
  EXPECT_EQ(hub_.store().connected(), 0);
  EXPECT_EQ(agent.AwaitEnd().error_code(), StatusCode::CANCELLED);
}

TEST_F(IdentityTest, OneNodeDoesNotTakeAllStreams) {
  hub_.receiver().SetScrapes({{"node-a", MoreThanAWindow()}});
  std::vector<std::unique_ptr<RawAgent>> agents;
  for (int i = 0; i < 4; ++i) {
    agents.push_back(std::make_unique<RawAgent>(hub_, "token-a"));
    agents.back()->Hello("node-a");
    Report(*agents.back(), i);
  }
  RawAgent refused(hub_, "token-a");
  refused.Hello("node-a");
  EXPECT_EQ(refused.AwaitEnd().error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(hub_.limits().value(Limit::kStreamsPerPeer), 1);
  Report(*agents.back(), 50);
  clock_.Advance(5s);
  hub_.receiver().EndExpired();
  // All but the latest.
  ASSERT_TRUE(Await([&] { return hub_.counters().open_streams == 1; }));
  RawAgent next(hub_, "token-a");
  next.Hello("node-a");
  Report(next, 60);
}

TEST_F(IdentityTest, AReportAfterTheTokensEndDoesNotCount) {
  const auto agent = LetIn();
  Report(*agent, 80);
  clock_.Advance(1h);
  agent->Report(*PlainReport("node-a", {5}, kTaken), kTaken);
  agent->AwaitEnd();
  EXPECT_EQ(hub_.Utilization("node-a"), 80);
  EXPECT_EQ(hub_.reports(), 1);
}

TEST_F(IdentityTest, AStreamThatEndsWhileItsTokenIsCheckedHarmsNobody) {
  tokens_.Hold();
  {
    RawAgent gone(hub_, "token-a");
    ASSERT_TRUE(Await([&] { return tokens_.waiting() == 1; }));
    gone.Cancel();
    EXPECT_EQ(gone.AwaitEnd().error_code(), StatusCode::CANCELLED);
  }
  ASSERT_TRUE(Await([&] { return hub_.counters().open_streams == 0; }));
  tokens_.LetGo();
  EXPECT_EQ(hub_.store().connected(), 0);
}

TEST_F(IdentityTest, OneAddressHasFewChecksUnderWay) {
  tokens_.Hold();
  RawAgent first(hub_, "token-a");
  RawAgent second(hub_, "token-b");
  ASSERT_TRUE(Await([&] { return tokens_.waiting() == 2; }));
  RawAgent third(hub_, "token-c");
  EXPECT_EQ(third.AwaitEnd().error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(hub_.limits().value(Limit::kStreamsPerPeer), 1);
  tokens_.LetGo();
  first.Hello("node-a");
  EXPECT_TRUE(first.Read().has_interest());
  second.Hello("node-b");
  EXPECT_TRUE(second.Read().has_interest());
  // They have proved who they are, so others may come.
  RawAgent fourth(hub_, "token-a");
  fourth.Hello("node-a");
  EXPECT_TRUE(fourth.Read().has_interest());
}

// Each stream that was opened and left again would cost the API server a question.
TEST_F(IdentityTest, WhoLeavesBeforeTheAnswerMakesNoRoom) {
  tokens_.Hold();
  for (const char* token : {"token-a", "token-b"}) {
    RawAgent gone(hub_, token);
    ASSERT_TRUE(Await([&] { return hub_.counters().open_streams == 1; }));
    gone.Cancel();
    gone.AwaitEnd();
    ASSERT_TRUE(Await([&] { return hub_.counters().open_streams == 0; }));
  }
  EXPECT_EQ(tokens_.waiting(), 2);
  EXPECT_EQ(RawAgent(hub_, "token-c").AwaitEnd().error_code(), StatusCode::RESOURCE_EXHAUSTED);
  tokens_.LetGo();
  LetIn();
}

TEST_F(IdentityTest, MoreAgentsThanAllowedAreRefused) {
  std::vector<std::unique_ptr<RawAgent>> agents;
  for (int i = 0; i < 8; ++i) {
    const std::string node = "node-" + std::to_string(i);
    tokens_.Set(node, AgentIdentity{node, clock_.Now() + 1h});
    agents.push_back(std::make_unique<RawAgent>(hub_, node));
    agents.back()->Hello(node);
    EXPECT_TRUE(agents.back()->Read().has_interest());
  }
  EXPECT_EQ(RawAgent(hub_, "token-a").AwaitEnd().error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(hub_.limits().value(Limit::kAgents), 1);
  EXPECT_EQ(hub_.store().connected(), 8);
}

TEST_F(IdentityTest, ReportsThatComeTooFastEndTheStream) {
  const auto agent = LetIn();
  const auto other = std::make_unique<RawAgent>(hub_, "token-b");
  other->Hello("node-b");
  EXPECT_TRUE(other->Read().has_interest());
  // Of ten seconds at once, the Hello counted.
  for (int i = 0; i < 19; ++i) Report(*agent, i);
  clock_.Advance(500ms);
  Report(*agent, 50);
  agent->Report(*PlainReport("node-a", {51}, kTaken), kTaken);
  const grpc::Status status = agent->AwaitEnd();
  EXPECT_EQ(status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("--max-report-rate"));
  EXPECT_EQ(hub_.limits().value(Limit::kReportRate), 1);
  EXPECT_EQ(hub_.Utilization("node-a"), 50);
  Report(*other, 7);
  EXPECT_EQ(hub_.Utilization("node-b"), 7);
}

TEST_F(IdentityTest, AReportThatIsTooLargeEndsTheStream) {
  const auto agent = LetIn();
  agent->Report(*PlainReport("node-a", std::vector<double>(45, 1), kTaken), kTaken);
  const grpc::Status status = agent->AwaitEnd();
  EXPECT_EQ(status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("--max-report-bytes"));
  EXPECT_EQ(hub_.limits().value(Limit::kReportBytes), 1);
  EXPECT_EQ(hub_.reports(), 0);
}

class AgentTokenTest : public testing::PublisherTest {
 protected:
  Tokens tokens_;
  base::Latest<std::string> token_;
};

TEST_F(AgentTokenTest, ATokenIsReadAnewForEachStream) {
  TestHub hub(clock_, {}, 0, tokens_.Function());
  names_.Set(std::vector<std::string>{hub.address()});
  token_.Set(std::make_shared<const std::string>("old"));
  testing::Agent agent(testing::Options(10ms), names_.Function(), clock_,
                       [this] { return absl::StatusOr<std::string>(*token_.Get()); });
  agent.Offer(80);
  const auto problem = [&] {
    const auto hubs = agent.publisher.Hubs();
    return hubs.empty() ? "" : hubs[0].problem;
  };
  ASSERT_TRUE(Await([&] { return problem() == "UNAUTHENTICATED: an unknown token"; })) << problem();
  tokens_.Set("new", AgentIdentity{"node-a", clock_.Now() + 1h});
  token_.Set(std::make_shared<const std::string>("new"));
  ASSERT_TRUE(Await([&] { return hub.Utilization("node-a") == 80; }));
}

TEST_F(AgentTokenTest, WithoutATokenNoStreamIsOpened) {
  TestHub hub(clock_, {}, 0, tokens_.Function());
  names_.Set(std::vector<std::string>{hub.address()});
  testing::Agent agent(testing::Options(10ms), names_.Function(), clock_, [] {
    return absl::StatusOr<std::string>(absl::FailedPreconditionError("no file of that name"));
  });
  ASSERT_TRUE(Await([&] {
    const auto hubs = agent.publisher.Hubs();
    return !hubs.empty() && hubs[0].problem == "UNAUTHENTICATED: no file of that name";
  }));
  EXPECT_EQ(hub.counters().open_streams, 0);
}

TEST_F(AgentTokenTest, AnExpiredTokenIsFollowedByTheNext) {
  kgs::testing::FakeClock hub_clock;
  TestHub hub(hub_clock, {}, 0, tokens_.Function());
  names_.Set(std::vector<std::string>{hub.address()});
  tokens_.Set("first", AgentIdentity{"node-a", hub_clock.Now() + 1h});
  tokens_.Set("second", AgentIdentity{"node-a", hub_clock.Now() + 3h});
  token_.Set(std::make_shared<const std::string>("first"));
  testing::Agent agent(testing::Options(10ms), names_.Function(), clock_,
                       [this] { return absl::StatusOr<std::string>(*token_.Get()); });
  agent.Offer(80);
  ASSERT_TRUE(Await([&] { return hub.store().connected() == 1; }));
  token_.Set(std::make_shared<const std::string>("second"));
  hub_clock.Advance(1h);
  const int before = hub.reports();
  hub.receiver().EndExpired();
  // Of the first stream nothing counts any more.
  ASSERT_TRUE(Await([&] { return hub.reports() > before + 2; }));
  EXPECT_EQ(agent.counters.stream_failures.value(), 0);
}

}  // namespace
}  // namespace kgs::fleet
