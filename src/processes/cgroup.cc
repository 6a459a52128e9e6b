// SPDX-License-Identifier: Apache-2.0
#include "processes/cgroup.h"

#include <algorithm>

namespace kgs::processes {
namespace {

constexpr std::string_view kSlice = ".slice";
constexpr std::string_view kPod = "pod";
/// 8-4-4-4-12 digits with what separates them.
constexpr size_t kUidLength = 36;
constexpr size_t kStaticPodUidLength = 32;

bool IsDigit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

bool IsUid(std::string_view text) {
  if (text.size() == kStaticPodUidLength) return std::all_of(text.begin(), text.end(), IsDigit);
  for (size_t i = 0; i < text.size(); ++i) {
    const bool separator = i == 8 || i == 13 || i == 18 || i == 23;
    if (separator ? text[i] != '-' && text[i] != '_' : !IsDigit(text[i])) return false;
  }
  return true;
}

/// Of one part of a path: "kubepods-burstable-pod<uid>.slice", "pod<uid>".
std::string UidOfPart(std::string_view part) {
  if (part.ends_with(kSlice)) part.remove_suffix(kSlice.size());
  for (const size_t length : {kUidLength, kStaticPodUidLength}) {
    if (part.size() < kPod.size() + length) continue;
    const std::string_view uid = part.substr(part.size() - length);
    const std::string_view before = part.substr(0, part.size() - length);
    const bool named = before == kPod || before.ends_with("-pod");
    if (!named || !IsUid(uid)) continue;
    std::string text(uid);
    // The driver systemd has another use for '-'.
    std::replace(text.begin(), text.end(), '_', '-');
    return text;
  }
  return "";
}

}  // namespace

std::string PodUidOf(std::string_view cgroup) {
  // containerd under the wrong driver puts "slice:prefix:container" into one name.
  constexpr std::string_view kSeparators = "/:\n";
  while (!cgroup.empty()) {
    const size_t end = std::min(cgroup.find_first_of(kSeparators), cgroup.size());
    std::string uid = UidOfPart(cgroup.substr(0, end));
    if (!uid.empty()) return uid;
    cgroup.remove_prefix(std::min(end + 1, cgroup.size()));
  }
  return "";
}

}  // namespace kgs::processes
