// SPDX-License-Identifier: Apache-2.0
#include "kube/json_fields.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "kube/rfc3339.h"

namespace kgs::kube {

using nlohmann::json;

JsonFields::JsonFields(const json& document, absl::Status& problem)
    : JsonFields(document.is_object() ? &document : nullptr, "", problem) {
  if (!document.is_object()) Refuse("", "no JSON object");
}

JsonFields::JsonFields(const json* object, std::string path, absl::Status& problem)
    : object_(object), path_(std::move(path)), problem_(&problem) {}

JsonFields JsonFields::Object(const std::string& key) const {
  const json* value = Find(key);
  if (value != nullptr && !value->is_object()) {
    Refuse(key, "not an object");
    value = nullptr;
  }
  return JsonFields(value, PathOf(key), *problem_);
}

std::vector<JsonFields> JsonFields::Objects(const std::string& key) const {
  const json* value = Find(key);
  if (value == nullptr) return {};
  if (!value->is_array()) {
    Refuse(key, "not an array");
    return {};
  }
  std::vector<JsonFields> objects;
  objects.reserve(value->size());
  for (const json& one : *value) {
    const std::string place = key + "[" + std::to_string(objects.size()) + "]";
    if (!one.is_object()) Refuse(place, "not an object");
    objects.push_back(JsonFields(one.is_object() ? &one : nullptr, PathOf(place), *problem_));
  }
  return objects;
}

bool JsonFields::Has(const std::string& key) const { return Find(key) != nullptr; }

bool JsonFields::True(const std::string& key) const {
  const json* value = Find(key);
  if (value == nullptr) return false;
  if (!value->is_boolean()) Refuse(key, "not a boolean");
  return value->is_boolean() && value->get<bool>();
}

std::string JsonFields::Text(const std::string& key, const std::string& absent) const {
  const json* value = Find(key);
  const std::string* text = value == nullptr ? nullptr : TextOf(*value, key);
  return text == nullptr ? absent : *text;
}

std::string JsonFields::NeededText(const std::string& key) const {
  std::string text = Text(key);
  if (text.empty()) Refuse(key, "missing");
  return text;
}

std::vector<std::string> JsonFields::Texts(const std::string& key) const {
  const json* value = Find(key);
  if (value == nullptr) return {};
  if (!value->is_array()) {
    Refuse(key, "not an array");
    return {};
  }
  std::vector<std::string> texts;
  for (const json& one : *value) {
    const std::string* text = TextOf(one, key + "[" + std::to_string(texts.size()) + "]");
    texts.push_back(text == nullptr ? "" : *text);
  }
  return texts;
}

std::optional<int> JsonFields::Integer(const std::string& key, int least, int most) const {
  if (Find(key) == nullptr) return std::nullopt;
  const int64_t value = Integer64(key, least);
  if (value < least || value > most) {
    Refuse(key, "not between " + std::to_string(least) + " and " + std::to_string(most));
    return std::nullopt;
  }
  return static_cast<int>(value);
}

int64_t JsonFields::Integer64(const std::string& key, int64_t absent) const {
  const json* value = Find(key);
  if (value == nullptr) return absent;
  if (const auto* number = value->get_ptr<const json::number_unsigned_t*>()) {
    if (*number <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return static_cast<int64_t>(*number);
    }
  } else if (const auto* integer = value->get_ptr<const json::number_integer_t*>()) {
    return *integer;
  }
  Refuse(key, "not a whole number");
  return absent;
}

std::optional<int64_t> JsonFields::Time(const std::string& key) const {
  if (Find(key) == nullptr) return std::nullopt;
  const std::optional<int64_t> seconds = ParseRfc3339(Text(key));
  if (!seconds) Refuse(key, "not a time of RFC 3339");
  return seconds;
}

void JsonFields::EachText(
    const std::function<void(const std::string& key, const std::string& value)>& each) const {
  if (object_ == nullptr) return;
  for (const auto& [key, value] : object_->items()) {
    if (value.is_null()) continue;
    if (const std::string* text = TextOf(value, key)) each(key, *text);
  }
}

void JsonFields::Refuse(const std::string& key, const std::string& what) const {
  if (problem_->ok()) *problem_ = absl::InvalidArgumentError(PathOf(key) + ": " + what);
}

const json* JsonFields::Find(const std::string& key) const {
  if (object_ == nullptr) return nullptr;
  const auto found = object_->find(key);
  return found == object_->end() || found->is_null() ? nullptr : &*found;
}

std::string JsonFields::PathOf(const std::string& key) const {
  return path_.empty() || key.empty() ? path_ + key : path_ + "." + key;
}

const std::string* JsonFields::TextOf(const json& value, const std::string& key) const {
  const auto* text = value.get_ptr<const json::string_t*>();
  if (text == nullptr) Refuse(key, "not a string");
  return text;
}

}  // namespace kgs::kube
