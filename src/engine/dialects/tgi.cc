// SPDX-License-Identifier: Apache-2.0
//
// Hugging Face's Text Generation Inference. A metric is made when it is first set, so that the page
// is short, or even empty, until the first request: what is absent then is 0. Its images listen on
// 80 rather than on 3000.
#include "engine/dialects/all.h"

namespace kgs::engine {
namespace {

Dialect MakeTgi() {
  const Term waiting = Requests({{"tgi_queue_size", {}}});
  const Term running = Requests({{"tgi_batch_current_size", {}}});
  return {
      .name = "tgi",
      .title = "TGI",
      .port = 80,
      .switched_on = "on by default; the port is the API's, 80 in the images and else 3000",
      .prefixes = {"tgi_"},
      .served = {"tgi_request_success"},
      .signals =
          {
              RequestsSignal("tgi_queue_depth", {waiting}, WhenAbsent::kZero,
                             "Requests in the queue"),
              RequestsSignal("tgi_running", {running}, WhenAbsent::kZero,
                             "Requests in the current batch"),
              RequestsSignal("tgi_demand", {waiting, running}, WhenAbsent::kZero,
                             "Requests in the queue or in the current batch"),
          },
  };
}

}  // namespace

const Dialect& Tgi() {
  static const Dialect kDialect = MakeTgi();
  return kDialect;
}

}  // namespace kgs::engine
