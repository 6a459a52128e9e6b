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

std::span<const Dialect* const> Gateways() {
  static const Dialect* const kGateways[] = {&Epp(), &KedaHttp(), &Envoy()};
  return kGateways;
}

const Dialect* FindDialect(std::string_view name) {
  for (const Dialect* dialect : Dialects()) {
    if (dialect->name == name) return dialect;
  }
  return nullptr;
}

DialectSignal FindSignal(std::string_view metric_type) {
  for (const std::span<const Dialect* const> list : {Dialects(), Gateways()}) {
    for (const Dialect* dialect : list) {
      for (const Signal& signal : dialect->signals) {
        if (signal.name == metric_type) return {dialect, &signal};
      }
    }
  }
  return {};
}

std::vector<const Dialect*> WakeSources() {
  std::vector<const Dialect*> sources;
  for (const std::span<const Dialect* const> list : {Gateways(), Dialects()}) {
    for (const Dialect* dialect : list) {
      if (dialect->wake) sources.push_back(dialect);
    }
  }
  return sources;
}

std::string WakeSourceWord(const Dialect& source) {
  std::string word = source.name;
  std::replace(word.begin(), word.end(), '_', '-');
  return word;
}

const Dialect* FindWakeSource(std::string_view word) {
  for (const Dialect* source : WakeSources()) {
    if (WakeSourceWord(*source) == word) return source;
  }
  return nullptr;
}

DialectSignal FindWakeSignal(std::string_view name) {
  for (const Dialect* source : WakeSources()) {
    if (source->wake->name == name) return {source, &*source->wake};
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
