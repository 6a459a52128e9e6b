// SPDX-License-Identifier: Apache-2.0
//
// One fetch of one page, read while it arrives.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "endpoint/fetcher.h"
#include "endpoint/ip_address.h"
#include "endpoint/named_endpoints.h"
#include "endpoint/url.h"
#include "engine/page_query.h"
#include "engine/page_reading.h"

namespace kgs::scraping {

struct FetchedPage {
  /// When it was asked for.
  base::SteadyTime asked;
  /// Or why there is none, in words that do not change from poll to poll and have nothing of the
  /// page in them.
  absl::StatusOr<engine::PageReading> page;
  /// Read of it, unpacked.
  size_t bytes = 0;
};
using OnPage = std::function<void(FetchedPage)>;

/// What is asked of whom.
struct PageRequest {
  endpoint::Url url;
  /// Judged before.
  endpoint::IpAddress address;
  std::shared_ptr<const engine::PageQuery> query;
  base::Duration timeout{};
  /// Secret.
  endpoint::Credential credential = {};
};

/// \p asked is now; \p now_unix_ms is what the page's own timestamps are compared with. \p on_page
/// is called once, on the fetcher's thread.
void FetchPage(endpoint::Fetcher& fetcher, PageRequest page, base::SteadyTime asked,
               int64_t now_unix_ms, OnPage on_page);

}  // namespace kgs::scraping
