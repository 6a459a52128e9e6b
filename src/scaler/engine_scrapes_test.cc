// SPDX-License-Identifier: Apache-2.0
#include "scaler/engine_scrapes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

namespace kgs::scaler {
namespace {

using namespace std::chrono_literals;
using model::EngineQuery;
using model::EngineScrape;
using model::PodPhase;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

EngineQuery Query(const std::string& signal, std::chrono::milliseconds interval = 1s) {
  EngineQuery query;
  query.signal = signal;
  query.interval = interval;
  return query;
}

model::Pod Pod(const std::string& uid, const std::string& node) {
  model::Pod pod;
  pod.name = {"team", "web-" + uid};
  pod.uid = uid;
  pod.node = node;
  pod.phase = PodPhase::kRunning;
  pod.ip = "10.0.0.1";
  pod.containers_started_unix_seconds = 1700000000;
  return pod;
}

kube::Workload Workload(const std::vector<model::Pod>& pods) {
  kube::Workload workload;
  for (const model::Pod& pod : pods) {
    workload.pods.push_back(std::make_shared<const model::Pod>(pod));
  }
  return workload;
}

EngineScrape Scrape(const std::string& uid, std::vector<EngineQuery> queries) {
  return {uid, {"team", "web-" + uid}, "10.0.0.1", 1700000000, std::move(queries)};
}

TEST(ScrapeCollector, AsksEveryPodOnItsOwnNode) {
  ScrapeCollector collector;
  collector.Add(Workload({Pod("1", "a"), Pod("2", "b"), Pod("3", "a")}), {Query("vllm_demand")});
  EXPECT_THAT(collector.Take(),
              ElementsAre(Pair("a", ElementsAre(Scrape("1", {Query("vllm_demand")}),
                                                Scrape("3", {Query("vllm_demand")}))),
                          Pair("b", ElementsAre(Scrape("2", {Query("vllm_demand")})))));
  EXPECT_THAT(collector.Take(), IsEmpty());
}

TEST(ScrapeCollector, AsksNothingForNothing) {
  ScrapeCollector collector;
  collector.Add(Workload({Pod("1", "a")}), {});
  collector.Add(Workload({}), {Query("vllm_demand")});
  EXPECT_THAT(collector.Take(), IsEmpty());
}

TEST(ScrapeCollector, AsksOnlyPodsThatCanAnswer) {
  std::vector<model::Pod> pods;
  for (const PodPhase phase :
       {PodPhase::kPending, PodPhase::kSucceeded, PodPhase::kFailed, PodPhase::kUnknown}) {
    pods.push_back(Pod("1", "a"));
    pods.back().phase = phase;
  }
  pods.push_back(Pod("2", "a"));
  pods.back().terminating = true;
  pods.push_back(Pod("3", "a"));
  pods.back().ip.clear();
  pods.push_back(Pod("4", ""));
  ScrapeCollector collector;
  collector.Add(Workload(pods), {Query("vllm_demand")});
  EXPECT_THAT(collector.Take(), IsEmpty());
}

TEST(ScrapeCollector, APodOfTwoWorkloadsStandsOnce) {
  ScrapeCollector collector;
  collector.Add(Workload({Pod("1", "a")}), {Query("vllm_demand", 5s)});
  collector.Add(Workload({Pod("1", "a")}), {Query("vllm_running"), Query("vllm_demand", 2s)});
  EXPECT_THAT(collector.Take(),
              ElementsAre(Pair("a", ElementsAre(Scrape(
                                        "1", {Query("vllm_demand", 2s), Query("vllm_running")})))));
}

}  // namespace
}  // namespace kgs::scaler
