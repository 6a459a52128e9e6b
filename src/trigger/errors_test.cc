// SPDX-License-Identifier: Apache-2.0
//
// What ParseTrigger refuses, and how it says so: error texts are what a KEDA user sees.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "trigger/keys.h"
#include "trigger/trigger.h"

namespace kgs::trigger {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// The error without the words it always begins with, or "accepted".
std::string Refused(const Metadata& metadata, UnknownKeys unknown_keys = UnknownKeys::kRefuse) {
  const auto parsed = ParseTrigger(metadata, unknown_keys);
  if (parsed.ok()) return "accepted";
  EXPECT_TRUE(absl::IsInvalidArgument(parsed.status()));
  const std::string message(parsed.status().message());
  EXPECT_LT(message.size(), 512u);
  constexpr std::string_view kBegin = "trigger metadata: ";
  EXPECT_THAT(message, StartsWith(std::string(kBegin)));
  return message.substr(kBegin.size());
}

struct Case {
  Metadata metadata;
  std::string error;
};

void ExpectErrors(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    EXPECT_EQ(Refused(c.metadata), c.error);
    EXPECT_EQ(Refused(c.metadata, UnknownKeys::kWarn), c.error);
  }
}

TEST(TriggerErrorsTest, EveryWrongNumberIsRefused) {
  struct Range {
    std::string key;
    std::string accepted;
    std::vector<std::string> wrong;
  };
  const std::vector<std::string> not_numbers = {
      "abc", " 80", "80 ",  "80%", "+80",  "8O",       "0x50",  "80,5",   "1e",   "--1",
      "nan", "NaN", "-nan", "inf", "-inf", "infinity", "1e999", "-1e999", "80 90"};
  std::vector<std::string> targets = {"0", "-0", "-1", "0.0009", "1e-400", "1000000000001", "1e13"};
  std::vector<std::string> thresholds = {"-1", "-0.0001", "1000000000001", "1e13"};
  std::vector<std::string> indexes = {"-2", "1024", "1.0", "1e1", "99999999999999999999"};
  std::vector<std::string> polls = {"0", "-1", "86401", "1.5", "10s", "99999999999999999999"};
  std::vector<std::string> holds = {"-1", "3601", "1.5", "30s"};
  std::vector<std::string> startups = {"0", "-1", "86401", "30m"};
  std::vector<std::string> shares = {"-0.1", "1.01", "50%"};
  std::vector<std::string> ports = {"0", "-1", "65536", "8000.0"};
  std::vector<std::string> intervals = {"199ms", "61s", "1m1ms", "1", "0s", "-1s"};
  for (auto* wrong :
       {&targets, &thresholds, &indexes, &polls, &holds, &startups, &shares, &ports, &intervals}) {
    wrong->insert(wrong->end(), not_numbers.begin(), not_numbers.end());
  }
  const std::vector<Range> ranges = {
      {"targetValue", "a number from 0.001 to 1e12", targets},
      {"targetGpuUtilization", "a number from 0.001 to 1e12", targets},
      {"targetMemoryUtilization", "a number from 0.001 to 1e12", targets},
      {"activationThreshold", "a number from 0 to 1e12", thresholds},
      {"gpuIndex", "an integer from -1 to 1023", indexes},
      {"pollIntervalSeconds", "an integer from 1 to 86400", polls},
      {"holdSeconds", "an integer from 0 to 3600", holds},
      {"startupSeconds", "an integer from 1 to 86400", startups},
      {"minCoverage", "a number from 0 to 1", shares},
      {"enginePort", "an integer from 1 to 65535", ports},
      {"engineScrapeInterval", "a duration from 200ms to 1m", intervals},
  };
  for (const Range& range : ranges) {
    for (const std::string& value : range.wrong) {
      EXPECT_EQ(Refused({{range.key, value}}),
                range.key + " \"" + value + "\": must be " + range.accepted);
    }
  }
}

TEST(TriggerErrorsTest, EveryWrongMetricNameIsRefused) {
  for (const std::string& name :
       {std::string("."), std::string(".."), std::string("a/b"), std::string("a%20b"),
        std::string("a b"), std::string("a?b"), std::string("a#b"), std::string("m\xc3\xa9"),
        std::string("a\nb"), std::string("a\0b", 3), std::string(129, 'x')}) {
    EXPECT_THAT(Refused({{"metricName", name}}),
                EndsWith(": must be 1 to 128 letters, digits, '-', '_', '.' or ':', and not '.' "
                         "or '..'"))
        << name;
  }
  EXPECT_THAT(Refused({{"metricName", "a\nb\""}}), StartsWith("metricName \"a?b?\": must be"));
  EXPECT_THAT(Refused({{"metricName", std::string(10000, '/')}}),
              StartsWith("metricName \"" + std::string(64, '/') + "...\": must be"));
}

TEST(TriggerErrorsTest, EveryWrongLabelIsRefused) {
  for (const std::string& label :
       {std::string("/"), std::string("a/"), std::string("/a"), std::string("a/b/c"),
        std::string("-a"), std::string("a-"), std::string("a b"), std::string("a:b"),
        std::string("m\xc3\xa9"), std::string(64, 'x'), std::string(254, 'x') + "/a"}) {
    EXPECT_THAT(Refused({{"replicaLabel", label}}),
                AllOf(StartsWith("replicaLabel \""), HasSubstr(": must be a label's key such as")))
        << label;
  }
}

TEST(TriggerErrorsTest, WrongWordsAreRefusedWithTheListAndAHint) {
  const std::string profiles =
      ": must be one of vllm-inference, triton-inference, training, distributed-training, batch, "
      "ollama, tgi-inference, vllm-queue-depth, vllm-kv-cache, triton-queue-wait, "
      "triton-request-rate, sglang, tgi-queue, llm";
  const std::string metrics =
      ": must be one of gpu_utilization, memory_utilization, memory_used_mib, "
      "memory_used_percent, temperature, power_draw, sm_utilization, sm_occupancy, "
      "tensor_utilization, dram_bandwidth_utilization, pcie_tx_kbps, pcie_rx_kbps, nvlink_tx_mbps, "
      "nvlink_rx_mbps, the metric of an engine such as vllm_demand (docs/engines.md), or "
      "prometheus";
  const std::string aggregations = ": must be one of max, min, avg, sum, p95, p99";
  const std::string kedas = " (KEDA's metricType stands beside metadata, not in it)";
  ExpectErrors({
      {{{"profile", "vlm-inference"}},
       "profile \"vlm-inference\"" + profiles + " (did you mean \"vllm-inference\"?)"},
      {{{"profile", "Training"}},
       "profile \"Training\"" + profiles + " (did you mean \"training\"?)"},
      {{{"profile", "default"}}, "profile \"default\"" + profiles},
      {{{"metricType", "gpu_utilisation"}},
       "metricType \"gpu_utilisation\"" + metrics + " (did you mean \"gpu_utilization\"?)"},
      {{{"metricType", "gpu_utilization "}},
       "metricType \"gpu_utilization \"" + metrics + " (did you mean \"gpu_utilization\"?)"},
      {{{"metricType", "memory_total_mib"}},
       "metricType \"memory_total_mib\"" + metrics + " (did you mean \"memory_used_mib\"?)"},
      {{{"metricType", "vllm_queue_deph"}},
       "metricType \"vllm_queue_deph\"" + metrics + " (did you mean \"vllm_queue_depth\"?)"},
      {{{"metricType", "AverageValue"}}, "metricType \"AverageValue\"" + metrics + kedas},
      {{{"metricType", "Value"}}, "metricType \"Value\"" + metrics + kedas},
      {{{"metricType", "Utilization"}}, "metricType \"Utilization\"" + metrics + kedas},
      {{{"aggregation", "Max"}}, "aggregation \"Max\"" + aggregations + " (did you mean \"max\"?)"},
      {{{"aggregation", "median"}}, "aggregation \"median\"" + aggregations},
  });
}

TEST(TriggerErrorsTest, EveryEmptyValueIsRefused) {
  for (const Key& key : Keys()) {
    const std::string name(key.name);
    EXPECT_EQ(Refused({{name, ""}}), name + " is empty: must be " + key.accepted());
    EXPECT_EQ(Refused({{name + "FromEnv", ""}}),
              name + "FromEnv (value from the environment, not shown): must be " + key.accepted());
  }
}

TEST(TriggerErrorsTest, BothFormsOfAKeyAreRefused) {
  for (const Key& key : Keys()) {
    const std::string name(key.name);
    const std::string env_name = name + "FromEnv";
    EXPECT_THAT(Refused({{name, "1"}, {env_name, "1"}}),
                AllOf(StartsWith(name + " and "),
                      HasSubstr(" and " + env_name + " are both given: give one of them")));
  }
}

TEST(TriggerErrorsTest, UnknownKeysAreRefusedWithAHint) {
  const auto refused = [](const std::string& key) { return Refused({{key, "secret"}}); };
  EXPECT_EQ(refused("targetvalue"), "unknown key \"targetvalue\" (did you mean \"targetValue\"?)");
  EXPECT_EQ(refused("Profile"), "unknown key \"Profile\" (did you mean \"profile\"?)");
  EXPECT_EQ(refused("gpuIndxFromEnv"),
            "unknown key \"gpuIndxFromEnv\" (did you mean \"gpuIndexFromEnv\"?)");
  EXPECT_EQ(refused("queueLength"), "unknown key \"queueLength\"");
  EXPECT_EQ(refused("queueLengthFromEnv"), "unknown key \"queueLengthFromEnv\"");
  EXPECT_EQ(refused("FromEnv"), "unknown key \"FromEnv\"");
  EXPECT_EQ(refused("profileFromEnvFromEnv"), "unknown key \"profileFromEnvFromEnv\"");
  EXPECT_EQ(refused(""), "unknown key \"\"");
  EXPECT_EQ(refused("a\n\"b"), "unknown key \"a??b\"");
}

TEST(TriggerErrorsTest, AuthenticationParametersAreRefusedWhateverThePolicy) {
  std::vector<Case> cases;
  for (const std::string key : {"caCert", "tlsClientCert", "tlsClientKey"}) {
    for (const std::string& form : {key, key + "FromEnv"}) {
      cases.push_back({{{form, "-----BEGIN PRIVATE KEY-----"}},
                       form + " belongs in a TriggerAuthentication, not in trigger metadata"});
    }
  }
  ExpectErrors(cases);
}

TEST(TriggerErrorsTest, ContradictionsAreRefused) {
  ExpectErrors({
      {{{"targetGpuUtilization", "70"}, {"targetMemoryUtilization", "70"}},
       "targetGpuUtilization and targetMemoryUtilization scale on different metrics: give one of "
       "them"},
      {{{"targetGpuUtilizationFromEnv", "70"}, {"targetMemoryUtilization", "70"}},
       "targetGpuUtilizationFromEnv and targetMemoryUtilization scale on different metrics: give "
       "one of them"},
      {{{"targetGpuUtilization", "70"}, {"metricType", "memory_used_percent"}},
       "targetGpuUtilization \"70\" scales on gpu_utilization, not on metricType "
       "\"memory_used_percent\": give one of them"},
      {{{"targetMemoryUtilization", "70"}, {"metricType", "memory_utilization"}},
       "targetMemoryUtilization \"70\" scales on memory_used_percent, not on metricType "
       "\"memory_utilization\": give one of them"},
      {{{"targetMemoryUtilization", "70"}, {"targetValue", "71"}},
       "targetMemoryUtilization \"70\" and targetValue \"71\" are different targets: give one of "
       "them"},
      {{{"targetGpuUtilizationFromEnv", "70"}, {"targetValueFromEnv", "71"}},
       "targetGpuUtilizationFromEnv (value from the environment, not shown) and "
       "targetValueFromEnv (value from the environment, not shown) are different targets: give "
       "one of them"},
      {{{"profile", "batch"}, {"targetGpuUtilization", "70"}, {"targetValue", "71"}},
       "targetGpuUtilization \"70\" and targetValue \"71\" are different targets: give one of "
       "them"},
  });
}

TEST(TriggerErrorsTest, ATargetIsNeverGuessed) {
  std::vector<Case> cases;
  for (const std::string metric : {"memory_used_mib", "temperature", "power_draw"}) {
    cases.push_back(
        {{{"metricType", metric}, {"activationThreshold", "1"}},
         "metricType \"" + metric + "\" needs targetValue: the default target is in percent"});
    cases.push_back(
        {{{"profile", "batch"}, {"metricType", metric}, {"activationThreshold", "1"}},
         "metricType \"" + metric + "\" needs targetValue: the profile's target is in percent"});
  }
  cases.push_back({{{"profileFromEnv", "training"}, {"metricTypeFromEnv", "temperature"}},
                   "metricTypeFromEnv (value from the environment, not shown) needs targetValue: "
                   "the profile's target is in percent"});
  ExpectErrors(cases);
}

TEST(TriggerErrorsTest, AThresholdOfAnotherUnitIsNeverGuessed) {
  ExpectErrors({
      {{{"profile", "vllm-inference"}, {"metricType", "power_draw"}, {"targetValue", "300"}},
       "metricType \"power_draw\" needs activationThreshold: the profile's threshold is in "
       "another unit"},
      {{{"profile", "batch"}, {"metricType", "memory_used_mib"}},
       "metricType \"memory_used_mib\" needs targetValue: the profile's target is in percent; "
       "metricType \"memory_used_mib\" needs activationThreshold: the profile's threshold "
       "is in another unit"},
  });
}

TEST(TriggerErrorsTest, NothingFollowsFromAKeyThatIsWrongItself) {
  const std::vector<Metadata> one_error = {
      {{"metricType", "temperature"}, {"targetValue", "hot"}},
      {{"profile", "vllm"}, {"metricType", "temperature"}},
      {{"profile", "vllm-inference"}, {"metricType", "heat"}},
      {{"profile", "batch"},
       {"metricType", "power_draw"},
       {"targetValue", "1"},
       {"activationThreshold", "x"}},
      {{"targetGpuUtilization", "x"}, {"targetValue", "80"}},
      {{"targetGpuUtilization", "70"}, {"metricType", "x"}, {"targetValue", "70"}},
  };
  for (const Metadata& metadata : one_error) {
    EXPECT_THAT(Refused(metadata), Not(HasSubstr(";"))) << Refused(metadata);
    EXPECT_THAT(Refused(metadata), HasSubstr(": must be "));
  }
}

TEST(TriggerErrorsTest, AllErrorsAreListedCausesFirst) {
  EXPECT_EQ(Refused({{"pollIntervalSeconds", "0"},
                     {"agregation", "p95"},
                     {"tlsClientKey", "secret"},
                     {"gpuIndex", "-2"},
                     {"metricType", "temperature"}}),
            "gpuIndex \"-2\": must be an integer from -1 to 1023; "
            "pollIntervalSeconds \"0\": must be an integer from 1 to 86400; "
            "unknown key \"agregation\" (did you mean \"aggregation\"?); "
            "tlsClientKey belongs in a TriggerAuthentication, not in trigger metadata; "
            "metricType \"temperature\" needs targetValue: the default target is in percent");
}

TEST(TriggerErrorsTest, TooMuchMetadataIsNotRead) {
  Metadata metadata;
  for (int i = 0; i < 129; ++i) metadata["key" + std::to_string(i)] = "secret";
  EXPECT_EQ(ParseTrigger(metadata, UnknownKeys::kWarn).status(),
            absl::ResourceExhaustedError(
                "trigger metadata: 129 keys, at most 128 are read (--max-metadata-keys)"));
  EXPECT_EQ(BeyondLimit(metadata, {}), telemetry::Limit::kMetadataKeys);
  metadata.erase("key0");
  EXPECT_TRUE(ParseTrigger(metadata, UnknownKeys::kWarn).ok());
  EXPECT_EQ(BeyondLimit(metadata, {}), std::nullopt);

  ParseOptions options;
  options.most_value_bytes = 100;
  for (const Metadata& longer : {Metadata{{"metricName", std::string(101, 'x')}},
                                 Metadata{{std::string(101, 'x'), "value"}}}) {
    EXPECT_EQ(ParseTrigger(longer, options).status(),
              absl::ResourceExhaustedError("trigger metadata: a key or value of more than 100 "
                                           "bytes (--max-metadata-value-bytes)"));
    EXPECT_EQ(BeyondLimit(longer, options), telemetry::Limit::kMetadataValueBytes);
  }
}

TEST(TriggerErrorsTest, ErrorsThatDoNotFitAreCounted) {
  Metadata metadata = {{"gpuIndex", "x"}};
  for (int i = 0; i < 100; ++i) {
    metadata[std::to_string(i) + std::string(1000, 'k')] = std::string(1000, 'v');
  }
  const std::string error = Refused(metadata);
  EXPECT_THAT(error, StartsWith("gpuIndex \"x\": must be an integer from -1 to 1023; unknown key"));
  EXPECT_THAT(error, EndsWith("; and 96 more"));
  EXPECT_THAT(error, Not(HasSubstr("vvv")));
  EXPECT_EQ(Refused(metadata), error);

  Metadata all_wrong;
  for (const Key& key : Keys()) all_wrong[std::string(key.name)] = std::string(1000, '/');
  EXPECT_THAT(Refused(all_wrong), EndsWith(" more"));
}

TEST(TriggerErrorsTest, ErrorsAreWholeUpToTheLimit) {
  // Whatever the lengths, an error is said whole or counted.
  for (size_t length = 1; length < 80; ++length) {
    Metadata metadata;
    for (char c = 'A'; c < 'K'; ++c) metadata[std::string(length, c)] = "";
    const std::string error = Refused(metadata);
    EXPECT_THAT(error, Not(HasSubstr("....")));
    EXPECT_TRUE(error.ends_with("\"") || error.ends_with(" more")) << error;
  }
}

/// Metadata of every kind of error that \p env_value, given to every FromEnv key, takes part in.
std::vector<Metadata> WithEnvironmentValue(const std::string& env_value) {
  std::vector<Metadata> all;
  for (const Key& key : Keys()) {
    const std::string name(key.name);
    const std::string env_key = name + "FromEnv";
    all.push_back({{env_key, env_value}});
    all.push_back({{env_key, env_value}, {name, "x"}});
    all.push_back({{env_key, env_value}, {"gpuIndex", "x"}});
    all.push_back({{env_key, env_value}, {"metricType", "temperature"}});
    all.push_back({{env_key, env_value}, {"targetGpuUtilization", "70"}});
    all.push_back({{env_key, env_value}, {"targetValue", "71"}});
    all.push_back({{env_key, env_value}, {"profile", "training"}});
  }
  all.push_back({{"queueLengthFromEnv", env_value}});
  all.push_back({{"tlsClientKeyFromEnv", env_value}});
  return all;
}

TEST(TriggerErrorsTest, ValuesFromTheEnvironmentNeverAppear) {
  // Each would bring a hint, a list or a comparison if it were given in plain.
  for (const std::string value :
       {"31.415", "hunter2-secret", "vlm-inferenc", "averageValueX", "p9x"}) {
    for (const Metadata& metadata : WithEnvironmentValue(value)) {
      for (const UnknownKeys policy : {UnknownKeys::kRefuse, UnknownKeys::kWarn}) {
        const auto parsed = ParseTrigger(metadata, policy);
        EXPECT_THAT(std::string(parsed.status().message()), Not(HasSubstr(value)));
        if (!parsed.ok()) continue;
        for (const std::string& warning : parsed->warnings) {
          EXPECT_THAT(warning, Not(HasSubstr(value)));
        }
      }
    }
  }
}

TEST(TriggerErrorsTest, WrongValuesFromTheEnvironmentAllReadTheSame) {
  // No hint, length or kind of the value shows through.
  const std::vector<std::string> wrong = {"",     "AverageValue", "vlm-inference",
                                          "maxx", "-7\n",         std::string(500, '/')};
  for (const Key& key : Keys()) {
    const std::string env_key = std::string(key.name) + "FromEnv";
    const std::string first = Refused({{env_key, "? ?"}});
    EXPECT_THAT(first, HasSubstr("(value from the environment, not shown)"));
    for (const std::string& value : wrong) {
      Settings settings;
      // A valid name, or label, or HPA metric type.
      if (key.read(Entry{env_key, value, true}, settings)) continue;
      EXPECT_EQ(Refused({{env_key, value}}), first);
    }
  }
}

}  // namespace
}  // namespace kgs::trigger
