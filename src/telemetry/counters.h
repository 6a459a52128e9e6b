// SPDX-License-Identifier: Apache-2.0
//
// What the program counts about itself, one struct a module. Written where things happen, read by
// http/metrics_page. All members are atomic: any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kgs::telemetry {

/// Never decreases.
class Counter {
 public:
  void Add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

/// Counts of durations in fixed buckets.
class DurationHistogram {
 public:
  /// Upper bounds in seconds; one more bucket above the last is implied.
  static constexpr std::array<double, 10> kBounds = {0.0005, 0.001, 0.0025, 0.005, 0.01,
                                                     0.025,  0.05,  0.1,    0.5,   1};
  void Observe(double seconds);
  /// Per bucket, not cumulative; the last is above every bound.
  uint64_t bucket(size_t i) const { return buckets_[i].value(); }
  double sum_seconds() const { return sum_.load(std::memory_order_relaxed); }

 private:
  std::array<Counter, kBounds.size() + 1> buckets_;
  std::atomic<double> sum_{0};
};

struct SamplingCounters {
  /// Rounds over all devices.
  Counter collections;
  /// Rounds in which a device or metric that should have answered did not.
  Counter collection_errors;
  /// From asking the first device to the last answer of the round.
  DurationHistogram collection_duration;
  /// Sessions opened with a driver, the first included.
  Counter driver_opens;
};

/// What is limited by a flag each (--max-...), so that nobody takes what is everybody's.
enum class Limit {
  kRequestBytes,
  kMetadataKeys,
  kMetadataValueBytes,
  kStreams,
  kStreamsPerPeer,
  kObjects,
  kAgents,
  kReportBytes,
  kReportRate,
  kDecisionHistory
};
inline constexpr std::array<std::string_view, 10> kLimitNames = {
    "request_bytes", "metadata_keys", "metadata_value_bytes", "streams",     "streams_per_peer",
    "objects",       "agents",        "report_bytes",         "report_rate", "decision_history"};

/// What was beyond a limit: refused, or of the history forgotten.
struct LimitCounters {
  /// By Limit.
  std::array<Counter, kLimitNames.size()> exceeded;

  void Add(Limit limit) { exceeded[static_cast<size_t>(limit)].Add(); }
  uint64_t value(Limit limit) const { return exceeded[static_cast<size_t>(limit)].value(); }
};

/// The RPCs of externalscaler.ExternalScaler.
enum class Method { kIsActive, kStreamIsActive, kGetMetricSpec, kGetMetrics, kStreamMetricSpec };
inline constexpr std::array<std::string_view, 5> kMethodNames = {
    "IsActive", "StreamIsActive", "GetMetricSpec", "GetMetrics", "StreamMetricSpec"};

struct ScalerCounters {
  /// By Method.
  std::array<Counter, kMethodNames.size()> requests;
  /// Requests that ended in an error status.
  std::array<Counter, kMethodNames.size()> errors;
  std::atomic<int64_t> open_streams{0};
  /// Of the whole process.
  LimitCounters limits;
};

/// The agent's questions to the kubelet.
struct PodResourcesCounters {
  Counter listings;
  /// Of them those without an answer.
  Counter failures;
};

/// The agent's questions to the engines of its pods.
struct ScrapeCounters {
  /// Pages asked for, and answered or given up.
  Counter scrapes;
  /// Of them those that could not be had or read.
  Counter failures;
  DurationHistogram duration;
};

/// The hub's questions to endpoints that triggers name.
struct EndpointCounters {
  /// Each address is a page.
  ScrapeCounters pages;
  /// Of names to their addresses.
  Counter lookups;
  /// Of them those without an answer, or with an address that is refused.
  Counter lookup_failures;
};

/// The hub's questions to the API server whose an agent's token is.
struct TokenReviewCounters {
  /// Tokens asked about, and answered or given up.
  Counter reviews;
  /// Of them those without an answer.
  Counter failures;
  /// Tokens whose answer was still known.
  Counter cached;
};

/// The agent's streams to the hubs.
struct PublisherCounters {
  Counter reports;
  /// Of them those sent before their time, since a value of GPUs or of an engine crossed what a hub
  /// waits for.
  Counter crossings;
  /// Streams that ended without being asked to.
  Counter stream_failures;
  std::atomic<int64_t> open_streams{0};
};

/// Why an agent's stream is not let in, or no longer.
enum class RefusalReason {
  /// Its token is none, or of another audience, or has expired.
  kUnauthenticated,
  /// Its token is not of an agent, or of another node.
  kPermissionDenied,
  /// Nobody could say what its token is worth.
  kUnavailable
};
inline constexpr std::array<std::string_view, 3> kRefusalReasonNames = {
    "unauthenticated", "permission_denied", "unavailable"};

/// The hub's streams from agents.
struct ReceiverCounters {
  Counter reports;
  Counter report_bytes;
  /// Reports that contradicted themselves; each ended its stream.
  Counter refused_reports;
  /// Agents that were asked to list their pods.
  Counter list_requests;
  /// Streams that were not let in, by RefusalReason.
  std::array<Counter, kRefusalReasonNames.size()> refusals;
  std::atomic<int64_t> open_streams{0};
};

}  // namespace kgs::telemetry
