// SPDX-License-Identifier: Apache-2.0
#include "kube/client/reflector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "kube/client/reflector_fixture.h"

namespace kgs::kube {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ReflectorTest : public ReflectorFixture {};

TEST_F(ReflectorTest, ListsThenWatchesFromTheListsVersion) {
  Start();
  EXPECT_THAT(transport_.OpenPaths(), ElementsAre(kListUrl));
  EXPECT_EQ(transport_.options(0).deadline, base::Duration(60s));
  EXPECT_FALSE(state().synced);
  EXPECT_FALSE(state().live);
  transport_.Head(0, 200);
  EXPECT_TRUE(state().live);
  const std::string list = List("10", {"a", "b"});
  for (const char c : list) transport_.Data(0, std::string(1, c));
  EXPECT_THAT(log_, ElementsAre("begin"));
  transport_.Done(0);
  EXPECT_THAT(log_, ElementsAre("begin", "+a", "+b", "end"));
  EXPECT_TRUE(state().synced);
  EXPECT_EQ(state().last_contact, clock_.Now());
  EXPECT_THAT(transport_.OpenPaths(), ElementsAre(WatchUrl("10")));
  EXPECT_EQ(transport_.options(1).deadline, std::nullopt);
  EXPECT_EQ(transport_.options(1).longest_silence, base::Duration(100s));
  EXPECT_EQ(state().lists, 1U);
  EXPECT_EQ(state().watches, 1U);
  EXPECT_EQ(state().name, "pods in team-a");
}

TEST_F(ReflectorTest, AListInPagesEndsWithTheLast) {
  options_.query = "labelSelector=app%3Dx";
  options_.page_size = 2;
  Start();
  transport_.Answer(0, 200, List("10", {"a", "b"}, "to=ken"));
  EXPECT_THAT(transport_.OpenPaths(),
              ElementsAre(std::string(kPath) + "?labelSelector=app%3Dx&limit=2&continue=to%3Dken"));
  EXPECT_FALSE(state().synced);
  transport_.Answer(1, 200, List("10", {"c"}));
  EXPECT_THAT(log_, ElementsAre("begin", "+a", "+b", "+c", "end"));
  EXPECT_TRUE(state().synced);
  EXPECT_EQ(state().lists, 1U);
}

TEST_F(ReflectorTest, AContinueThatExpiredBeginsTheListAnew) {
  Start();
  transport_.Answer(0, 200, List("10", {"a"}, "token"));
  transport_.Answer(1, 410, R"({"reason":"Expired","message":"continue is too old","code":410})");
  EXPECT_THAT(transport_.OpenPaths(), ElementsAre(kListUrl));
  EXPECT_EQ(state().problem, "");
  transport_.Answer(2, 200, List("20", {"b"}));
  EXPECT_THAT(log_, ElementsAre("begin", "+a", "begin", "+b", "end"));
  EXPECT_THAT(transport_.OpenPaths(), ElementsAre(WatchUrl("20")));
}

TEST_F(ReflectorTest, EventsOfAWatch) {
  StartWatching();
  clock_.Advance(5s);
  const std::string events = Event("ADDED", "b", "11") + Event("MODIFIED", "a", "12") +
                             Event("DELETED", "b", "13") + Event("BOOKMARK", "", "20");
  for (const char c : events) transport_.Data(1, std::string(1, c));
  EXPECT_THAT(log_, ElementsAre("+b", "+a", "-b"));
  EXPECT_EQ(state().events, 3U);
  EXPECT_EQ(state().last_contact, clock_.Now());
  EXPECT_EQ(seen_.events, 3U);
}

TEST_F(ReflectorTest, AWatchThatEndedGoesOnFromTheLastVersionWithoutAList) {
  StartWatching();
  transport_.Data(1, Event("ADDED", "b", "11") + Event("BOOKMARK", "", "20"));
  transport_.Done(1);
  EXPECT_THAT(transport_.OpenPaths(), ElementsAre(WatchUrl("20")));
  EXPECT_TRUE(state().live);
  EXPECT_EQ(state().lists, 1U);
  EXPECT_EQ(state().watches, 2U);
}

TEST_F(ReflectorTest, AQuietWatchMayEnd) {
  StartWatching();
  clock_.Advance(300s);
  transport_.Done(1);
  EXPECT_THAT(transport_.OpenPaths(), ElementsAre(WatchUrl("10")));
  EXPECT_TRUE(state().live);
}

TEST_F(ReflectorTest, AWatchThatEndsAtOnceIsNotAskedForInALoop) {
  StartWatching();
  transport_.Done(1);
  EXPECT_EQ(state().problem, "GET /api/v1/namespaces/team-a/pods: the watch ended at once");
  EXPECT_FALSE(state().live);
  ExpectAskedAfter(200ms, WatchUrl("10"));
  transport_.Head(2, 200);
  EXPECT_EQ(state().problem, "");
  transport_.Done(2);
  ExpectAskedAfter(400ms, WatchUrl("10"));
}

TEST_F(ReflectorTest, GoneInTheStreamListsAtOnceAndAgainOnlyAfterAWait) {
  StartWatching();
  transport_.Data(1, ErrorEvent(410, "too old resource version: 10 (20)"));
  EXPECT_THAT(transport_.OpenPaths(), ElementsAre(kListUrl));
  EXPECT_TRUE(state().live);
  transport_.Answer(2, 200, List("20", {"a"}));
  transport_.Head(3, 200);
  transport_.Data(3, ErrorEvent(410, "too old"));
  EXPECT_EQ(state().problem, "GET /api/v1/namespaces/team-a/pods: HTTP 410: too old");
  ExpectAskedAfter(200ms, kListUrl);
  // An event between makes the next one a first one.
  transport_.Answer(4, 200, List("30", {"a"}));
  transport_.Head(5, 200);
  transport_.Data(5, Event("MODIFIED", "a", "31") + ErrorEvent(410, "too old"));
  EXPECT_THAT(transport_.OpenPaths(), ElementsAre(kListUrl));
}

TEST_F(ReflectorTest, GoneAsAnAnswerListsAtOnce) {
  Start();
  transport_.Answer(0, 200, List("10", {"a"}));
  transport_.Answer(1, 410, R"({"message":"too old"})");
  EXPECT_THAT(transport_.OpenPaths(), ElementsAre(kListUrl));
}

TEST_F(ReflectorTest, AfterAnErrorInTheStreamNothingMoreIsRead) {
  StartWatching();
  transport_.Data(1, ErrorEvent(500, "etcd leader 7 changed") + Event("ADDED", "b", "11"));
  EXPECT_THAT(log_, IsEmpty());
  EXPECT_EQ(state().problem, "GET /api/v1/namespaces/team-a/pods: HTTP 500: etcd leader # changed");
  ExpectAskedAfter(200ms, kListUrl);
}

TEST_F(ReflectorTest, WaitsDoubleUpToTheLongestAndStartAfreshOnceSomethingCame) {
  Start();
  const base::Duration waits[] = {200ms, 400ms, 800ms, 1600ms, 3200ms, 6400ms, 10s, 10s};
  for (const base::Duration wait : waits) {
    transport_.Done(Last(), absl::UnavailableError("GET https://k: Connection refused"));
    EXPECT_EQ(state().problem, "GET https://k: Connection refused");
    EXPECT_EQ(seen_.problem, state().problem);
    EXPECT_FALSE(state().live);
    ExpectAskedAfter(wait, kListUrl);
  }
  // The problem stays until a watch is open again, or it would flicker.
  transport_.Answer(Last(), 200, List("10", {"a"}));
  EXPECT_EQ(state().problem, "GET https://k: Connection refused");
  EXPECT_TRUE(state().synced);
  transport_.Head(Last(), 200);
  EXPECT_EQ(state().problem, "");
  EXPECT_TRUE(state().live);
  transport_.Data(Last(), Event("BOOKMARK", "", "11"));
  transport_.Done(Last(), absl::UnavailableError("reset"));
  ExpectAskedAfter(200ms, WatchUrl("11"));
}

TEST_F(ReflectorTest, JitterIsAQuarterEitherWay) {
  double random = 0;
  options_.random = [&random] { return random; };
  Start();
  transport_.Done(0, absl::UnavailableError("x"));
  EXPECT_EQ(transport_.NextTimer(), base::Duration(150ms));
  transport_.Advance(150ms);
  random = 1;
  transport_.Done(1, absl::UnavailableError("x"));
  EXPECT_EQ(transport_.NextTimer(), base::Duration(500ms));
  transport_.Advance(500ms);
  transport_.Answer(2, 200, List("10", {}));
  EXPECT_THAT(LastPath(), HasSubstr("timeoutSeconds=330"));
}

TEST_F(ReflectorTest, WithoutAGivenRandomWaitsStayWithinTheirBounds) {
  options_.random = nullptr;
  Start();
  transport_.Done(0, absl::UnavailableError("x"));
  ASSERT_NE(transport_.NextTimer(), std::nullopt);
  EXPECT_GE(*transport_.NextTimer(), 150ms);
  EXPECT_LE(*transport_.NextTimer(), 250ms);
}

TEST_F(ReflectorTest, RetryAfterIsHonouredUpToAMinute) {
  Start();
  transport_.Answer(0, 429, "Too many requests, please try again later.\n", 3s);
  EXPECT_EQ(state().problem,
            "GET /api/v1/namespaces/team-a/pods: HTTP 429: Too many requests, please try again "
            "later.");
  ExpectAskedAfter(3s, kListUrl);
  transport_.Answer(1, 503, "", 1h);
  ExpectAskedAfter(60s, kListUrl);
  // It does not shorten a wait.
  transport_.Answer(2, 503, "", 0s);
  ExpectAskedAfter(800ms, kListUrl);
}

TEST_F(ReflectorTest, ARefusedWatchKeepsItsVersionWhereThatIsAsGoodAsBefore) {
  Start();
  transport_.Answer(0, 200, List("10", {"a"}));
  transport_.Answer(1, 429, "busy");
  ExpectAskedAfter(200ms, WatchUrl("10"));
  transport_.Answer(2, 401, R"({"message":"Unauthorized"})");
  EXPECT_EQ(state().problem,
            "GET /api/v1/namespaces/team-a/pods: HTTP 401: Unauthorized; the API server does not "
            "accept our credentials");
  ExpectAskedAfter(400ms, WatchUrl("10"));
  transport_.Answer(3, 403, R"({"message":"pods is forbidden"})");
  EXPECT_THAT(state().problem, HasSubstr("pods is forbidden; RBAC does not allow it"));
  ExpectAskedAfter(800ms, WatchUrl("10"));
  // A version from before a restore of the API server's store never comes.
  transport_.Answer(4, 504, R"({"message":"Timeout: Too large resource version: 10, current: 2"})");
  ExpectAskedAfter(1600ms, kListUrl);
}

TEST_F(ReflectorTest, ADisconnectedWatchGoesOnFromTheLastVersion) {
  StartWatching();
  transport_.Data(1, Event("ADDED", "b", "11") + R"({"type":"ADD)");
  transport_.Done(1, absl::UnavailableError("GET https://k: connection lost"));
  EXPECT_EQ(state().problem, "GET https://k: connection lost");
  ExpectAskedAfter(200ms, WatchUrl("11"));
  // What was left of the old stream is forgotten.
  transport_.Head(2, 200);
  transport_.Data(2, Event("ADDED", "c", "12"));
  EXPECT_THAT(log_, ElementsAre("+b", "+c"));
}

TEST_F(ReflectorTest, AnEndWithinAnEventIsNoNormalEnd) {
  StartWatching();
  transport_.Data(1, Event("ADDED", "b", "11") + R"({"type":"ADDED")");
  transport_.Done(1);
  EXPECT_EQ(state().problem, "GET /api/v1/namespaces/team-a/pods: the watch ended within an event");
  ExpectAskedAfter(200ms, WatchUrl("11"));
}

TEST_F(ReflectorTest, BadJsonIsAnErrorWithAWait) {
  Start();
  transport_.Answer(0, 200, "{\"metadata\":");
  EXPECT_EQ(state().problem, "GET /api/v1/namespaces/team-a/pods: the list is no valid JSON");
  ExpectAskedAfter(200ms, kListUrl);
  transport_.Answer(1, 200, List("10", {}));
  transport_.Head(2, 200);
  transport_.Data(2, "<html>\n");
  EXPECT_EQ(state().problem, "GET /api/v1/namespaces/team-a/pods: a watch event is no valid JSON");
  ExpectAskedAfter(400ms, kListUrl);
}

TEST_F(ReflectorTest, APageThatIsTooLargeIsAskedForInHalves) {
  Start();
  transport_.Head(0, 200);
  const std::string mebibyte(1024 * 1024, ' ');
  for (int i = 0; i < 64; ++i) transport_.Data(0, mebibyte);
  EXPECT_EQ(state().problem, "");
  transport_.Data(0, " ");
  EXPECT_EQ(state().problem,
            "GET /api/v1/namespaces/team-a/pods: a page of the list is larger than 64 MiB");
  EXPECT_FALSE(transport_.open(0));
  ExpectAskedAfter(200ms, std::string(kPath) + "?limit=250");
}

TEST_F(ReflectorTest, ALineWithoutEndIsAnError) {
  StartWatching();
  const std::string mebibyte(1024 * 1024, ' ');
  for (int i = 0; i < 9; ++i) transport_.Data(1, mebibyte);
  EXPECT_EQ(state().problem,
            "GET /api/v1/namespaces/team-a/pods: the watch sent a line of more than 8388608 bytes");
  ExpectAskedAfter(200ms, kListUrl);
}

TEST_F(ReflectorTest, AListThatBreaksOffIsBegunAnewWithoutHavingEnded) {
  Start();
  transport_.Answer(0, 200, List("10", {"a"}, "token"));
  transport_.Done(1, absl::UnavailableError("lost"));
  EXPECT_FALSE(state().synced);
  ExpectAskedAfter(200ms, kListUrl);
  transport_.Answer(2, 200, List("20", {"b"}));
  EXPECT_THAT(log_, ElementsAre("begin", "+a", "begin", "+b", "end"));
}

TEST_F(ReflectorTest, DroppedKeysAreNotHandedOut) {
  options_.drop_key = [](std::string_view key) { return key == "spec"; };
  Make();
  std::string given;
  ReflectorEvents events;
  events.on_object = [&given](const nlohmann::json& object) { given += object.dump(); };
  events.on_deleted = events.on_object;
  events.on_list_begin = events.on_list_end = [] {};
  Reflector reflector(options_, transport_, events, [] {});
  reflector.Start();
  transport_.Answer(0, 200,
                    R"({"metadata":{"resourceVersion":"1"},"items":[{"spec":{"a":[{}]},"status":1,)"
                    R"("metadata":{"managedFields":[{"x":{}}]}}]})");
  EXPECT_EQ(given, R"({"metadata":{},"status":1})");
}

TEST_F(ReflectorTest, NothingIsLeftOfAReflectorThatIsGone) {
  StartWatching();
  reflector_.reset();
  EXPECT_THAT(transport_.OpenPaths(), IsEmpty());
  Start();
  transport_.Done(Last(), absl::UnavailableError("x"));
  EXPECT_EQ(transport_.timers(), 1U);
  reflector_.reset();
  EXPECT_EQ(transport_.timers(), 0U);
}

}  // namespace
}  // namespace kgs::kube
