// SPDX-License-Identifier: Apache-2.0
#include "engine/dialects.h"

#include <algorithm>

#include "engine/dialects/all.h"

namespace kgs::engine {

std::span<const Dialect* const> Dialects() {
  static const Dialect* const kDialects[] = {
      &Vllm(), &Sglang(), &Tgi(), &Triton(), &Trtllm(), &Dynamo(), &Llamacpp(),
  };
  return kDialects;
}

const Dialect* FindDialect(std::string_view name) {
  for (const Dialect* dialect : Dialects()) {
    if (dialect->name == name) return dialect;
  }
  return nullptr;
}

DialectSignal FindSignal(std::string_view metric_type) {
  for (const Dialect* dialect : Dialects()) {
    for (const Signal& signal : dialect->signals) {
      if (signal.name == metric_type) return {dialect, &signal};
    }
  }
  return {};
}

std::string WithUnderscores(std::string_view name) {
  std::string text(name);
  std::replace(text.begin(), text.end(), ':', '_');
  return text;
}

bool HasPrefix(const Dialect& dialect, std::string_view name) {
  return std::any_of(dialect.prefixes.begin(), dialect.prefixes.end(),
                     [&](const std::string& prefix) {
                       return name.starts_with(prefix) || name.starts_with(WithUnderscores(prefix));
                     });
}

}  // namespace kgs::engine
