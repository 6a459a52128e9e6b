// SPDX-License-Identifier: Apache-2.0
#include "engine/wake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "base/strings.h"
#include "engine/series_selector.h"
#include "engine/test_pages.h"
#include "engine/test_readings.h"

namespace kgs::engine {
namespace {

using ::testing::HasSubstr;

/// Pages of one process, one after the other.
class Pages {
 public:
  explicit Pages(Wanted wanted) : signal_(wanted.signal), query_({std::move(wanted)}) {}
  explicit Pages(std::string_view source, const LabelMatches& labels = {})
      : Pages(Selected({*FindWakeSource(source)->wake, FindWakeSource(source), true}, labels)) {}

  /// "demand 3", or the state.
  std::string Read(std::string_view page) {
    const RawSignal now = ReadText(query_, page).signals.front();
    last = WakeDemand(signal_, before_ ? &*before_ : nullptr, now);
    RawSignal before = before_.value_or(RawSignal());
    RememberForWake(signal_, now, before);
    before_ = std::move(before);
    EXPECT_EQ(last.demand > 0, last.state == WakeState::kDemand);
    std::string text(WakeStateName(last.state));
    if (last.demand > 0) text += " " + base::FormatNumber(last.demand);
    return text;
  }

  WakeReading last;

 private:
  const Signal signal_;
  const PageQuery query_;
  std::optional<RawSignal> before_;
};

Wanted Series(std::string_view kind, WhenAbsent absent = WhenAbsent::kError) {
  return WantedSeries({.name = "a", .read_as = *FindSeriesKind(kind), .absent = absent});
}

TEST(WakeDemandTest, AGaugeIsItsValue) {
  Pages pages(Series("gauge"));
  EXPECT_EQ(pages.Read("a 3\n"), "demand 3");
  EXPECT_EQ(pages.Read("a 0\n"), "none");
  EXPECT_EQ(pages.Read("a -2\n"), "none");
  EXPECT_EQ(pages.Read("a{b=\"1\"} -2\na{b=\"2\"} 1\n"), "demand 1");
}

TEST(WakeDemandTest, ACounterIsWhatItGainedSinceThePageBefore) {
  Pages pages(Series("counter"));
  EXPECT_EQ(pages.Read("a 100\n"), "no value yet") << "a first page says nothing";
  EXPECT_EQ(pages.Read("a 100\n"), "none");
  EXPECT_EQ(pages.Read("a 102\n"), "demand 2");
  EXPECT_EQ(pages.Read("a 102\n"), "none") << "and once alone";
}

TEST(WakeDemandTest, ACounterThatFellBeganAgain) {
  Pages pages(Series("counter"));
  pages.Read("a 100\n");
  EXPECT_EQ(pages.Read("a 3\n"), "demand 3") << "asked of the new process since the last page";
  EXPECT_EQ(pages.Read("a 3\n"), "none");
  EXPECT_EQ(pages.Read("a 0\n"), "none") << "it began again, and nobody asked";
  pages.Read("a 3\n");
  EXPECT_EQ(pages.Read("a{b=\"1\"} 5\na 2\n"), "demand 7") << "one of two fell";
}

TEST(WakeDemandTest, ASeriesThatAppearsHasGainedAllOfIt) {
  Pages pages(Series("counter"));
  EXPECT_EQ(pages.Read("a{b=\"1\"} 7\n"), "no value yet");
  EXPECT_EQ(pages.Read("a{b=\"1\"} 7\na{b=\"2\"} 0\n"), "none");
  EXPECT_EQ(pages.Read("a{b=\"1\"} 7\na{b=\"2\"} 0\na{b=\"3\"} 4\n"), "demand 4");
  EXPECT_EQ(pages.Read("a{b=\"3\"} 4\n"), "none") << "those that go take nothing with them";
}

TEST(WakeDemandTest, ACounterThatIsMadeWithItsFirstRequestWakes) {
  for (const WhenAbsent absent : {WhenAbsent::kZero, WhenAbsent::kHold, WhenAbsent::kError}) {
    Pages pages(Series("counter", absent));
    EXPECT_EQ(pages.Read("b 1\n"), "absent");
    EXPECT_EQ(pages.Read("b 1\n"), "absent");
    EXPECT_EQ(pages.Read("a 1\n"), "demand 1");
  }
}

TEST(WakeDemandTest, AbsentZeroAndUnreadableAreThreeThings) {
  for (const char* kind : {"gauge", "counter"}) {
    for (const WhenAbsent absent : {WhenAbsent::kZero, WhenAbsent::kHold, WhenAbsent::kError}) {
      Pages pages(Series(kind, absent));
      pages.Read("a 0\n");
      EXPECT_EQ(pages.Read("a 0\n"), "none") << kind;
      EXPECT_EQ(pages.last.detail, "");
      EXPECT_EQ(pages.Read("b 0\n"), "absent") << kind;
      EXPECT_EQ(pages.last.detail, "no a");
      EXPECT_EQ(pages.Read("a NaN\n"), "unreadable") << kind;
      EXPECT_EQ(pages.last.detail, "a: not a finite number");
    }
  }
}

TEST(WakeDemandTest, APageThatCannotBeReadHidesNothing) {
  Pages pages(Series("counter"));
  EXPECT_EQ(pages.Read("a x\n"), "unreadable");
  EXPECT_EQ(pages.Read("a 5\n"), "no value yet") << "nothing was known before";
  EXPECT_EQ(pages.Read("a x\n"), "unreadable");
  EXPECT_EQ(pages.Read("a 6\n"), "demand 1");
}

TEST(WakeDemandTest, EppByWhatWaitsOrCameAndWent) {
  Pages pages("epp");
  EXPECT_EQ(pages.Read("llm_d_epp_info 1\n"), "absent") << "before the first request";
  EXPECT_EQ(pages.Read("llm_d_epp_flow_control_queue_size{fairness_id=\"a\"} 2\n"), "demand 2");
  EXPECT_EQ(pages.Read("llm_d_epp_flow_control_queue_size{fairness_id=\"a\"} 0\n"
                       "llm_d_epp_flow_control_requests_total{outcome=\"Dispatched\"} 2\n"),
            "demand 2");
  const std::string quiet =
      "llm_d_epp_flow_control_requests_total{outcome=\"Dispatched\"} 2\n"
      "llm_d_epp_flow_control_requests_total{outcome=\"RejectedNoEndpoints\"} ";
  EXPECT_EQ(pages.Read(quiet + "0\n"), "none") << "the flow is gone, and nothing ended since";
  EXPECT_EQ(pages.Read(quiet + "1\n"), "demand 1");
}

TEST(WakeDemandTest, EppOnItsRealPage) {
  Pages pages("epp");
  EXPECT_EQ(pages.Read(RealPage("epp.prom")), "demand 2");
}

TEST(WakeDemandTest, AnInterceptorsRoute) {
  Pages pages("keda-http", {{"route_namespace", "default"}, {"route_name", "my-app"}});
  EXPECT_EQ(pages.Read(RealPage("keda-http-queue.json")), "demand 3");
  const auto route = [](int concurrency, int count, const std::string& name = "default/my-app") {
    return "{\"" + name + "\": {\"Concurrency\": " + std::to_string(concurrency) +
           ", \"RequestCount\": " + std::to_string(count) + "}}";
  };
  EXPECT_EQ(pages.Read(route(0, 42)), "none");
  EXPECT_EQ(pages.Read(route(0, 43)), "demand 1");
  EXPECT_EQ(pages.Read(route(5, 99, "default/other")), "absent");
  EXPECT_EQ(pages.Read(R"({"default/my-app": 3})"), "unreadable");
  // An add-on without the counter.
  EXPECT_EQ(pages.Read(R"({"default/my-app": {"Concurrency": 0}})"), "none");
}

TEST(WakeDemandTest, EnvoyByRequestsThatFoundNoHost) {
  constexpr char kCluster[] = "httproute/tre-v2/dsqwen-7b-router/rule/0";
  Pages pages("envoy", {{"envoy_cluster_name", kCluster}});
  const std::string page = RealPage("envoy.prom");
  EXPECT_EQ(pages.Read(page), "no value yet");
  EXPECT_EQ(pages.Read(page), "none") << "30 of before are nobody's now";
  const std::string series = "envoy_cluster_upstream_cx_none_healthy{envoy_cluster_name=\"";
  EXPECT_EQ(pages.Read(series + kCluster + "\"} 2\n" + series + "backend2015\"} 50\n"), "demand 1");
}

TEST(WakeDemandTest, DynamoByWhatIsInFlightOrWasDone) {
  Pages pages("dynamo", {{"model", "m"}});
  const auto page = [](int in_flight, int done, const char* model) {
    const std::string label = std::string("{model=\"") + model + "\"} ";
    return "dynamo_frontend_inflight_requests" + label + std::to_string(in_flight) + "\n" +
           "dynamo_frontend_requests_total" + label + std::to_string(done) + "\n";
  };
  EXPECT_EQ(pages.Read(page(1, 5, "other")), "absent");
  EXPECT_EQ(pages.Read(page(2, 0, "m")), "demand 2");
  EXPECT_EQ(pages.Read(page(0, 2, "m")), "demand 2");
  EXPECT_EQ(pages.Read(page(0, 2, "m")), "none");
  EXPECT_EQ(pages.Read(page(0, 3, "m")), "demand 1");
}

WakeAddress At(int host, WakeState state, double demand = 0) {
  return {"http://g/metrics at 10.0.0." + std::to_string(host),
          {state, demand, state == WakeState::kUnreadable ? "refused" : ""}};
}

TEST(CombineWakeTest, DemandAnywhereIsDemand) {
  const WakeReading whole =
      CombineWake({At(1, WakeState::kUnreadable), At(2, WakeState::kDemand, 2),
                   At(3, WakeState::kDemand, 3), At(4, WakeState::kNone)});
  EXPECT_EQ(whole.state, WakeState::kDemand);
  EXPECT_EQ(whole.demand, 5);
  EXPECT_EQ(whole.detail, "");
}

TEST(CombineWakeTest, OnlyWhereAllSayNoneIsThereNone) {
  EXPECT_EQ(CombineWake({At(1, WakeState::kNone), At(2, WakeState::kNone)}).state,
            WakeState::kNone);
  const WakeReading unread =
      CombineWake({At(1, WakeState::kNone), At(2, WakeState::kUnreadable), At(3, WakeState::kNone),
                   At(4, WakeState::kAbsent), At(5, WakeState::kNoValueYet)});
  EXPECT_EQ(unread.state, WakeState::kUnreadable);
  EXPECT_EQ(unread.demand, 0);
  EXPECT_EQ(unread.detail, "http://g/metrics at 10.0.0.2: refused");
  EXPECT_EQ(CombineWake(
                {At(1, WakeState::kNone), At(2, WakeState::kAbsent), At(3, WakeState::kNoValueYet)})
                .state,
            WakeState::kNoValueYet);
  EXPECT_EQ(CombineWake({At(1, WakeState::kNone), At(2, WakeState::kAbsent)}).state,
            WakeState::kAbsent);
}

TEST(CombineWakeTest, TheAddressIsNamedOnce) {
  WakeAddress one = At(1, WakeState::kUnreadable);
  one.reading.detail = one.where + ": connection refused";
  EXPECT_EQ(CombineWake({one}).detail, "http://g/metrics at 10.0.0.1: connection refused");
}

TEST(WakeDemandTest, AGaugeThatShouldBeThereIsNotMadeUpForByACounter) {
  Pages dynamo("dynamo");
  dynamo.Read("dynamo_frontend_requests_total 7\n");
  EXPECT_EQ(dynamo.Read("dynamo_frontend_requests_total 7\n"), "absent")
      << "requests were served, so the gauge stands there by another name";
  Pages interceptor("keda-http", {{"route_namespace", "a"}, {"route_name", "b"}});
  const std::string count =
      "interceptor_request_count_total{route_namespace=\"a\",route_name=\"b\"} 7\n";
  interceptor.Read(count);
  EXPECT_EQ(interceptor.Read(count), "absent");
  Pages epp("epp");
  epp.Read("llm_d_epp_flow_control_requests_total 7\n");
  EXPECT_EQ(epp.Read("llm_d_epp_flow_control_requests_total 7\n"), "none")
      << "its queue has no series while it is empty";
}

}  // namespace
}  // namespace kgs::engine
