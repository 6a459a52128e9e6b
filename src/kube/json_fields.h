// SPDX-License-Identifier: Apache-2.0
//
// Reads members of a JSON object that may be missing or of a wrong type, without an exception and
// without a check after each: the first thing that is wrong is kept, by its path.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace kgs::kube {

/// One object within a document, and where it stands: "spec.triggers[0]". null is as absent, which
/// is as an empty object: Kubernetes makes no difference between them.
class JsonFields {
 public:
  /// \p document and \p problem outlive this and what it returns. \p problem stays as it is once it
  /// is not OK.
  JsonFields(const nlohmann::json& document, absl::Status& problem);

  JsonFields Object(const std::string& key) const;
  /// The objects of an array.
  std::vector<JsonFields> Objects(const std::string& key) const;
  /// Whether the key has a value other than null.
  bool Has(const std::string& key) const;
  /// A boolean; absent is false.
  bool True(const std::string& key) const;
  std::string Text(const std::string& key, const std::string& absent = "") const;
  /// As Text, where an empty text is a problem too.
  std::string NeededText(const std::string& key) const;
  std::vector<std::string> Texts(const std::string& key) const;
  /// A whole number within the bounds.
  std::optional<int> Integer(const std::string& key, int least, int most) const;
  int64_t Integer64(const std::string& key, int64_t absent) const;
  /// metav1.Time: RFC 3339, to whole seconds since 1970.
  std::optional<int64_t> Time(const std::string& key) const;
  /// Calls \p each for every member of an object of texts, by key.
  void EachText(
      const std::function<void(const std::string& key, const std::string& value)>& each) const;

  /// Keeps INVALID_ARGUMENT "PATH.KEY: WHAT".
  void Refuse(const std::string& key, const std::string& what) const;

 private:
  JsonFields(const nlohmann::json* object, std::string path, absl::Status& problem);
  /// Null where absent.
  const nlohmann::json* Find(const std::string& key) const;
  std::string PathOf(const std::string& key) const;
  const std::string* TextOf(const nlohmann::json& value, const std::string& key) const;

  /// Null where there is no such object.
  const nlohmann::json* object_;
  std::string path_;
  absl::Status* problem_;
};

}  // namespace kgs::kube
