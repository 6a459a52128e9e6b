// SPDX-License-Identifier: Apache-2.0
#include "kube/expiring_map.h"

#include <gtest/gtest.h>

#include <chrono>

namespace kgs::kube {
namespace {

using namespace std::chrono_literals;

constexpr base::SteadyTime kNow{1h};

int At(const ExpiringMap<int>& map, const std::string& key, base::SteadyTime now = kNow) {
  const int* value = map.Find(key, now);
  return value == nullptr ? 0 : *value;
}

TEST(ExpiringMapTest, KeepsAValueUntilItsTime) {
  ExpiringMap<int> map(10);
  map.Put("a", 1, kNow + 2s, kNow);
  map.Put("b", 2, kNow + 1s, kNow);
  EXPECT_EQ(At(map, "a"), 1);
  EXPECT_EQ(At(map, "b", kNow + 1s - 1ns), 2);
  EXPECT_EQ(At(map, "b", kNow + 1s), 0);
  EXPECT_EQ(At(map, "a", kNow + 1s), 1);
  EXPECT_EQ(At(map, "c"), 0);
}

TEST(ExpiringMapTest, ANewValueTakesTheKeysPlaceAndTime) {
  ExpiringMap<int> map(10);
  map.Put("a", 1, kNow + 9s, kNow);
  map.Put("a", 2, kNow + 1s, kNow);
  EXPECT_EQ(map.size(), 1U);
  EXPECT_EQ(At(map, "a"), 2);
  EXPECT_EQ(At(map, "a", kNow + 1s), 0);
  map.Put("a", 3, kNow, kNow);
  EXPECT_EQ(At(map, "a"), 0);
  EXPECT_EQ(map.size(), 0U);
}

TEST(ExpiringMapTest, WhatHasEndedGoesWithTheNextPut) {
  ExpiringMap<int> map(10);
  for (int i = 1; i <= 5; ++i) map.Put(std::to_string(i), i, kNow + 1s * i, kNow);
  map.Put("x", 9, kNow + 9s, kNow + 3s);
  EXPECT_EQ(map.size(), 3U);
  EXPECT_EQ(At(map, "4", kNow + 3s), 4);
}

TEST(ExpiringMapTest, WhenFullTheFirstToEndGoes) {
  ExpiringMap<int> map(3);
  map.Put("late", 1, kNow + 9s, kNow);
  map.Put("soon", 2, kNow + 1s, kNow);
  map.Put("later", 3, kNow + 10s, kNow);
  map.Put("new", 4, kNow + 5s, kNow);
  EXPECT_EQ(map.size(), 3U);
  EXPECT_EQ(At(map, "soon"), 0);
  map.Put("newer", 5, kNow + 2s, kNow);
  EXPECT_EQ(At(map, "new"), 0);
  EXPECT_EQ(At(map, "newer"), 5);
  EXPECT_EQ(At(map, "late"), 1);
  EXPECT_EQ(At(map, "later"), 3);
  // One that is there takes no other's place.
  map.Put("late", 6, kNow + 8s, kNow);
  EXPECT_EQ(map.size(), 3U);
  EXPECT_EQ(At(map, "newer"), 5);
}

TEST(ExpiringMapTest, OfNoneNothingIsKept) {
  ExpiringMap<int> map(0);
  map.Put("a", 1, kNow + 1s, kNow);
  EXPECT_EQ(At(map, "a"), 0);
}

}  // namespace
}  // namespace kgs::kube
