// SPDX-License-Identifier: Apache-2.0
#include "scraping/page_fetch.h"

#include <absl/status/status.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <utility>

#include "engine/exposition_http.h"

namespace kgs::scraping {
namespace {

constexpr std::string_view kLine = "line ";

/// \p status without the line's number at its head, which moves as a page grows.
absl::Status WithoutLine(const absl::Status& status) {
  std::string_view message(status.message().data(), status.message().size());
  if (status.ok() || !message.starts_with(kLine)) return status;
  message.remove_prefix(kLine.size());
  const auto end = std::find_if(message.begin(), message.end(),
                                [](unsigned char c) { return std::isdigit(c) == 0; });
  message.remove_prefix(static_cast<size_t>(end - message.begin()));
  if (message.starts_with(": ")) message.remove_prefix(2);
  return {status.code(), "a line of the page: " + std::string(message)};
}

/// Of the fetcher's thread, but for its making.
class Reading {
 public:
  Reading(std::shared_ptr<const engine::PageQuery> query, base::SteadyTime asked,
          int64_t now_unix_ms, OnPage on_page)
      : query_(std::move(query)),
        asked_(asked),
        now_unix_ms_(now_unix_ms),
        on_page_(std::move(on_page)) {}

  absl::Status OnHead(std::string_view content_type) {
    const auto format = engine::FormatOfContentType(content_type, query_->queue_counts());
    if (!format.ok()) return format.status();
    reader_.emplace(*query_, *format, now_unix_ms_);
    return absl::OkStatus();
  }

  absl::Status OnData(std::string_view data) { return WithoutLine(reader_->Feed(data)); }

  void OnDone(const endpoint::FetchResult& result) {
    on_page_({asked_, PageOf(result), result.bytes});
  }

 private:
  absl::StatusOr<engine::PageReading> PageOf(const endpoint::FetchResult& result) {
    if (!result.status.ok()) return result.status;
    if (!reader_) return absl::InternalError("an answer without a head");
    const auto end = result.end_known ? engine::BodyEnd::kKnown : engine::BodyEnd::kUnknown;
    auto page = reader_->Finish(end, asked_);
    if (!page.ok()) return WithoutLine(page.status());
    return page;
  }

  const std::shared_ptr<const engine::PageQuery> query_;
  const base::SteadyTime asked_;
  const int64_t now_unix_ms_;
  const OnPage on_page_;
  std::optional<engine::PageReader> reader_;
};

}  // namespace

void FetchPage(endpoint::Fetcher& fetcher, PageRequest page, base::SteadyTime asked,
               int64_t now_unix_ms, OnPage on_page) {
  endpoint::FetchRequest request;
  request.url = std::move(page.url);
  request.address = page.address;
  request.timeout = page.timeout;
  request.ca_pem = std::move(page.credential.ca_pem);
  for (const engine::Header& header : engine::ScrapeHeaders()) {
    request.headers.push_back({std::string(header.name), std::string(header.value)});
  }
  if (page.credential.header) request.headers.push_back(*std::move(page.credential.header));
  auto reading =
      std::make_shared<Reading>(std::move(page.query), asked, now_unix_ms, std::move(on_page));
  fetcher.Fetch(std::move(request),
                {[reading](std::string_view type) { return reading->OnHead(type); },
                 [reading](std::string_view data) { return reading->OnData(data); },
                 [reading](const endpoint::FetchResult& result) { reading->OnDone(result); }});
}

}  // namespace kgs::scraping
