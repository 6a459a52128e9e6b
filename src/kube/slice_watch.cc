// SPDX-License-Identifier: Apache-2.0
#include "kube/slice_watch.h"

#include <utility>
#include <vector>

#include "base/log.h"
#include "kube/discovery.h"
#include "kube/objects.h"

namespace kgs::kube {
namespace {

constexpr char kGroupPath[] = "/apis/resource.k8s.io";

const std::vector<std::string>& KnownVersions() {
  static const std::vector<std::string> versions = {"v1", "v1beta2", "v1beta1"};
  return versions;
}

}  // namespace

SliceWatch::SliceWatch(const WatchContext& context, Store& store)
    : context_(context), store_(store) {
  Look();
}

void SliceWatch::Drop() {
  for (const std::string& name : slices_) store_.RemoveSlice(name);
  slices_.clear();
}

void SliceWatch::Look() {
  timer_.reset();
  request_ = ApiGet(context_.transport, kGroupPath, [this](const ApiAnswer& answer) {
    request_.reset();
    OnGroup(answer);
  });
}

void SliceWatch::OnGroup(const ApiAnswer& answer) {
  if (answer.proves_contact()) context_.contact.Heard(context_.transport.Now());
  const bool not_served = absl::IsNotFound(answer.object.status());
  base::Duration wait = kLookAgain;
  if (answer.object.ok()) {
    Use(ChooseVersion(*answer.object, KnownVersions()).value_or(""));
  } else if (not_served) {
    Use("");
  } else {
    base::LogWarn("cannot look for ResourceSlices",
                  {{"problem", std::string(answer.object.status().message())}});
    wait = backoff_.Next();
  }
  if (answer.object.ok() || not_served) backoff_.Reset();
  looked_ = true;
  timer_ = context_.transport.After(wait, [this] { Look(); });
  context_.on_change();
}

void SliceWatch::Use(const std::string& version) {
  if (version == version_) return;
  version_ = version;
  watch_.reset();
  if (version_.empty()) {
    Drop();
  } else {
    watch_ = std::make_unique<Watch>(context_, "ResourceSlices",
                                     std::string(kGroupPath) + "/" + version_ + "/resourceslices",
                                     Events());
  }
}

ReflectorEvents SliceWatch::Events() {
  ReflectorEvents events;
  events.on_object = [this](const nlohmann::json& object) { Read(object); };
  events.on_deleted = [this](const nlohmann::json& object) {
    const absl::StatusOr<ObjectMeta> meta = ReadMeta(object);
    if (meta.ok()) Remove(meta->name);
  };
  events.on_list_begin = [this] { listed_.Begin(); };
  events.on_list_end = [this] {
    const std::unordered_set<std::string> listed = listed_.End();
    std::vector<std::string> gone;
    for (const std::string& name : slices_) {
      if (listed.count(name) == 0) gone.push_back(name);
    }
    for (const std::string& name : gone) Remove(name);
  };
  return events;
}

void SliceWatch::Read(const nlohmann::json& object) {
  const absl::StatusOr<ObjectMeta> meta = ReadMeta(object);
  if (!meta.ok()) return;
  auto devices = ReadResourceSlice(object);
  if (!devices.ok()) {
    base::LogWarn("ResourceSlice cannot be read",
                  {{"problem", std::string(devices.status().message())}});
    Remove(meta->name);
    return;
  }
  listed_.See(meta->name);
  slices_.insert(meta->name);
  store_.PutSlice(meta->name, *std::move(devices));
}

void SliceWatch::Remove(const std::string& name) {
  slices_.erase(name);
  store_.RemoveSlice(name);
}

}  // namespace kgs::kube
