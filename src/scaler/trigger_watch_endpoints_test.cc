// SPDX-License-Identifier: Apache-2.0
//
// Triggers that ask somebody else than the pods.
#include <gtest/gtest.h>

#include "scaler/trigger_watch_fixture.h"

namespace kgs::scaler {
namespace {

using namespace std::chrono_literals;

TEST_F(TriggerWatchTest, AnEndpointSpeaksForTheWorkload) {
  const Metadata metadata = {{"metricType", "vllm_kv_cache_usage"},
                             {"targetValue", "80"},
                             {"engineEndpoint", "http://gw:9090"},
                             {"endpointAuth", "gateway"}};
  PutWorkload(metadata);
  PutPodWithAddress();
  spec_ = trigger::ParseTrigger(metadata, trigger::UnknownKeys::kRefuse).value().main();
  EXPECT_EQ(Decide().branch, decision::Branch::kBlindHeld) << "it has not been asked yet";
  triggers_.Turn();
  EXPECT_TRUE(scrapes_.empty()) << "no agent asks for it";
  ASSERT_EQ(endpoints_.size(), 1);
  EXPECT_EQ(endpoints_[0].url.Text(), "http://gw:9090/metrics");
  EXPECT_EQ(endpoints_[0].object_namespace, "default");
  EXPECT_EQ(endpoints_[0].credential, "gateway");
  EXPECT_EQ(endpoints_[0].queries, trigger::EndpointQueriesOf(spec_));
  endpoint_values_[spec_.engine->key] = 90;
  EXPECT_EQ(*Decide().value, 90);
  EXPECT_EQ(Decide().inputs[0].name, "endpoint http://gw:9090/metrics");
  // Idle, but for its requests.
  endpoint_values_[spec_.engine->key] = 0;
  endpoint_values_[spec_.engine_load->key] = 1;
  for (int i = 0; i < 70; ++i) {
    clock_.Advance(1s);
    triggers_.Turn();
  }
  EXPECT_TRUE(*Decide().active);
  endpoint_values_[spec_.engine_load->key] = 0;
  for (int i = 0; i < 61; ++i) {
    clock_.Advance(1s);
    triggers_.Turn();
  }
  EXPECT_FALSE(*Decide().active) << "it was watched without being asked for";
  problem_ = "the API server is out of reach";
  EXPECT_EQ(Decide().branch, decision::Branch::kNoWorkload);
  kubernetes_.RemoveObject(key_);
  triggers_.Turn();
  EXPECT_TRUE(endpoints_.empty()) << "nothing is asked any more, and that is said";
}

TEST_F(TriggerWatchTest, AnEndpointFromTheEnvironmentIsAskedOnceKedaHasSaidIt) {
  PutWorkload(
      {{"metricType", "vllm_demand"}, {"targetValue", "16"}, {"engineEndpointFromEnv", "GATEWAY"}});
  triggers_.Turn();
  EXPECT_EQ(endpoints_said_, 1);
  EXPECT_TRUE(endpoints_.empty());
  spec_ = trigger::ParseTrigger({{"metricType", "vllm_demand"},
                                 {"targetValue", "16"},
                                 {"engineEndpointFromEnv", "http://gw:9090"}},
                                trigger::UnknownKeys::kRefuse)
              .value()
              .main();
  Decide();
  triggers_.Turn();
  ASSERT_EQ(endpoints_.size(), 1);
  endpoint_values_[spec_.engine->key] = 33;
  EXPECT_EQ(*Decide().value, 33);
  EXPECT_EQ(Decide().inputs[0].name, "endpoint") << "where it is came from the environment";
  // Anybody may have made it up: what is not asked again is forgotten.
  clock_.Advance(119s);
  triggers_.Turn();
  EXPECT_EQ(endpoints_.size(), 1);
  clock_.Advance(2s);
  triggers_.Turn();
  EXPECT_TRUE(endpoints_.empty());
}

TEST_F(TriggerWatchTest, WhatWakesIsAskedOftenWhileThereAreNoReplicas) {
  const Metadata metadata = {{"wakeEndpoint", "http://epp:9090"}, {"wakeSource", "epp"}};
  PutWorkload(metadata);
  spec_ = trigger::ParseTrigger(metadata, trigger::UnknownKeys::kRefuse).value().main();
  triggers_.Turn();
  ASSERT_EQ(endpoints_.size(), 1);
  EXPECT_EQ(endpoints_[0].url.Text(), "http://epp:9090/metrics");
  EXPECT_EQ(endpoints_[0].object_namespace, "default");
  ASSERT_EQ(endpoints_[0].queries.size(), 1);
  EXPECT_EQ(endpoints_[0].queries[0].interval, 2s);
  PutWorkload(metadata, "uid", 0);
  triggers_.Turn();
  EXPECT_EQ(endpoints_.at(0).queries.at(0).interval, 200ms);
  EXPECT_EQ(*Decide().value, 0);
  EXPECT_EQ(Decide().active.status().code(), absl::StatusCode::kUnavailable) << "not asked yet";
  wake_ = engine::WakeState::kNone;
  EXPECT_FALSE(*Decide().active);
  wake_ = engine::WakeState::kDemand;
  EXPECT_TRUE(*Decide().active);
  EXPECT_EQ(*Decide().value, 0);
}

}  // namespace
}  // namespace kgs::scaler
