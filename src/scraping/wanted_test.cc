// SPDX-License-Identifier: Apache-2.0
#include "scraping/wanted.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/dialects.h"
#include "engine/series_selector.h"
#include "scraping/test_scrapes.h"

namespace kgs::scraping {
namespace {

using namespace std::chrono_literals;
using testing::CounterQuery;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using testing::Query;

std::string ErrorOf(const model::EngineQuery& query) {
  const auto asked = WantedOf(query);
  if (asked.ok()) return "accepted";
  EXPECT_EQ(asked.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(asked.status().message());
}

TEST(WantedOf, EverySignalOfEveryEngineIsAskedAtItsOwnPlace) {
  for (const engine::Dialect* dialect : engine::Dialects()) {
    for (const engine::Signal& signal : dialect->signals) {
      const auto asked = WantedOf(Query(signal.name));
      ASSERT_TRUE(asked.ok()) << asked.status();
      EXPECT_EQ(asked->wanted.signal, signal);
      EXPECT_EQ(asked->wanted.dialect, dialect);
      EXPECT_EQ(asked->port, dialect->port);
      EXPECT_EQ(asked->path, dialect->path);
      EXPECT_EQ(asked->timeout, dialect->timeout);
      EXPECT_EQ(asked->least_interval, dialect->least_interval);
    }
  }
}

TEST(WantedOf, TheQuerysOwnPlaceCounts) {
  model::EngineQuery query = Query("vllm_demand");
  query.port = 9999;
  query.path = "/m";
  const auto asked = WantedOf(query);
  ASSERT_TRUE(asked.ok()) << asked.status();
  EXPECT_EQ(asked->port, 9999);
  EXPECT_EQ(asked->path, "/m");
}

TEST(WantedOf, ASeriesOfTheUsersOwn) {
  model::EngineQuery query = CounterQuery("jobs_total");
  query.series_labels = "queue=\"a,b\",kind=x";
  query.series_kind = "histogram-p90";
  query.series_combine = "max";
  query.series_absent = "hold";
  const auto asked = WantedOf(query);
  ASSERT_TRUE(asked.ok()) << asked.status();
  EXPECT_EQ(asked->wanted.dialect, nullptr);
  EXPECT_EQ(asked->wanted.signal.absent, engine::WhenAbsent::kHold);
  const engine::Term& term = asked->wanted.signal.terms.at(0);
  EXPECT_EQ(term.kind, engine::SeriesKind::kQuantile);
  EXPECT_EQ(term.quantile, 0.9);
  EXPECT_EQ(term.combine, engine::Combine::kMax);
  EXPECT_EQ(term.first_of.at(0).name, "jobs_total");
  EXPECT_THAT(term.first_of.at(0).labels, ElementsAre(Pair("queue", "a,b"), Pair("kind", "x")));
  EXPECT_EQ(asked->port, 8000);
  EXPECT_EQ(asked->path, "/metrics");
  EXPECT_EQ(asked->timeout, 2s);
}

TEST(WantedOf, LabelsChooseAmongTheSeriesOfAPreset) {
  model::EngineQuery query = Query("epp_average_queue_size");
  query.series_labels = "name=pool";
  const auto asked = WantedOf(query);
  ASSERT_TRUE(asked.ok()) << asked.status();
  const engine::Term& term = asked->wanted.signal.terms.at(0);
  for (const auto& names : {term.first_of, term.while_above_zero}) {
    ASSERT_FALSE(names.empty());
    for (const engine::SeriesName& name : names) {
      EXPECT_THAT(name.labels, ElementsAre(Pair("name", "pool"))) << name.name;
    }
  }
  query = Query("sglang_running");
  query.series_labels = "model_name=m";
  EXPECT_THAT(WantedOf(query)->wanted.signal.terms.at(0).first_of.at(0).labels,
              ElementsAre(Pair("priority", ""), Pair("model_name", "m")));
}

TEST(WantedOf, AGatewayOfManyIsAskedForOne) {
  for (const engine::Dialect* gateway : engine::Gateways()) {
    for (const engine::Signal& signal : gateway->signals) {
      model::EngineQuery query = Query(signal.name);
      if (!gateway->selected_by.empty()) {
        EXPECT_THAT(ErrorOf(query), HasSubstr(gateway->selected_by[0])) << signal.name;
      }
      for (const std::string& label : gateway->selected_by) {
        query.series_labels += (query.series_labels.empty() ? "" : ",") + label + "=a";
      }
      const auto asked = WantedOf(query);
      ASSERT_TRUE(asked.ok()) << asked.status();
      EXPECT_FALSE(asked->wanted.wake);
      EXPECT_EQ(asked->port, gateway->port);
      EXPECT_EQ(asked->path, gateway->path);
      EXPECT_EQ(asked->least_interval, 200ms);
    }
  }
  model::EngineQuery half = Query("keda_http_concurrency");
  half.series_labels = "route_name=a,route_namespace=\"\"";
  EXPECT_EQ(ErrorOf(half),
            "keda_http_concurrency is of one workload among others: seriesLabels must choose it by "
            "route_namespace and route_name");
}

TEST(WantedOf, WhatWakes) {
  for (const engine::Dialect* source : engine::WakeSources()) {
    model::EngineQuery query = Query(source->wake->name);
    for (const std::string& label : source->selected_by) {
      query.series_labels += (query.series_labels.empty() ? "" : ",") + label + "=a";
    }
    const auto asked = WantedOf(query);
    ASSERT_TRUE(asked.ok()) << asked.status();
    EXPECT_TRUE(asked->wanted.wake);
    EXPECT_EQ(asked->wanted.dialect, source);
    EXPECT_EQ(asked->timeout, 1s);
    EXPECT_EQ(asked->least_interval, 200ms);
  }
  model::EngineQuery series = CounterQuery("jobs_total");
  series.signal = "prometheus_wake";
  ASSERT_TRUE(WantedOf(series).ok());
  EXPECT_TRUE(WantedOf(series)->wanted.wake);
  EXPECT_EQ(WantedOf(series)->wanted.signal.terms.at(0).kind, engine::SeriesKind::kCounter);
  series.series_kind = "histogram-mean";
  EXPECT_EQ(ErrorOf(series), "seriesKind \"histogram-mean\" cannot wake: must be gauge or counter");
}

TEST(WantedOf, EmptyTextsAreTheDefaults) {
  model::EngineQuery query = Query("prometheus");
  query.series_name = "jobs";
  const auto asked = WantedOf(query);
  ASSERT_TRUE(asked.ok()) << asked.status();
  EXPECT_EQ(asked->wanted.signal, engine::WantedSeries({.name = "jobs"}).signal);
}

TEST(WantedOf, SaysWhatItDoesNotKnow) {
  EXPECT_THAT(ErrorOf(Query("vllm_dreams")), HasSubstr("metric \"vllm_dreams\""));
  EXPECT_THAT(ErrorOf(Query("vllm_dreams")), HasSubstr("older than the hub"));
  EXPECT_THAT(ErrorOf(Query("")), HasSubstr("does not know"));
  EXPECT_THAT(ErrorOf(Query("prometheus")), HasSubstr("name"));
  const auto with = [](std::string model::EngineQuery::* member, const char* text) {
    model::EngineQuery query = CounterQuery("jobs_total");
    query.*member = text;
    return ErrorOf(query);
  };
  EXPECT_THAT(with(&model::EngineQuery::series_kind, "dial"), HasSubstr("seriesKind \"dial\""));
  EXPECT_THAT(with(&model::EngineQuery::series_combine, "x"), HasSubstr("seriesCombine \"x\""));
  EXPECT_THAT(with(&model::EngineQuery::series_absent, "x"), HasSubstr("seriesAbsent \"x\""));
  EXPECT_THAT(with(&model::EngineQuery::series_labels, "a"), HasSubstr("'='"));
}

}  // namespace
}  // namespace kgs::scraping
