// SPDX-License-Identifier: Apache-2.0
#include "kube/client/api_status.h"

#include <cctype>
#include <cstddef>
#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace kgs::kube {
namespace {

constexpr size_t kLongestMessage = 400;

std::string TextAt(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string Fix(bool creates, const std::string& path, int code) {
  switch (code) {
    case 401:
      return "the API server does not accept our credentials";
    case 403:
      return creates ? "RBAC does not allow it: grant the verb create"
                     : "RBAC does not allow it: grant the verbs get, list and watch";
    case 404:
      if (path.rfind("/apis/", 0) != 0) return "";
      return "the API server does not serve it: is its CustomResourceDefinition installed?";
    default:
      return "";
  }
}

// Runs of digits become '#': a message of a server in trouble has versions and times in it.
std::string WithoutNumbers(const std::string& text) {
  std::string same;
  for (const char c : text) {
    const bool digit = std::isdigit(static_cast<unsigned char>(c)) != 0;
    if (!digit) {
      same += c;
    } else if (same.empty() || same.back() != '#') {
      same += '#';
    }
  }
  return same;
}

}  // namespace

ApiStatus StatusOfObject(int http_status, const nlohmann::json& object) {
  ApiStatus status{http_status, "", ""};
  if (!object.is_object()) return status;
  status.reason = TextAt(object, "reason");
  status.message = TextAt(object, "message");
  const auto code = object.find("code");
  // Within a watch the code stands only here.
  if (http_status == 200 && code != object.end() && code->is_number_integer()) {
    status.code = code->get<int>();
  }
  return status;
}

ApiStatus StatusOfBody(int http_status, std::string_view body) {
  const auto object =
      nlohmann::json::parse(body.begin(), body.end(), nullptr, /*allow_exceptions=*/false);
  if (object.is_object()) return StatusOfObject(http_status, object);
  const size_t end = body.find_last_not_of(" \r\n\t");
  const std::string_view text = body.substr(0, end == std::string_view::npos ? 0 : end + 1);
  return {http_status, "", base::ReplaceInvalidUtf8(text.substr(0, kLongestMessage))};
}

std::string Explain(const std::string& method, const std::string& path, const ApiStatus& status) {
  std::string message = base::Truncate(base::OneLine(status.message), kLongestMessage);
  if (status.code == 429 || status.code >= 500) message = WithoutNumbers(message);
  if (message.empty()) message = status.reason;
  std::string text = method + " " + path + ": HTTP " + std::to_string(status.code);
  if (!message.empty()) text += ": " + message;
  const std::string fix = Fix(method == "POST", path, status.code);
  return fix.empty() ? text : text + "; " + fix;
}

}  // namespace kgs::kube
