// SPDX-License-Identifier: Apache-2.0
#include "kube/packed_pod.h"

#include <cstring>
#include <functional>
#include <type_traits>

namespace kgs::kube {
namespace {

/// What of a pod is of fixed size; stands first.
struct Head {
  int64_t started;
  int64_t ready_changed;
  int64_t containers_started;
  base::Duration::rep seen_started;
  base::Duration::rep seen_replacing;
  int32_t group_size;
  uint32_t labels;
  uint32_t phase;
  uint32_t flags;
};
static_assert(std::has_unique_object_representations_v<Head>, "compared by its bytes");

enum Flag : uint32_t {
  kTerminating = 1,
  kReady = 2,
  kStarted = 4,
  kReadyChanged = 8,
  kSeenStarted = 16,
  kSeenReplacing = 32,
  kContainersStarted = 64,
};

uint32_t FlagIf(bool set, Flag flag) { return set ? flag : 0U; }

base::Duration::rep Ticks(const std::optional<base::SteadyTime>& time) {
  return time ? time->time_since_epoch().count() : 0;
}

Head HeadOf(const model::Pod& pod) {
  Head head;
  head.started = pod.started_unix_seconds.value_or(0);
  head.ready_changed = pod.ready_changed_unix_seconds.value_or(0);
  head.containers_started = pod.containers_started_unix_seconds.value_or(0);
  head.seen_started = Ticks(pod.seen_started);
  head.seen_replacing = Ticks(pod.seen_replacing);
  head.group_size = pod.group_size;
  head.labels = static_cast<uint32_t>(pod.labels.size());
  head.phase = static_cast<uint32_t>(pod.phase);
  head.flags = FlagIf(pod.terminating, kTerminating) | FlagIf(pod.ready, kReady) |
               FlagIf(pod.started_unix_seconds.has_value(), kStarted) |
               FlagIf(pod.ready_changed_unix_seconds.has_value(), kReadyChanged) |
               FlagIf(pod.seen_started.has_value(), kSeenStarted) |
               FlagIf(pod.seen_replacing.has_value(), kSeenReplacing) |
               FlagIf(pod.containers_started_unix_seconds.has_value(), kContainersStarted);
  return head;
}

void Append(std::string& bytes, const std::string& text) {
  const auto size = static_cast<uint32_t>(text.size());
  bytes.append(reinterpret_cast<const char*>(&size), sizeof(size));
  bytes.append(text);
}

/// Takes the next text off the front.
std::string Take(std::string_view& bytes) {
  uint32_t size = 0;
  std::memcpy(&size, bytes.data(), sizeof(size));
  std::string text(bytes.substr(sizeof(size), size));
  bytes.remove_prefix(sizeof(size) + size);
  return text;
}

}  // namespace

PackedPod::PackedPod(const model::Pod& pod) {
  const Head head = HeadOf(pod);
  size_t size = sizeof(head) + pod.name.pod_namespace.size() + pod.name.name.size() +
                pod.uid.size() + pod.node.size() + pod.ip.size() + sizeof(uint32_t) * 5;
  for (const auto& [key, value] : pod.labels) {
    size += key.size() + value.size() + sizeof(uint32_t) * 2;
  }
  bytes_.reserve(size);
  bytes_.append(reinterpret_cast<const char*>(&head), sizeof(head));
  for (const std::string* text :
       {&pod.name.pod_namespace, &pod.name.name, &pod.uid, &pod.node, &pod.ip}) {
    Append(bytes_, *text);
  }
  for (const auto& [key, value] : pod.labels) {
    Append(bytes_, key);
    Append(bytes_, value);
  }
}

model::Pod PackedPod::Unpack() const {
  model::Pod pod;
  if (bytes_.empty()) return pod;
  Head head;
  std::memcpy(&head, bytes_.data(), sizeof(head));
  std::string_view rest(bytes_);
  rest.remove_prefix(sizeof(head));
  const auto has = [&](Flag flag) { return (head.flags & flag) != 0; };
  const auto time = [](base::Duration::rep ticks) {
    return base::SteadyTime(base::Duration(ticks));
  };
  pod.name.pod_namespace = Take(rest);
  pod.name.name = Take(rest);
  pod.uid = Take(rest);
  pod.node = Take(rest);
  pod.ip = Take(rest);
  pod.labels.resize(head.labels);
  for (auto& [key, value] : pod.labels) {
    key = Take(rest);
    value = Take(rest);
  }
  pod.phase = static_cast<model::PodPhase>(head.phase);
  pod.terminating = has(kTerminating);
  pod.ready = has(kReady);
  pod.group_size = head.group_size;
  if (has(kStarted)) pod.started_unix_seconds = head.started;
  if (has(kReadyChanged)) pod.ready_changed_unix_seconds = head.ready_changed;
  if (has(kContainersStarted)) pod.containers_started_unix_seconds = head.containers_started;
  if (has(kSeenStarted)) pod.seen_started = time(head.seen_started);
  if (has(kSeenReplacing)) pod.seen_replacing = time(head.seen_replacing);
  return pod;
}

uint64_t LabelHash(std::string_view key, std::string_view value) {
  const std::hash<std::string_view> hash;
  return hash(key) * 0x9e3779b97f4a7c15ULL + hash(value);
}

}  // namespace kgs::kube
