// SPDX-License-Identifier: Apache-2.0
#include "scaler/trigger_match.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/workloads.h"

namespace kgs::scaler {
namespace {

using model::HpaMetricType;
using model::ObjectKind;
using ::testing::AllOf;
using ::testing::HasSubstr;
using Metadata = std::map<std::string, std::string>;

externalscaler::ScaledObjectRef Asked(const Metadata& metadata) {
  externalscaler::ScaledObjectRef asked;
  asked.set_namespace_("default");
  asked.set_name("web");
  asked.mutable_scalermetadata()->insert(metadata.begin(), metadata.end());
  return asked;
}

bool IsSentAs(const Metadata& stored, const Metadata& sent) {
  return scaler::IsSentAs(stored, Asked(sent).scalermetadata());
}

std::shared_ptr<model::ScaledObject> Object(
    const std::vector<std::pair<Metadata, HpaMetricType>>& triggers,
    ObjectKind kind = ObjectKind::kScaledObject) {
  auto object = testing::MakeObject(kind);
  int index = 0;
  for (const auto& [metadata, type] : triggers) {
    object->triggers.push_back({index++, "", false, type, metadata});
  }
  return object;
}

TEST(IsSentAsTest, KeysAndValuesMustBeTheSame) {
  EXPECT_TRUE(IsSentAs({{"a", "1"}, {"b", "2"}}, {{"a", "1"}, {"b", "2"}}));
  EXPECT_FALSE(IsSentAs({{"a", "1"}, {"b", "2"}}, {{"a", "1"}}));
  EXPECT_FALSE(IsSentAs({{"a", "1"}}, {{"a", "1"}, {"b", "2"}}));
  EXPECT_FALSE(IsSentAs({{"a", "1"}}, {{"a", "2"}}));
  EXPECT_TRUE(IsSentAs({}, {}));
}

TEST(IsSentAsTest, OfAKeyFromTheEnvironmentOnlyTheKeyCounts) {
  EXPECT_TRUE(IsSentAs({{"aFromEnv", "VARIABLE"}}, {{"aFromEnv", "its value"}}));
  EXPECT_TRUE(IsSentAs({{"aFromEnv", "VARIABLE"}}, {})) << "KEDA leaves out an empty one";
  EXPECT_FALSE(IsSentAs({{"aFromEnv", "VARIABLE"}}, {{"a", "its value"}}));
  EXPECT_FALSE(IsSentAs({}, {{"aFromEnv", "made up"}}));
}

TEST(MatchTriggerTest, FindsTheTriggerAndItsMetricType) {
  const auto object = Object({{{{"gpuIndex", "0"}}, HpaMetricType::kAverageValue},
                              {{{"gpuIndex", "1"}}, HpaMetricType::kValue}});
  const auto match = MatchTrigger(Asked({{"gpuIndex", "1"}}), {object, nullptr});
  ASSERT_TRUE(match.ok()) << match.status();
  EXPECT_EQ(match->key, object->key);
  EXPECT_EQ(match->metric_type, HpaMetricType::kValue);
}

TEST(MatchTriggerTest, WhatKubernetesDoesNotKnowIsNotFound) {
  const auto none = MatchTrigger(Asked({}), {nullptr, nullptr});
  EXPECT_TRUE(absl::IsNotFound(none.status()));
  EXPECT_THAT(std::string(none.status().message()),
              AllOf(HasSubstr("default/web"), HasSubstr("--service-names")));
  const auto other =
      MatchTrigger(Asked({{"gpuIndex", "7"}}),
                   {Object({{{{"gpuIndex", "0"}}, HpaMetricType::kValue}}), nullptr});
  EXPECT_TRUE(absl::IsNotFound(other.status()));
  EXPECT_THAT(std::string(other.status().message()), HasSubstr("none of its triggers"));
}

TEST(MatchTriggerTest, EqualTriggersAreFineUnlessTheirMetricTypeDiffers) {
  const auto same = Object({{{}, HpaMetricType::kValue}, {{}, HpaMetricType::kValue}});
  EXPECT_TRUE(MatchTrigger(Asked({}), {same}).ok());
  const auto differing = Object({{{}, HpaMetricType::kValue}, {{}, HpaMetricType::kAverageValue}});
  const auto refused = MatchTrigger(Asked({}), {differing});
  EXPECT_TRUE(absl::IsInvalidArgument(refused.status()));
  EXPECT_THAT(std::string(refused.status().message()),
              AllOf(HasSubstr("0 (Value)"), HasSubstr("1 (AverageValue)")));
}

TEST(MatchTriggerTest, AnObjectAndAJobOfOneNameAndMetadataAreTooMany) {
  const auto object = Object({{{}, HpaMetricType::kValue}});
  const auto job = Object({{{}, HpaMetricType::kNone}}, ObjectKind::kScaledJob);
  const auto refused = MatchTrigger(Asked({}), {object, job});
  EXPECT_TRUE(absl::IsInvalidArgument(refused.status()));
  EXPECT_THAT(std::string(refused.status().message()),
              AllOf(HasSubstr("ScaledObject default/web"), HasSubstr("ScaledJob default/web")));
}

TEST(MatchTriggerTest, AHostileNameStaysShortAndOnOneLine) {
  auto asked = Asked({});
  asked.set_name(std::string(5000, 'x') + "\n");
  const std::string message(MatchTrigger(asked, {nullptr}).status().message());
  EXPECT_LT(message.size(), 800u);
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST(MatchTriggerTest, TriggersThatDifferInTheEnvironmentAloneCannotBeToldApart) {
  const Metadata one = {{"targetValueFromEnv", "A"}};
  for (const Metadata& other : {Metadata{{"targetValueFromEnv", "B"}}, Metadata{}}) {
    const auto object =
        Object({{one, HpaMetricType::kAverageValue}, {other, HpaMetricType::kAverageValue}});
    const auto match = MatchTrigger(Asked({{"targetValueFromEnv", "5"}}), {object, nullptr});
    EXPECT_TRUE(absl::IsInvalidArgument(match.status())) << match.status();
    EXPECT_THAT(std::string(match.status().message()), HasSubstr("metricName"));
    EXPECT_THAT(std::string(match.status().message()), ::testing::Not(HasSubstr("5")));
  }
  const auto equal =
      Object({{one, HpaMetricType::kAverageValue}, {one, HpaMetricType::kAverageValue}});
  EXPECT_TRUE(MatchTrigger(Asked({{"targetValueFromEnv", "5"}}), {equal, nullptr}).ok());
}

}  // namespace
}  // namespace kgs::scaler
