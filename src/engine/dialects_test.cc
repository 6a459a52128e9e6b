// SPDX-License-Identifier: Apache-2.0
//
// The table of engines: complete, and without contradictions.
#include "engine/dialects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "engine/dialects/all.h"

namespace kgs::engine {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::MatchesRegex;

TEST(DialectsTest, TheEnginesInTheOrderOfTheDocuments) {
  std::vector<std::string> names;
  for (const Dialect* dialect : Dialects()) {
    names.push_back(dialect->name);
    EXPECT_EQ(FindDialect(dialect->name), dialect);
  }
  EXPECT_THAT(names,
              ElementsAre("vllm", "sglang", "tgi", "triton", "trtllm", "dynamo", "llamacpp"));
  for (const char* name : {"", "VLLM", "vllm ", "ollama"}) EXPECT_EQ(FindDialect(name), nullptr);
}

TEST(DialectsTest, EveryRowIsComplete) {
  for (const Dialect* dialect : Dialects()) {
    EXPECT_FALSE(dialect->title.empty()) << dialect->name;
    EXPECT_GT(dialect->port, 0) << dialect->name;
    EXPECT_LT(dialect->port, 65536) << dialect->name;
    EXPECT_THAT(dialect->path, MatchesRegex("(/[a-z]+)+")) << dialect->name;
    EXPECT_FALSE(dialect->switched_on.empty()) << dialect->name;
    EXPECT_FALSE(dialect->prefixes.empty()) << dialect->name;
    EXPECT_GE(dialect->timeout, std::chrono::seconds(1)) << dialect->name;
    // What can wake a workload is asked more often than the engine of a pod.
    EXPECT_GE(dialect->least_interval, dialect->wake ? kGatewayInterval : std::chrono::seconds(1))
        << dialect->name;
    EXPECT_FALSE(dialect->signals.empty()) << dialect->name;
  }
}

void CheckTerm(const Term& term, const std::string& where) {
  EXPECT_FALSE(term.first_of.empty()) << where;
  EXPECT_GT(term.scale, 0) << where;
  const bool quantile = term.kind == SeriesKind::kQuantile;
  EXPECT_EQ(quantile, term.quantile > 0 && term.quantile < 1) << where;
  for (const SeriesName& name : term.first_of) {
    EXPECT_THAT(name.name, MatchesRegex("[a-z][a-z0-9_:]*")) << where;
    EXPECT_EQ(name.count.empty(), term.kind != SeriesKind::kMean) << where;
    for (const char* suffix : {"_bucket", "_created", "_count", "_sum"}) {
      // A pending count is a gauge of that name.
      if (name.name == "nv_inference_pending_request_count") continue;
      EXPECT_FALSE(name.name.ends_with(suffix)) << where << ": " << name.name;
    }
  }
}

TEST(DialectsTest, EverySignalIsNamedAfterItsEngineAndComplete) {
  std::set<std::string> names;
  for (const Dialect* dialect : Dialects()) {
    for (const Signal& signal : dialect->signals) {
      EXPECT_TRUE(names.insert(signal.name).second) << signal.name;
      EXPECT_THAT(signal.name, MatchesRegex(dialect->name + "(_[a-z0-9]+)+"));
      EXPECT_THAT(signal.unit, AnyOf("requests", "percent", "ms", "per second")) << signal.name;
      const bool adds_up = signal.unit == "requests" || signal.unit == "per second";
      EXPECT_EQ(signal.demand, adds_up) << signal.name;
      EXPECT_FALSE(signal.help.empty()) << signal.name;
      ASSERT_FALSE(signal.terms.empty()) << signal.name;
      for (const Term& term : signal.terms) CheckTerm(term, signal.name);
      EXPECT_EQ(FindSignal(signal.name).signal, &signal);
      EXPECT_EQ(FindSignal(signal.name).dialect, dialect);
    }
  }
  EXPECT_EQ(FindSignal("gpu_utilization").signal, nullptr);
  EXPECT_EQ(FindSignal("").signal, nullptr);
}

TEST(DialectsTest, EveryLanguageModelEngineHasQueueRunningAndDemand) {
  for (const Dialect* dialect : Dialects()) {
    for (const char* signal : {"_queue_depth", "_running", "_demand"}) {
      EXPECT_EQ(FindSignal(dialect->name + signal).dialect, dialect) << dialect->name << signal;
    }
  }
}

TEST(DialectsTest, WhatIsReadBeginsWithTheEnginesPrefix) {
  for (const Dialect* dialect : Dialects()) {
    for (const Signal& signal : dialect->signals) {
      for (const Term& term : signal.terms) {
        const SeriesName& newest = term.first_of.front();
        EXPECT_TRUE(HasPrefix(*dialect, newest.name)) << newest.name;
        EXPECT_TRUE(HasPrefix(*dialect, WithUnderscores(newest.name))) << newest.name;
        for (const Dialect* other : Dialects()) {
          if (other != dialect) {
            EXPECT_FALSE(HasPrefix(*other, newest.name)) << newest.name;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace kgs::engine
