// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace kgs::kube {

using DropKey = std::function<bool(std::string_view key)>;

/// The JSON of \p text without metadata.managedFields and what \p drop_key says (may be empty),
/// which is never kept in memory. Not dropped, whatever they are called: keys of the outermost
/// object, and those that users choose (labels, annotations, matchLabels, nodeSelector, a trigger's
/// metadata). INVALID_ARGUMENT where the text is no JSON.
absl::StatusOr<nlohmann::json> ReadSlimJson(std::string_view text, const DropKey& drop_key);

}  // namespace kgs::kube
