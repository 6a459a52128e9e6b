// SPDX-License-Identifier: Apache-2.0
#include "kube/object_limit.h"

#include <gtest/gtest.h>

namespace kgs::kube {
namespace {

model::ObjectKey Key(const std::string& name) {
  return {model::ObjectKind::kScaledObject, "default", name};
}

TEST(ObjectLimitTest, TheFirstStayAndTheRestIsRemembered) {
  ObjectLimit limit(2);
  bool is_news = false;
  EXPECT_TRUE(limit.Take(Key("a"), &is_news));
  EXPECT_TRUE(limit.Take(Key("b"), &is_news));
  EXPECT_FALSE(limit.Take(Key("c"), &is_news));
  EXPECT_TRUE(is_news);
  EXPECT_FALSE(limit.Take(Key("c"), &is_news));
  EXPECT_FALSE(is_news);
  EXPECT_FALSE(limit.Take(Key("d"), &is_news));
  EXPECT_FALSE(limit.Take(Key("e"), &is_news)) << "beyond what is remembered";
  EXPECT_FALSE(is_news);
  EXPECT_FALSE(limit.IsRefused(Key("a")));
  EXPECT_TRUE(limit.IsRefused(Key("c")));
  EXPECT_TRUE(limit.IsRefused(Key("d")));
  EXPECT_FALSE(limit.IsRefused(Key("e")));
}

TEST(ObjectLimitTest, WhatGoesMakesRoom) {
  ObjectLimit limit(1);
  bool is_news = false;
  limit.Take(Key("a"), &is_news);
  EXPECT_FALSE(limit.HasRoomForRefused());
  limit.Take(Key("b"), &is_news);
  EXPECT_FALSE(limit.HasRoomForRefused());
  limit.Drop(Key("a"), true);
  EXPECT_TRUE(limit.HasRoomForRefused());
  EXPECT_TRUE(limit.Take(Key("b"), &is_news));
  EXPECT_FALSE(limit.IsRefused(Key("b")));
  EXPECT_FALSE(limit.HasRoomForRefused());
}

TEST(ObjectLimitTest, ARefusedOneThatGoesIsForgotten) {
  ObjectLimit limit(1);
  bool is_news = false;
  limit.Take(Key("a"), &is_news);
  limit.Take(Key("b"), &is_news);
  limit.Drop(Key("b"), false);
  EXPECT_FALSE(limit.IsRefused(Key("b")));
  EXPECT_FALSE(limit.Take(Key("c"), &is_news)) << "the other is still there";
}

}  // namespace
}  // namespace kgs::kube
