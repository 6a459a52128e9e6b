// SPDX-License-Identifier: Apache-2.0
//
// What the API server serves, and under which paths. Pure.
#pragma once

#include <absl/status/statusor.h>

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/scaled_object.h"

namespace kgs::kube {

/// Whether \p text can stand as one segment of a path and lead nowhere else.
bool IsPathSegment(const std::string& text);

/// Of what a ScaledObject says of its target: "/apis/argoproj.io/v1alpha1", "/api/v1". Here and
/// below INVALID_ARGUMENT where a part of it cannot stand in a path: people write it.
absl::StatusOr<std::string> GroupVersionPath(const model::TargetRef& ref);

/// ".../namespaces/team/rollouts/web/scale".
absl::StatusOr<std::string> ScalePath(const std::string& target_namespace,
                                      const model::TargetRef& ref);

/// The resource of \p kind in an APIResourceList; nothing where it has none.
std::optional<std::string> FindResource(const nlohmann::json& list, const std::string& kind);

/// The version of an APIGroup to use: the one it prefers if \p known has it, else the first of
/// \p known that it has; nothing where it has none of them.
std::optional<std::string> ChooseVersion(const nlohmann::json& group,
                                         const std::vector<std::string>& known);

}  // namespace kgs::kube
