// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

namespace kgs::kube {

/// Whose an IP address is, by its text as Kubernetes writes it. A lookup costs the same however
/// many there are. Not thread-safe.
class AddressIndex {
 public:
  /// Something of \p owner_namespace has \p address from now on; several may (the pods that use
  /// their node's). Empty is none.
  void Add(const std::string& address, const std::string& owner_namespace);
  /// Takes back one Add.
  void Remove(const std::string& address, const std::string& owner_namespace);

  /// Nothing where no one has it; empty where it is shared by several namespaces, which is no
  /// namespace's own.
  std::optional<std::string> NamespaceOf(const std::string& address) const;
  size_t size() const { return owners_.size(); }

 private:
  /// Each name once. Those of namespaces that are gone stay: they are few and short.
  std::set<std::string> names_;
  std::unordered_multimap<std::string, const std::string*> owners_;
};

}  // namespace kgs::kube
