// SPDX-License-Identifier: Apache-2.0
#include "kube/client/slim_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace kgs::kube {
namespace {

using nlohmann::json;

bool DropsContainers(std::string_view key) { return key == "containers" || key == "type"; }

json Slim(const std::string& text, const DropKey& drop_key = DropsContainers) {
  const auto slim = ReadSlimJson(text, drop_key);
  EXPECT_TRUE(slim.ok()) << slim.status();
  return slim.ok() ? *slim : json();
}

TEST(SlimJsonTest, DropsWhatTheCallerSaysAtAnyDepth) {
  EXPECT_EQ(Slim(R"({"spec":{"containers":[{"name":"a","env":[{"x":{}}]}],"nodeName":"n"}})"),
            json::parse(R"({"spec":{"nodeName":"n"}})"));
  EXPECT_EQ(Slim(R"({"items":[{"a":[[{"containers":1,"b":2}]],"c":3},{"containers":{}}]})"),
            json::parse(R"({"items":[{"a":[[{"b":2}]],"c":3},{}]})"));
}

TEST(SlimJsonTest, DropsManagedFieldsOfMetadataWhateverTheCallerSays) {
  const std::string text =
      R"({"items":[{"metadata":{"name":"a","managedFields":[{"fieldsV1":{"f:metadata":{}}}]}}]})";
  const json slim = json::parse(R"({"items":[{"metadata":{"name":"a"}}]})");
  EXPECT_EQ(Slim(text, nullptr), slim);
  EXPECT_EQ(Slim(text), slim);
  EXPECT_EQ(Slim(R"({"spec":{"managedFields":1}})", nullptr),
            json::parse(R"({"spec":{"managedFields":1}})"));
}

TEST(SlimJsonTest, TheOutermostKeysStay) {
  const std::string event = R"({"type":"ADDED","object":{"kind":"Pod"}})";
  EXPECT_EQ(Slim(event), json::parse(event));
}

// A label that happens to be called like a dropped key would change what a selector selects.
TEST(SlimJsonTest, KeysThatUsersChooseStay) {
  for (
      const std::string text : {
          R"({"metadata":{"labels":{"containers":"a","app":"b"}}})",
          R"({"metadata":{"annotations":{"containers":"a"}}})",
          R"({"spec":{"selector":{"matchLabels":{"containers":"a"}}}})",
          R"({"items":[{"spec":{"triggers":[{"metadata":{"containers":"a","managedFields":"b"}}]}}]})",
      }) {
    EXPECT_EQ(Slim(text), json::parse(text));
  }
  EXPECT_EQ(Slim(R"({"metadata":{"labels":{"app":"b"},"containers":1}})"),
            json::parse(R"({"metadata":{"labels":{"app":"b"}}})"));
}

TEST(SlimJsonTest, WhatIsNoJsonIsAnError) {
  for (const std::string text :
       {"", "{", "{}{}", "[1,]", "nul", "\"\xff\"", "{\"a\":1e999}", "{\"containers\":[}"}) {
    EXPECT_EQ(ReadSlimJson(text, DropsContainers).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
}

TEST(SlimJsonTest, DeepNestingDoesNotHurt) {
  const std::string deep = std::string(50'000, '[') + std::string(50'000, ']');
  EXPECT_TRUE(ReadSlimJson(deep, DropsContainers).ok());
  EXPECT_FALSE(ReadSlimJson(std::string(50'000, '['), DropsContainers).ok());
}

}  // namespace
}  // namespace kgs::kube
