// SPDX-License-Identifier: Apache-2.0
#include "scaler/trigger_cache.h"

#include <gtest/gtest.h>

namespace kgs::scaler {
namespace {

TriggerCache::Fields Fields(const trigger::Metadata& metadata) {
  return TriggerCache::Fields(metadata.begin(), metadata.end());
}

TriggerCache::Specs Spec(const std::string& name) {
  trigger::TriggerSpec spec;
  spec.metric_name = name;
  return std::make_shared<const std::vector<trigger::TriggerSpec>>(2, spec);
}

TEST(TriggerCache, FindsExactlyWhatWasPut) {
  TriggerCache cache;
  EXPECT_EQ(cache.Find(Fields({{"a", "1"}, {"b", "2"}})), nullptr);
  cache.Put(Fields({{"a", "1"}, {"b", "2"}}), Spec("first"));
  ASSERT_NE(cache.Find(Fields({{"b", "2"}, {"a", "1"}})), nullptr);
  EXPECT_EQ(cache.Find(Fields({{"b", "2"}, {"a", "1"}}))->at(1).metric_name, "first");
  for (const trigger::Metadata& other :
       std::vector<trigger::Metadata>{{},
                                      {{"a", "1"}},
                                      {{"a", "2"}, {"b", "1"}},
                                      {{"a", "1"}, {"b", "3"}},
                                      {{"a", "1"}, {"b", "2"}, {"c", ""}},
                                      {{"a1", ""}, {"b2", ""}}}) {
    EXPECT_EQ(cache.Find(Fields(other)), nullptr);
  }
}

TEST(TriggerCache, MetadataThatIsTooLargeIsNotKept) {
  TriggerCache cache;
  cache.Put(Fields({{"a", std::string(TriggerCache::kMostBytes - 1, 'x')}}), Spec("fits"));
  cache.Put(Fields({{"a", std::string(TriggerCache::kMostBytes, 'x')}}), Spec("too large"));
  EXPECT_NE(cache.Find(Fields({{"a", std::string(TriggerCache::kMostBytes - 1, 'x')}})), nullptr);
  EXPECT_EQ(cache.Find(Fields({{"a", std::string(TriggerCache::kMostBytes, 'x')}})), nullptr);
}

TEST(TriggerCache, AFullCacheStartsAnew) {
  TriggerCache cache;
  for (size_t i = 0; i <= TriggerCache::kMostEntries; ++i) {
    cache.Put(Fields({{"a", std::to_string(i)}}), Spec(std::to_string(i)));
  }
  EXPECT_EQ(cache.Find(Fields({{"a", "0"}})), nullptr);
  const std::string last = std::to_string(TriggerCache::kMostEntries);
  ASSERT_NE(cache.Find(Fields({{"a", last}})), nullptr);
  EXPECT_EQ(cache.Find(Fields({{"a", last}}))->at(1).metric_name, last);
}

}  // namespace
}  // namespace kgs::scaler
