// SPDX-License-Identifier: Apache-2.0
#include <absl/status/status.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <vector>

#include "base/strings.h"
#include "base/yaml_reader.h"
#include "endpoint/named_endpoints.h"

namespace kgs::endpoint {
namespace {

using Values = std::map<std::string, YAML::Node>;
using ByName = std::map<std::string, NamedEndpoint, std::less<>>;

constexpr size_t kLongestName = 63;
constexpr size_t kLongestPath = 4096;

/// What a request says by itself, or what would change its meaning.
constexpr std::string_view kReservedHeaders[] = {
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "te",
    "trailer",
    "range",
    "transfer-encoding",
    "user-agent",
    "upgrade",
    "if-range",
    "if-none-match",
    "if-modified-since",
};

bool IsAlphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool IsMadeOf(std::string_view text, std::string_view others) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [others](char c) {
    return IsAlphanumeric(c) || others.find(c) != others.npos;
  });
}

/// Values are shown only where they cannot be a secret that somebody put in the wrong place.
class Parser {
 public:
  explicit Parser(const std::string& file) : reader_(file) {}

  absl::StatusOr<ByName> Parse(const YAML::Node& root) {
    const Values top = Map(root, "", {"endpoints"});
    const auto list = top.find("endpoints");
    if (root.IsMap() && list == top.end()) reader_.Problem(root, "", "endpoints is missing");
    if (list != top.end() && !list->second.IsSequence()) {
      reader_.Problem(list->second, "endpoints", "is no list; accepted: a list of endpoints");
    } else if (list != top.end()) {
      for (size_t i = 0; i < list->second.size(); ++i) {
        Add(list->second[i], "endpoints[" + std::to_string(i) + "]");
      }
    }
    if (absl::Status status = reader_.status(); !status.ok()) return status;
    return std::move(endpoints_);
  }

 private:
  Values Map(const YAML::Node& node, const std::string& path,
             const std::vector<std::string_view>& known) {
    if (node.IsMap()) return reader_.Map(node, path, known);
    reader_.Problem(node, path,
                    "is no map; accepted: a map of " +
                        base::JoinWithAnd(std::vector<std::string>(known.begin(), known.end())));
    return {};
  }

  void Add(const YAML::Node& node, const std::string& path) {
    const Values values = Map(node, path, {"name", "url", "tokenFile", "header", "caFile"});
    if (!node.IsMap()) return;
    NamedEndpoint endpoint;
    endpoint.name = Name(node, values, path);
    endpoint.url = Origin(node, values, path);
    if (const auto token = values.find("tokenFile"); token != values.end()) {
      endpoint.header_name = "Authorization";
      endpoint.is_bearer_token = true;
      endpoint.secret_file = File(token->second, path + ".tokenFile");
    }
    if (const auto header = values.find("header"); header != values.end()) {
      if (endpoint.is_bearer_token) {
        reader_.Problem(node, path, "has tokenFile and header; accepted: one of them");
      }
      SetHeader(header->second, path + ".header", endpoint);
    }
    if (const auto ca = values.find("caFile"); ca != values.end()) {
      endpoint.ca_file = File(ca->second, path + ".caFile");
      if (!endpoint.url.https && !endpoint.url.host.empty()) {
        reader_.Problem(ca->second, path + ".caFile", "is for https alone; the url has http");
      }
    }
    if (!values.contains("tokenFile") && !values.contains("header") && !values.contains("caFile")) {
      reader_.Problem(node, path, "has none of tokenFile, header and caFile; give one");
    }
    const std::string name = endpoint.name;
    if (!name.empty() && !endpoints_.emplace(name, std::move(endpoint)).second) {
      reader_.Problem(node, path + ".name", base::QuoteForMessage(name) + " is given twice");
    }
  }

  std::string Name(const YAML::Node& node, const Values& values, const std::string& path) {
    const auto name = values.find("name");
    if (name == values.end()) {
      reader_.Problem(node, path, "name is missing");
      return "";
    }
    if (name->second.IsScalar() && name->second.Scalar().size() <= kLongestName &&
        IsMadeOf(name->second.Scalar(), "-_.")) {
      return name->second.Scalar();
    }
    reader_.Problem(name->second, path + ".name",
                    "is no name; accepted: 1 to 63 letters, digits, -, _ and .");
    return "";
  }

  Url Origin(const YAML::Node& node, const Values& values, const std::string& path) {
    const auto text = values.find("url");
    if (text == values.end()) {
      reader_.Problem(node, path, "url is missing");
      return {};
    }
    const auto url = ParseUrl(text->second.IsScalar() ? text->second.Scalar() : "");
    if (!url.ok()) {
      reader_.Problem(text->second, path + ".url", std::string(url.status().message()));
      return {};
    }
    if (url->path_and_query != "/") {
      reader_.Problem(
          text->second, path + ".url",
          "has a path or a query; accepted: scheme, host and port as in " + url->Origin());
    }
    return *url;
  }

  void SetHeader(const YAML::Node& node, const std::string& path, NamedEndpoint& endpoint) {
    const Values values = Map(node, path, {"name", "valueFile"});
    if (!node.IsMap()) return;
    const auto name = values.find("name");
    const auto file = values.find("valueFile");
    if (name == values.end()) reader_.Problem(node, path, "name is missing");
    if (file == values.end()) reader_.Problem(node, path, "valueFile is missing");
    if (name != values.end()) endpoint.header_name = HeaderName(name->second, path + ".name");
    if (file != values.end()) endpoint.secret_file = File(file->second, path + ".valueFile");
  }

  std::string HeaderName(const YAML::Node& node, const std::string& path) {
    std::string name = node.IsScalar() ? node.Scalar() : "";
    if (name.size() > kLongestName || !IsMadeOf(name, "-_")) {
      reader_.Problem(node, path,
                      "is no header's name; accepted: 1 to 63 letters, digits, - and _");
      return "";
    }
    const std::string lower = base::LowerCase(name);
    const auto* const end = std::end(kReservedHeaders);
    if (std::find(std::begin(kReservedHeaders), end, lower) != end) {
      reader_.Problem(node, path, "is " + name + ", which the scaler sets itself or never sends");
      return "";
    }
    return name;
  }

  std::string File(const YAML::Node& node, const std::string& path) {
    if (node.IsScalar() && node.Scalar().size() <= kLongestPath &&
        node.Scalar().rfind('/', 0) == 0 && node.Scalar().find('\0') == std::string::npos &&
        base::OneLine(node.Scalar()) == node.Scalar()) {
      return node.Scalar();
    }
    reader_.Problem(node, path,
                    "is no absolute path; accepted: the path of a file that holds the value");
    return "";
  }

  base::YamlReader reader_;
  ByName endpoints_;
};

}  // namespace

absl::StatusOr<ByName> ParseNamedEndpoints(const std::string& yaml, const std::string& file) {
  // The only place where yaml-cpp is entered: its exceptions end here. Their texts quote the file.
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(yaml);
    if (documents.size() > 1) {
      return absl::InvalidArgumentError(file + ": has " + std::to_string(documents.size()) +
                                        " YAML documents, accepted: one");
    }
    return Parser(file).Parse(documents.empty() ? YAML::Node() : documents[0]);
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(
        file + ":" + std::to_string(std::max(error.mark.line, 0) + 1) + ": not YAML");
  }
}

}  // namespace kgs::endpoint
