// SPDX-License-Identifier: Apache-2.0
#include "model/engine_query.h"

#include <string_view>

namespace kgs::model {
namespace {

/// In quotes, so that no text can end before its end.
void Append(std::string_view name, std::string_view text, std::string& key) {
  if (text.empty()) return;
  key += ' ';
  key += name;
  key += "=\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') key += '\\';
    key += c;
  }
  key += '"';
}

}  // namespace

std::string EngineQuery::Key() const {
  std::string key;
  Append("signal", signal, key);
  Append("name", series_name, key);
  Append("labels", series_labels, key);
  Append("kind", series_kind, key);
  Append("combine", series_combine, key);
  Append("absent", series_absent, key);
  Append("port", port == 0 ? std::string() : std::to_string(port), key);
  Append("path", path, key);
  return key.empty() ? key : key.substr(1);
}

}  // namespace kgs::model
