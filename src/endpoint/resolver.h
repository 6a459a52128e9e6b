// SPDX-License-Identifier: Apache-2.0
//
// From an endpoint's name to the addresses it may be fetched from: all that stand behind the name,
// each judged. One that is refused refuses the name, since the others are not the whole.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/thread.h"
#include "endpoint/address_guard.h"
#include "endpoint/ip_address.h"
#include "endpoint/url.h"

namespace kgs::endpoint {

using Addresses = std::vector<IpAddress>;

/// Every address of a name, in the order in which the system prefers them. May block for long.
using LookUp = std::function<absl::StatusOr<Addresses>(const std::string& host)>;

/// By the system's resolver. UNAVAILABLE where the name cannot be resolved. Blocks.
absl::StatusOr<Addresses> LookUpByDns(const std::string& host);

/// Of the addresses \p found those of one family, sorted, each once. A pod of a dual-stack Service
/// has an address of either family and must count once: the family with more addresses is the one
/// that misses no pod; of as many, that of the first.
Addresses OneFamily(const Addresses& found);

struct ResolveRequest {
  Url url;
  /// Of the object whose endpoint it is.
  std::string object_namespace;
  std::shared_ptr<const AddressGuard> guard;
};

/// PERMISSION_DENIED where the host is by its name another namespace's (cluster_name.h), whatever
/// is behind it: the addresses may be ones that nobody is known to own.
absl::Status JudgeName(const ResolveRequest& request);

/// PERMISSION_DENIED names the first of \p found that is refused, and why; or is JudgeName's,
/// unless the operator allows every one. What was found earlier is to be judged again before a
/// later use: who has an address changes.
absl::Status JudgeAll(const Addresses& found, const ResolveRequest& request);

/// Names that hang are a tenant's to make, so a namespace has one lookup at a time, and a name that
/// hung the last time waits behind all others: who asks for such names holds up himself.
class Resolver {
 public:
  /// Behind one name, of one family. Each is a page a round, and one name may not be everything
  /// that the fetcher can do at a time.
  static constexpr size_t kMostAddresses = 64;

  /// At least one address, of one family; or JudgeAll's refusal, or why there is none: UNAVAILABLE,
  /// DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED.
  using OnAddresses = std::function<void(const absl::StatusOr<Addresses>& addresses)>;

  struct Limits {
    /// Lookups at a time, each for another namespace. A name that hangs occupies one until the
    /// system gives up.
    size_t lookups = 4;
    /// Names that are waited for; more are refused.
    size_t names = 256;
    /// Of those the ones that objects of one namespace asked for first.
    size_t names_of_namespace = 64;
    /// From Resolve to the answer.
    base::Duration deadline = std::chrono::seconds(2);
  };

  Resolver(LookUp look_up, const base::Clock& clock, Limits limits);
  Resolver(LookUp look_up, const base::Clock& clock)
      : Resolver(std::move(look_up), clock, Limits()) {}
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  void Start();
  /// Ends the thread; no callback afterwards. Lookups that hang are left behind. Not from within a
  /// callback.
  void Stop();
  /// Any thread, callbacks too. \p on_addresses is called once, on the resolver's thread, where it
  /// must not block. A name that is being looked up already is not looked up a second time.
  void Resolve(ResolveRequest request, OnAddresses on_addresses);
  /// Has the resolver look at its clock. Any thread.
  void Wake();
  /// Any thread.
  base::ThreadHealth Health() const;

 private:
  class Loop;
  const std::unique_ptr<Loop> loop_;
};

}  // namespace kgs::endpoint
