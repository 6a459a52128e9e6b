// SPDX-License-Identifier: Apache-2.0
//
// The server of llama.cpp. It answers between two steps of the model, so that a long prompt delays
// a reading by seconds, and each reading keeps a model awake that would be put to sleep: it is
// asked seldom and patiently.
#include "engine/dialects/all.h"

namespace kgs::engine {
namespace {

Dialect MakeLlamacpp() {
  const Term waiting = Requests({{"llamacpp:requests_deferred", {}}});
  const Term running = Requests({{"llamacpp:requests_processing", {}}});
  return {
      .name = "llamacpp",
      .title = "llama.cpp",
      .port = 8080,
      .switched_on = "--metrics; without it the path is not implemented. An API key guards it too",
      .prefixes = {"llamacpp:"},
      .timeout = std::chrono::seconds(5),
      .least_interval = std::chrono::seconds(5),
      .signals =
          {
              RequestsSignal("llamacpp_queue_depth", {waiting}, WhenAbsent::kError,
                             "Requests that wait for a slot"),
              RequestsSignal("llamacpp_running", {running}, WhenAbsent::kError, "Slots that work"),
              RequestsSignal("llamacpp_demand", {waiting, running}, WhenAbsent::kError,
                             "Requests that wait for a slot or have one"),
          },
  };
}

}  // namespace

const Dialect& Llamacpp() {
  static const Dialect kDialect = MakeLlamacpp();
  return kDialect;
}

}  // namespace kgs::engine
