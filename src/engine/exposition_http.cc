// SPDX-License-Identifier: Apache-2.0
#include "engine/exposition_http.h"

#include <algorithm>
#include <cctype>
#include <string>

namespace kgs::engine {
namespace {

constexpr Header kHeaders[] = {
    {"Accept", "text/plain;version=0.0.4;q=1,*/*;q=0.1"},
    {"Accept-Encoding", "identity"},
};

struct MediaType {
  std::string_view name;
  Format format;
  /// Besides none.
  std::span<const std::string_view> versions;
};
constexpr std::string_view kTextVersions[] = {"0.0.4", "1.0.0"};
constexpr std::string_view kOpenMetricsVersions[] = {"0.0.1", "1.0.0"};
constexpr MediaType kMediaTypes[] = {
    {"text/plain", Format::kText, kTextVersions},
    {"application/openmetrics-text", Format::kOpenMetrics, kOpenMetricsVersions},
};

constexpr std::string_view kJson = "application/json";

/// What is known to stand where a metrics page should.
constexpr std::string_view kOthers[] = {
    kJson,
    "text/html",
    "application/vnd.google.protobuf",
};

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

/// What stands before the first \p separator, which is taken off \p text with it.
std::string_view TakeUntil(std::string_view& text, char separator) {
  const size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  return Trim(part);
}

/// Of the parameters ";name=value...", in lower case. Empty where there is none.
std::string Version(std::string_view parameters) {
  while (!parameters.empty()) {
    std::string_view value = TakeUntil(parameters, ';');
    const std::string_view name = TakeUntil(value, '=');
    if (LowerCase(name) != "version") continue;
    value = Trim(value);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    return LowerCase(value);
  }
  return "";
}

}  // namespace

std::span<const Header> ScrapeHeaders() { return kHeaders; }

absl::StatusOr<Format> FormatOfContentType(std::string_view content_type, bool json) {
  std::string_view parameters = content_type;
  const std::string type = LowerCase(TakeUntil(parameters, ';'));
  if (type.empty() || (json && type == kJson)) return Format::kText;
  for (const MediaType& known : kMediaTypes) {
    if (type != known.name) continue;
    const std::string version = Version(parameters);
    const bool read = version.empty() || std::find(known.versions.begin(), known.versions.end(),
                                                   version) != known.versions.end();
    if (read) return known.format;
    return absl::InvalidArgumentError("the answer is " + type + " of a version that is not read");
  }
  for (const std::string_view other : kOthers) {
    if (type == other) {
      return absl::InvalidArgumentError("the answer is " + type + ", not a metrics page");
    }
  }
  return absl::InvalidArgumentError("the answer's Content-Type is not that of a metrics page");
}

}  // namespace kgs::engine
