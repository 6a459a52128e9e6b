// SPDX-License-Identifier: Apache-2.0
#include "kube/client/slim_json.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace kgs::kube {
namespace {

using Event = nlohmann::json::parse_event_t;

constexpr std::array<std::string_view, 4> kMapsOfUsers = {"labels", "annotations", "matchLabels",
                                                          "nodeSelector"};

// Follows the parser through the document to know whose key a key is.
class KeyFilter {
 public:
  explicit KeyFilter(const DropKey& drop_key) : drop_key_(drop_key) {}

  // \p depth: how many objects and arrays are open.
  bool Keeps(size_t depth, Event event, const nlohmann::json& parsed) {
    if (event == Event::array_start) Name(depth + 1, "");
    if (event != Event::key) return true;
    const auto& key = parsed.get_ref<const std::string&>();
    Name(depth, key);
    if (depth <= 1) return true;
    if (key == "managedFields" && NameAt(depth - 1) == "metadata" && !IsUsersMap(depth)) {
      return false;
    }
    return !drop_key_ || !drop_key_(key) || IsUsersMap(depth);
  }

 private:
  // Under which key stands what was opened as the \p level-th; an element of an array has none.
  void Name(size_t level, std::string_view key) {
    if (names_.size() <= level) names_.resize(level + 1);
    names_[level] = key;
  }
  std::string_view NameAt(size_t level) const {
    return level < names_.size() ? std::string_view(names_[level]) : std::string_view();
  }
  // Whether users choose the keys that stand at \p depth here.
  bool IsUsersMap(size_t depth) const {
    const std::string_view map = NameAt(depth - 1);
    if (map == "metadata") return depth >= 3 && NameAt(depth - 3) == "triggers";
    return std::find(kMapsOfUsers.begin(), kMapsOfUsers.end(), map) != kMapsOfUsers.end();
  }

  const DropKey& drop_key_;
  std::vector<std::string> names_;
};

}  // namespace

absl::StatusOr<nlohmann::json> ReadSlimJson(std::string_view text, const DropKey& drop_key) {
  KeyFilter filter(drop_key);
  nlohmann::json parsed = nlohmann::json::parse(
      text.begin(), text.end(),
      [&filter](int depth, Event event, nlohmann::json& value) {
        return filter.Keeps(static_cast<size_t>(depth), event, value);
      },
      /*allow_exceptions=*/false);
  if (parsed.is_discarded()) return absl::InvalidArgumentError("is no valid JSON");
  return parsed;
}

}  // namespace kgs::kube
