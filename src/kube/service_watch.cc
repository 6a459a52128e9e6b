// SPDX-License-Identifier: Apache-2.0
#include "kube/service_watch.h"

#include <utility>

#include "base/log.h"
#include "kube/objects.h"

namespace kgs::kube {
namespace {

std::string NameOf(const ObjectMeta& meta) { return meta.object_namespace + "/" + meta.name; }

}  // namespace

ServiceWatch::ServiceWatch(const WatchContext& context, ServiceAddresses& addresses)
    : addresses_(addresses), watch_(context, "Services", "/api/v1/services", Events()) {
  Tick();
}

ServiceWatch::~ServiceWatch() {
  addresses_.SetProblem("Services: not listed yet");
  addresses_.Retain({});
}

ReflectorEvents ServiceWatch::Events() {
  ReflectorEvents events;
  events.on_object = [this](const nlohmann::json& object) { Read(object); };
  events.on_deleted = [this](const nlohmann::json& object) {
    const absl::StatusOr<ObjectMeta> meta = ReadMeta(object);
    if (meta.ok()) addresses_.Put(NameOf(*meta), meta->object_namespace, {});
  };
  events.on_list_begin = [this] { listed_.Begin(); };
  events.on_list_end = [this] { addresses_.Retain(listed_.End()); };
  return events;
}

void ServiceWatch::Read(const nlohmann::json& object) {
  const absl::StatusOr<ObjectMeta> meta = ReadMeta(object);
  if (!meta.ok()) return;
  listed_.See(NameOf(*meta));
  auto addresses = ReadServiceAddresses(object);
  if (!addresses.ok()) {
    // What it had is still the best guess at what is another's.
    base::LogWarn("Service cannot be read",
                  {{"problem", std::string(addresses.status().message())}});
    return;
  }
  addresses_.Put(NameOf(*meta), meta->object_namespace, *std::move(addresses));
}

}  // namespace kgs::kube
