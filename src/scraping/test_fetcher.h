// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/status/status.h>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "endpoint/fetcher.h"

namespace kgs::scraping::testing {

/// Answers what and when a test says, on the test's thread.
class FakeFetcher final : public endpoint::Fetcher {
 public:
  struct Asked {
    endpoint::FetchRequest request;
    endpoint::FetchHandlers handlers;
  };
  void Fetch(endpoint::FetchRequest request, endpoint::FetchHandlers handlers) override {
    asked.push_back({std::move(request), std::move(handlers)});
  }

  /// Ends the oldest fetch that is under way.
  void Answer(const std::string& page, const std::string& type = "text/plain",
              bool end_known = true) {
    AnswerOne(Take(), page, type, end_known);
  }
  /// Ends every fetch that is under way.
  void AnswerAll(const std::string& page) {
    for (const Asked& one : std::exchange(asked, {})) AnswerOne(one, page, "text/plain", true);
  }
  void Fail(const absl::Status& status) {
    endpoint::FetchResult result;
    result.status = status;
    Take().handlers.on_done(result);
  }

  /// The oldest first.
  std::vector<Asked> asked;
  /// How long pages are said to be.
  std::optional<size_t> pretended_bytes;

 private:
  void AnswerOne(const Asked& one, const std::string& page, const std::string& type,
                 bool end_known) {
    endpoint::FetchResult result;
    result.end_known = end_known;
    result.bytes = pretended_bytes.value_or(page.size());
    result.status = one.handlers.on_head(type);
    if (result.status.ok()) result.status = one.handlers.on_data(page);
    one.handlers.on_done(result);
  }
  Asked Take() {
    Asked one = std::move(asked.at(0));
    asked.erase(asked.begin());
    return one;
  }
};

}  // namespace kgs::scraping::testing
