// SPDX-License-Identifier: Apache-2.0
//
// The pages of an engine behind a URL: one for each address of its name, read as the scraper reads
// them.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "base/clock.h"
#include "cli/engine_page.h"
#include "endpoint/fetcher.h"
#include "endpoint/ip_address.h"
#include "endpoint/named_endpoints.h"
#include "endpoint/resolver.h"
#include "endpoint/url.h"
#include "engine/dialect.h"

namespace kgs::cli {

/// What it asks with.
struct EngineUrlParts {
  endpoint::LookUp look_up;
  endpoint::Fetcher& fetcher;
  const base::Clock& clock;
  /// Unix time in milliseconds: what the pages' own timestamps are compared with.
  std::function<int64_t()> unix_now;
  std::function<void(base::Duration)> wait;
};

struct EngineUrlRequest {
  endpoint::Url url;
  /// Null: the engine whose names a page has.
  const engine::Dialect* chosen = nullptr;
  /// From the first page to the second. 0: there is one, and no value of what grows.
  base::Duration interval{};
  /// Of each page.
  base::Duration timeout{};
  endpoint::Credential credential = {};
};

/// What one address says.
struct AddressPage {
  endpoint::IpAddress address;
  /// An error begins with the URL and the address. Nothing of the page is in it.
  absl::StatusOr<EnginePage> page;
  /// Of the last answer; 0 where there was none.
  int http_status = 0;

  /// Whether something else answers there than the metrics page of an engine that is known.
  bool IsOtherPage() const;
};

struct EngineUrlPages {
  /// At least one, by address.
  std::vector<AddressPage> pages;
  /// Addresses of the other family, where none of them answered.
  std::vector<AddressPage> passed_over;
};

/// Asks all addresses side by side, and twice where a page has what grows. Those of one family, as
/// a hub does; where none of these answers, those of the other: a name of this machine often has
/// both, and a server listens on one. UNAVAILABLE or RESOURCE_EXHAUSTED where the name has no
/// addresses, or too many. Blocks.
absl::StatusOr<EngineUrlPages> ReadEngineUrl(const EngineUrlParts& parts,
                                             const EngineUrlRequest& request);

}  // namespace kgs::cli
