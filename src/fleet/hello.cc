// SPDX-License-Identifier: Apache-2.0
#include "fleet/hello.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "base/strings.h"

namespace kgs::fleet {
namespace {

constexpr size_t kLongestNode = 253;
constexpr size_t kLongestBootId = 64;
constexpr size_t kLongestVersion = 64;

bool IsAlphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool IsLabel(std::string_view label) {
  return !label.empty() && IsAlphanumeric(label.front()) && IsAlphanumeric(label.back()) &&
         std::all_of(label.begin(), label.end(),
                     [](char c) { return IsAlphanumeric(c) || c == '-'; });
}

bool IsSubdomain(std::string_view name) {
  if (name.size() > kLongestNode) return false;
  while (true) {
    const size_t dot = name.find('.');
    if (!IsLabel(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace

absl::Status CheckHello(const kedagpuscaler::fleet::v1::Hello& hello) {
  if (!IsSubdomain(hello.node())) {
    return absl::InvalidArgumentError("node " + base::QuoteForMessage(hello.node()) +
                                      " is no name of a Kubernetes node");
  }
  if (hello.boot_id().empty() || hello.boot_id().size() > kLongestBootId ||
      !IsPrintable(hello.boot_id())) {
    return absl::InvalidArgumentError("boot id " + base::QuoteForMessage(hello.boot_id()) +
                                      " is not of 1 to 64 printable characters");
  }
  if (hello.version().size() > kLongestVersion || !IsPrintable(hello.version())) {
    return absl::InvalidArgumentError("version " + base::QuoteForMessage(hello.version()) +
                                      " is not of at most 64 printable characters");
  }
  return absl::OkStatus();
}

}  // namespace kgs::fleet
