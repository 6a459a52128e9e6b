// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/thread.h"
#include "http/page.h"

namespace kgs::http {

/// /healthz: 200 while every loop turns, 503 when one is older than its limit. The body is JSON,
/// {"status":"ok"|"stuck","threads":[{"name","age_seconds","limit_seconds","stuck","doing"}]}.
Page HealthzPage(const std::vector<base::ThreadHealth>& threads);

/// /readyz: 200 {"status":"ready"} or 503 {"status":"not ready","reason":\p why_not}. \p why_not is
/// empty when ready. \p why_blind is shown in "blind" where not empty, and does not make it
/// unready: a blind scaler stays reachable so that KEDA gets our reason instead of a refused
/// connection.
Page ReadyzPage(const std::string& why_not, const std::string& why_blind);

}  // namespace kgs::http
