// SPDX-License-Identifier: Apache-2.0
//
// The functions of a vendor's library: bound by name at run time, each required or optional.
#pragma once

#include <chrono>
#include <vector>

#include "gpu/call_mark.h"
#include "gpu/call_stats.h"
#include "gpu/dynamic_library.h"

namespace kgs::gpu {

enum class Need { kRequired, kOptional };

struct SymbolBase {
  const char* name;
  Need need;
  void* address = nullptr;
  /// Counted through const: what a call took changes nothing of the function.
  mutable CallStats stats = {};
};

/// A function of the library, of type \p Function once bound.
template <typename Function>
struct Symbol : SymbolBase {
  /// Enters itself into \p table.
  Symbol(std::vector<SymbolBase*>& table, const char* symbol_name, Need symbol_need)
      : SymbolBase{symbol_name, symbol_need, nullptr, {}} {
    table.push_back(this);
  }
  Symbol(const Symbol&) = delete;
  Symbol& operator=(const Symbol&) = delete;
};

/// Binds every symbol of \p table to \p library. The first required one that it lacks, or nullptr.
inline const char* Bind(const DynamicLibrary& library, const std::vector<SymbolBase*>& table) {
  for (SymbolBase* symbol : table) {
    symbol->address = library.Find(symbol->name);
    if (symbol->address == nullptr && symbol->need == Need::kRequired) return symbol->name;
  }
  return nullptr;
}

/// Calls \p symbol, showing its name in \p mark while it lasts; \p missing where the library has no
/// such function.
template <typename Answer, typename Function, typename... Args>
Answer InvokeOr(Answer missing, CallMark& mark, const Symbol<Function>& symbol, Args... args) {
  if (symbol.address == nullptr) return missing;
  const CallMark::Scope scope(mark, symbol.name);
  const auto began = std::chrono::steady_clock::now();
  const Answer answer = reinterpret_cast<Function*>(symbol.address)(args...);
  symbol.stats.Add(std::chrono::steady_clock::now() - began);
  return answer;
}

/// Of those of \p table that were called.
inline std::vector<CallCost> CostsOf(const std::vector<SymbolBase*>& table) {
  std::vector<CallCost> costs;
  for (const SymbolBase* symbol : table) {
    CallCost cost = symbol->stats.Get(symbol->name);
    if (cost.calls > 0) costs.push_back(cost);
  }
  return costs;
}

}  // namespace kgs::gpu
