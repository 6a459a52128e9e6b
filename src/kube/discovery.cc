// SPDX-License-Identifier: Apache-2.0
#include "kube/discovery.h"

#include <absl/status/status.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/strings.h"
#include "kube/json_fields.h"

namespace kgs::kube {

bool IsPathSegment(const std::string& text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
  return !text.empty() && text != "." && text != ".." &&
         text.find_first_not_of(kPlain) == std::string::npos;
}

namespace {

absl::Status CheckSegment(const char* what, const std::string& text) {
  if (IsPathSegment(text)) return absl::OkStatus();
  return absl::InvalidArgumentError(base::QuoteForMessage(text) + " is no " + what);
}

}  // namespace

absl::StatusOr<std::string> GroupVersionPath(const model::TargetRef& ref) {
  if (const absl::Status status = CheckSegment("API version", ref.version); !status.ok()) {
    return status;
  }
  if (ref.group.empty()) return "/api/" + ref.version;
  if (const absl::Status status = CheckSegment("API group", ref.group); !status.ok()) {
    return status;
  }
  return "/apis/" + ref.group + "/" + ref.version;
}

absl::StatusOr<std::string> ScalePath(const std::string& target_namespace,
                                      const model::TargetRef& ref) {
  const absl::StatusOr<std::string> path = GroupVersionPath(ref);
  if (!path.ok()) return path;
  if (const absl::Status status = CheckSegment("resource", ref.resource); !status.ok()) {
    return status;
  }
  if (const absl::Status status = CheckSegment("name of an object", ref.name); !status.ok()) {
    return status;
  }
  return *path + "/namespaces/" + target_namespace + "/" + ref.resource + "/" + ref.name + "/scale";
}

std::optional<std::string> FindResource(const nlohmann::json& list, const std::string& kind) {
  absl::Status problem;
  for (const JsonFields& resource : JsonFields(list, problem).Objects("resources")) {
    const std::string name = resource.Text("name");
    // A subresource has a slash in its name.
    if (resource.Text("kind") == kind && IsPathSegment(name)) return name;
  }
  return std::nullopt;
}

std::optional<std::string> ChooseVersion(const nlohmann::json& group,
                                         const std::vector<std::string>& known) {
  absl::Status problem;
  const JsonFields fields(group, problem);
  const std::string preferred = fields.Object("preferredVersion").Text("version");
  std::set<std::string> served;
  for (const JsonFields& version : fields.Objects("versions")) {
    served.insert(version.Text("version"));
  }
  if (std::find(known.begin(), known.end(), preferred) != known.end()) return preferred;
  const auto found = std::find_if(known.begin(), known.end(), [&](const std::string& version) {
    return served.count(version) == 1;
  });
  if (found == known.end()) return std::nullopt;
  return *found;
}

}  // namespace kgs::kube
