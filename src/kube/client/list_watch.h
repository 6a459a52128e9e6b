// SPDX-License-Identifier: Apache-2.0
//
// What the API server answers to a list and to a watch, read. Pure; no exception leaves.
#pragma once

#include <absl/status/statusor.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "kube/client/api_status.h"
#include "kube/client/slim_json.h"

namespace kgs::kube {

struct ListPage {
  /// An array of objects.
  nlohmann::json items;
  std::string resource_version;
  /// Empty on the last page.
  std::string continue_token;
};
absl::StatusOr<ListPage> ReadListPage(std::string_view body, const DropKey& drop_key);

struct WatchEvent {
  enum class Type { kChanged, kDeleted, kBookmark, kError };
  Type type;
  nlohmann::json object;
  /// Of kError empty.
  std::string resource_version;
  /// Of kError only.
  ApiStatus status;
};
absl::StatusOr<WatchEvent> ReadWatchEvent(std::string_view line, const DropKey& drop_key);

struct PageQuery {
  int limit = 0;
  std::string continue_token;
};
/// Path and query of a page. \p query: more parameters, encoded, or empty.
std::string ListPath(const std::string& path, const std::string& query, const PageQuery& page);
std::string WatchPath(const std::string& path, const std::string& query,
                      const std::string& resource_version, long long timeout_seconds);

}  // namespace kgs::kube
