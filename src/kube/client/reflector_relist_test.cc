// SPDX-License-Identifier: Apache-2.0
//
// Reflector::Relist.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kube/client/reflector.h"
#include "kube/client/reflector_fixture.h"

namespace kgs::kube {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RelistTest : public ReflectorFixture {};

TEST_F(RelistTest, BreaksOffAWatch) {
  StartWatching();
  int done = 0;
  reflector_->Relist([&] { ++done; });
  EXPECT_FALSE(transport_.open(1));
  EXPECT_THAT(transport_.OpenPaths(), ElementsAre(kListUrl));
  EXPECT_TRUE(state().live);
  transport_.Answer(2, 200, List("20", {"a"}));
  EXPECT_EQ(done, 1);
  EXPECT_THAT(log_, ElementsAre("begin", "+a", "end"));
  EXPECT_THAT(transport_.OpenPaths(), ElementsAre(WatchUrl("20")));
}

TEST_F(RelistTest, EndsAWait) {
  Start();
  transport_.Answer(0, 429, "", 60s);
  int done = 0;
  reflector_->Relist([&] { ++done; });
  EXPECT_THAT(transport_.OpenPaths(), ElementsAre(kListUrl));
  EXPECT_EQ(transport_.timers(), 0U);
  transport_.Done(1, absl::UnavailableError("refused"));
  EXPECT_EQ(done, 1);
  ExpectAskedAfter(400ms, kListUrl);
}

TEST_F(RelistTest, MeansTheListThatHasOnlyJustBegun) {
  Start();
  int done = 0;
  reflector_->Relist([&] { ++done; });
  EXPECT_EQ(transport_.requests(), 1U);
  transport_.Answer(0, 200, List("10", {"a"}));
  EXPECT_EQ(done, 1);
  EXPECT_THAT(transport_.OpenPaths(), ElementsAre(WatchUrl("10")));
}

TEST_F(RelistTest, DuringAListIsAnotherListAfterIt) {
  Start();
  transport_.Answer(0, 200, List("10", {"a"}, "token"));
  std::vector<std::string> done;
  reflector_->Relist([&] { done.emplace_back("first"); });
  reflector_->Relist([&] { done.emplace_back("second"); });
  transport_.Answer(1, 200, List("10", {"b"}));
  EXPECT_THAT(done, IsEmpty());
  EXPECT_THAT(transport_.OpenPaths(), ElementsAre(kListUrl));
  EXPECT_TRUE(state().synced);
  transport_.Answer(2, 200, List("20", {"a"}));
  EXPECT_THAT(done, ElementsAre("first", "second"));
  EXPECT_THAT(log_, ElementsAre("begin", "+a", "+b", "end", "begin", "+a", "end"));
  EXPECT_THAT(transport_.OpenPaths(), ElementsAre(WatchUrl("20")));
}

TEST_F(RelistTest, IsAnsweredWhenTheListFails) {
  Start();
  transport_.Head(0, 200);
  int done = 0;
  reflector_->Relist([&] { ++done; });
  transport_.Done(0, absl::UnavailableError("lost"));
  EXPECT_EQ(done, 1);
}

TEST_F(RelistTest, FromWithinAnEventAndFromWithinDone) {
  StartWatching();
  int done = 0;
  on_note_ = [&] {
    on_note_ = nullptr;
    reflector_->Relist([&] { reflector_->Relist([&] { ++done; }); });
  };
  transport_.Data(1, Event("ADDED", "b", "11") + Event("ADDED", "c", "12"));
  // The rest of the watch is not read: the list tells it.
  EXPECT_THAT(log_, ElementsAre("+b", "begin"));
  transport_.Answer(2, 200, List("20", {"b", "c"}));
  EXPECT_THAT(transport_.OpenPaths(), ElementsAre(kListUrl));
  transport_.Answer(Last(), 200, List("21", {"b"}));
  EXPECT_EQ(done, 1);
  EXPECT_THAT(transport_.OpenPaths(), ElementsAre(WatchUrl("21")));
}

}  // namespace
}  // namespace kgs::kube
