// SPDX-License-Identifier: Apache-2.0
//
// The values of metadata keys about engines and endpoints: what each is read as (nothing where it
// is not accepted), how the accepted ones are said, and what may be wrong with another.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "endpoint/url.h"
#include "engine/dialect.h"

namespace kgs::trigger {

std::optional<const engine::Dialect*> ReadEngine(std::string_view text);
std::optional<std::string> ReadEnginePath(std::string_view text);
std::optional<std::chrono::milliseconds> ReadScrapeInterval(std::string_view text);
std::optional<std::string> ReadSeriesName(std::string_view text);
std::optional<std::string> ReadSeriesLabels(std::string_view text);
std::optional<endpoint::Url> ReadEndpoint(std::string_view text);
std::optional<std::string> ReadEndpointAuth(std::string_view text);
std::optional<std::string> ReadWakeSource(std::string_view text);

std::vector<std::string_view> EngineNames();
std::vector<std::string_view> WakeSourceNames();
/// A series that may wake: its value, or that it moved.
std::vector<std::string_view> WakeSeriesKinds();
std::optional<std::string> ReadWakeSeriesKind(std::string_view text);
std::string EnginePathText();
std::string ScrapeIntervalText();
std::string SeriesNameText();
std::string SeriesLabelsText();
std::string EndpointText();
std::string EndpointAuthText();

// Neither shows the value.

std::string SeriesLabelsHint(std::string_view value);
std::string EndpointHint(std::string_view value);

}  // namespace kgs::trigger
