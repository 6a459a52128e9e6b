// SPDX-License-Identifier: Apache-2.0
//
// The dialects, a file each, and what they have in common.
#pragma once

#include "engine/dialect.h"

namespace kgs::engine {

const Dialect& Vllm();
const Dialect& Sglang();
const Dialect& Tgi();
const Dialect& Triton();
const Dialect& Trtllm();
const Dialect& Dynamo();
const Dialect& Llamacpp();

// Gateways.
const Dialect& Epp();
const Dialect& KedaHttp();
const Dialect& Envoy();

/// What lives at zero replicas is asked so often while it is to wake something.
inline constexpr base::Duration kGatewayInterval = std::chrono::milliseconds(200);

/// A number of requests: the sum over the series of the first name that the page has.
inline Term Requests(std::vector<SeriesName> first_of) {
  return {.first_of = std::move(first_of), .least = 0};
}

/// A share from 0 to 1 of a cache, in percent: the fullest counts.
inline Term CacheShare(std::vector<SeriesName> first_of) {
  return {.first_of = std::move(first_of),
          .combine = Combine::kMax,
          .scale = 100,
          .least = 0,
          .most = 1};
}

/// The 95th percentile, in milliseconds, of a histogram in seconds.
inline Term P95Milliseconds(std::vector<SeriesName> first_of) {
  return {.first_of = std::move(first_of),
          .kind = SeriesKind::kQuantile,
          .quantile = 0.95,
          .scale = 1000};
}

inline Signal RequestsSignal(std::string name, std::vector<Term> terms, WhenAbsent absent,
                             std::string help) {
  return {std::move(name), "requests", true, std::move(terms), absent, std::move(help)};
}

inline Signal RateSignal(std::string name, std::vector<Term> terms, WhenAbsent absent,
                         std::string help) {
  return {std::move(name), "per second", true, std::move(terms), absent, std::move(help)};
}

inline Signal PercentSignal(std::string name, std::vector<Term> terms, WhenAbsent absent,
                            std::string help) {
  return {std::move(name), "percent", false, std::move(terms), absent, std::move(help)};
}

inline Signal MillisecondsSignal(std::string name, std::vector<Term> terms, WhenAbsent absent,
                                 std::string help) {
  return {std::move(name), "ms", false, std::move(terms), absent, std::move(help)};
}

/// A counter that moves with each request.
inline Term Moves(std::vector<SeriesName> first_of) {
  return {.first_of = std::move(first_of), .kind = SeriesKind::kCounter};
}

/// Dialect::wake of the dialect \p name.
inline Signal WakeSignal(const std::string& name, std::vector<Term> terms, WhenAbsent absent,
                         std::string help) {
  return {name + "_wake", "requests", true, std::move(terms), absent, std::move(help)};
}

inline Term Subtracted(Term term) {
  term.subtracted = true;
  return term;
}

}  // namespace kgs::engine
