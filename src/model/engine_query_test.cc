// SPDX-License-Identifier: Apache-2.0
#include "model/engine_query.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace kgs::model {
namespace {

EngineQuery Series() {
  EngineQuery query;
  query.signal = "prometheus";
  query.series_name = "my:queue";
  query.series_labels = "a=\"x,y\",b=\\";
  query.series_kind = "gauge";
  query.series_combine = "sum";
  query.series_absent = "zero";
  query.port = 8000;
  query.path = "/metrics";
  return query;
}

TEST(EngineQuery, IsCalledByWhatItAsksFor) {
  EXPECT_EQ((EngineQuery{.signal = "vllm_demand"}).Key(), "signal=\"vllm_demand\"");
  EXPECT_EQ(Series().Key(),
            "signal=\"prometheus\" name=\"my:queue\" labels=\"a=\\\"x,y\\\",b=\\\\\" kind=\"gauge\" "
            "combine=\"sum\" absent=\"zero\" port=\"8000\" path=\"/metrics\"");
}

TEST(EngineQuery, IsCalledTheSameHoweverOftenItAsks) {
  EngineQuery seldom = Series();
  seldom.interval = std::chrono::seconds(10);
  EXPECT_EQ(seldom.Key(), Series().Key());
}

/// Each differs from the first in one member, or moves text from one member to another.
TEST(EngineQuery, IsCalledOtherwiseWhereItAsksForSomethingElse) {
  std::vector<EngineQuery> queries = {Series()};
  for (std::string EngineQuery::*member :
       {&EngineQuery::signal, &EngineQuery::series_name, &EngineQuery::series_labels,
        &EngineQuery::series_kind, &EngineQuery::series_combine, &EngineQuery::series_absent,
        &EngineQuery::path}) {
    for (const char* text : {"", "other", "\"", "\\", "\" kind=\"gauge", "\\\" kind=\\\"gauge"}) {
      queries.push_back(Series());
      queries.back().*member = text;
    }
  }
  queries.push_back(Series());
  queries.back().port = 0;
  queries.push_back(Series());
  queries.back().series_name = "my:queue\" labels=\"a=\\\"x,y\\\",b=\\\\";
  queries.back().series_labels.clear();
  std::map<std::string, EngineQuery> by_key;
  for (const EngineQuery& query : queries) {
    const auto [place, added] = by_key.try_emplace(query.Key(), query);
    EXPECT_TRUE(added) << query.Key();
  }
}

}  // namespace
}  // namespace kgs::model
