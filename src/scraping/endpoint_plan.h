// SPDX-License-Identifier: Apache-2.0
//
// From what triggers want of endpoints to what is read of each. Pure.
#pragma once

#include <compare>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "endpoint/url.h"
#include "engine/page_query.h"
#include "model/engine_query.h"
#include "model/engine_reading.h"

namespace kgs::scraping {

/// What one trigger asks of one endpoint.
struct EndpointTarget {
  endpoint::Url url;
  /// Of the object whose trigger it is: who may be asked depends on it.
  std::string object_namespace;
  /// Of endpoint::NamedEndpoints; empty for none.
  std::string credential;
  /// Their port and path say nothing: the URL has them.
  std::vector<model::EngineQuery> queries;
  /// Asked on its own, whatever else is read there: engines cannot bear the pace of what wakes.
  bool wakes = false;

  bool operator==(const EndpointTarget&) const = default;
};

/// Endpoints that are asked once for all triggers that want them. What one namespace may read says
/// nothing of another, nor what is read with a credential of what is read without. The URL's query
/// may be secret: not for messages.
struct EndpointKey {
  std::string url;
  std::string object_namespace;
  std::string credential;
  bool wakes = false;

  auto operator<=>(const EndpointKey&) const = default;
};
EndpointKey KeyOf(const EndpointTarget& target);

/// What is read of each page behind an endpoint in one pass.
struct EndpointPlan {
  endpoint::Url url;
  std::string object_namespace;
  std::string credential;
  /// EngineQuery::Key of each of the query's wanted(), in order.
  std::vector<std::string> keys;
  std::shared_ptr<const engine::PageQuery> query;
  /// By query key: why it cannot be read.
  std::map<std::string, std::string> refused;
  /// The shortest that is wanted, but not below what the engine can bear.
  base::Duration interval{};
  /// Of each page.
  base::Duration timeout{};
};

std::map<EndpointKey, EndpointPlan> PlanEndpoints(const std::vector<EndpointTarget>& targets);

/// How old a reading may be and still be fresh: three rounds, at least 3 s, and an answer that
/// takes its time.
base::Duration MaxAge(const EndpointPlan& plan);

/// What one address behind an endpoint says.
struct AddressReading {
  /// "http://gateway:9090/metrics at 10.0.0.7", for messages.
  std::string where;
  model::EngineReading reading;
};

/// One value of \p all, which is not empty, as of \p asked: the sum where \p demand, else the
/// largest. An engine that sleeps is left out, and one where nothing happened is no load beside
/// others; where none says more, that is what they say together. Any other that has no value leaves
/// the whole without: the first that is worst names the reason.
model::EngineReading CombineAddresses(bool demand, const std::vector<AddressReading>& all,
                                      base::SteadyTime asked);

}  // namespace kgs::scraping
