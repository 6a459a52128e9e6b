// SPDX-License-Identifier: Apache-2.0
#include "kube/client/list_watch.h"

#include <cctype>
#include <utility>

#include "base/strings.h"

namespace kgs::kube {
namespace {

std::string TextAt(const nlohmann::json& object, const char* key) {
  if (!object.is_object()) return "";
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// Empty where it has none.
std::string VersionOf(const nlohmann::json& object) {
  if (!object.is_object()) return "";
  const auto metadata = object.find("metadata");
  return metadata == object.end() ? "" : TextAt(*metadata, "resourceVersion");
}

std::string Encoded(const std::string& text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~') {
      encoded += c;
    } else {
      encoded += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return encoded;
}

std::optional<WatchEvent::Type> TypeOf(const std::string& name) {
  if (name == "ADDED" || name == "MODIFIED") return WatchEvent::Type::kChanged;
  if (name == "DELETED") return WatchEvent::Type::kDeleted;
  if (name == "BOOKMARK") return WatchEvent::Type::kBookmark;
  if (name == "ERROR") return WatchEvent::Type::kError;
  return std::nullopt;
}

absl::StatusOr<WatchEvent> ReadError(std::string_view line) {
  // Anew and whole: drop_key knows the keys of another kind.
  const auto event = ReadSlimJson(line, nullptr);
  if (!event.ok()) return event.status();
  WatchEvent error{WatchEvent::Type::kError, event->at("object"), "", {}};
  error.status = StatusOfObject(200, error.object);
  return error;
}

std::string WithQuery(const std::string& path, const std::string& query) {
  return path + "?" + (query.empty() ? "" : query + "&");
}

}  // namespace

absl::StatusOr<ListPage> ReadListPage(std::string_view body, const DropKey& drop_key) {
  auto list = ReadSlimJson(body, drop_key);
  if (!list.ok()) return absl::InvalidArgumentError("the list is no valid JSON");
  ListPage page{nlohmann::json::array(), VersionOf(*list), ""};
  if (page.resource_version.empty()) {
    return absl::InvalidArgumentError("the list has no metadata.resourceVersion");
  }
  page.continue_token = TextAt(list->at("metadata"), "continue");
  const auto items = list->find("items");
  // Go writes an empty list as null at times.
  if (items != list->end() && items->is_null()) return page;
  if (items == list->end() || !items->is_array()) {
    return absl::InvalidArgumentError("the list has no items");
  }
  for (const nlohmann::json& item : *items) {
    if (!item.is_object())
      return absl::InvalidArgumentError("the list has an item that is no object");
  }
  page.items = std::move(*items);
  return page;
}

absl::StatusOr<WatchEvent> ReadWatchEvent(std::string_view line, const DropKey& drop_key) {
  auto event = ReadSlimJson(line, drop_key);
  if (!event.ok()) return absl::InvalidArgumentError("a watch event is no valid JSON");
  const std::string name = TextAt(*event, "type");
  const auto type = TypeOf(name);
  if (!type) {
    return absl::InvalidArgumentError("a watch event of unknown type " +
                                      base::QuoteForMessage(name));
  }
  const auto object = event->find("object");
  if (object == event->end() || !object->is_object()) {
    return absl::InvalidArgumentError("a watch event " + name + " without object");
  }
  if (*type == WatchEvent::Type::kError) return ReadError(line);
  WatchEvent read{*type, std::move(*object), "", {}};
  read.resource_version = VersionOf(read.object);
  if (!read.resource_version.empty()) return read;
  return absl::InvalidArgumentError("a watch event " + name + " without metadata.resourceVersion");
}

std::string ListPath(const std::string& path, const std::string& query, const PageQuery& page) {
  std::string whole = WithQuery(path, query) + "limit=" + std::to_string(page.limit);
  if (!page.continue_token.empty()) whole += "&continue=" + Encoded(page.continue_token);
  return whole;
}

std::string WatchPath(const std::string& path, const std::string& query,
                      const std::string& resource_version, long long timeout_seconds) {
  return WithQuery(path, query) +
         "watch=true&allowWatchBookmarks=true&resourceVersion=" + Encoded(resource_version) +
         "&timeoutSeconds=" + std::to_string(timeout_seconds);
}

}  // namespace kgs::kube
