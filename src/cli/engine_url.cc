// SPDX-License-Identifier: Apache-2.0
#include "cli/engine_url.h"

#include <absl/status/status.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/mutex.h"
#include "engine/page_query.h"
#include "engine/page_reading.h"
#include "engine/signal.h"
#include "scraping/page_fetch.h"

namespace kgs::cli {
namespace {

using endpoint::Addresses;
using endpoint::IpAddress;
using Reading = absl::StatusOr<engine::PageReading>;

/// What came of one fetch.
struct Answer {
  Reading reading;
  int http_status = 0;
};

/// The fetches of one round, filled on the fetcher's thread.
class Round {
 public:
  explicit Round(size_t fetches)
      : open_(fetches), answers_(fetches, Answer{absl::UnknownError("not asked"), 0}) {}

  void SetStatus(size_t place, int http_status) {
    base::MutexLock lock(mutex_);
    answers_[place].http_status = http_status;
  }
  /// Ends that fetch.
  void SetReading(size_t place, Reading reading) {
    base::MutexLock lock(mutex_);
    answers_[place].reading = std::move(reading);
    --open_;
    changed_.NotifyAll();
  }
  std::vector<Answer> Await() {
    base::MutexLock lock(mutex_);
    while (open_ > 0) changed_.Wait(mutex_);
    return std::move(answers_);
  }

 private:
  base::Mutex mutex_;
  base::CondVar changed_;
  size_t open_ KGS_GUARDED_BY(mutex_);
  std::vector<Answer> answers_ KGS_GUARDED_BY(mutex_);
};

/// Hands one fetch on, and keeps the HTTP status, for which the reader of a page has no use.
class StatusKeeper final : public endpoint::Fetcher {
 public:
  StatusKeeper(endpoint::Fetcher& fetcher, std::shared_ptr<Round> round, size_t place)
      : fetcher_(fetcher), round_(std::move(round)), place_(place) {}

  void Fetch(endpoint::FetchRequest request, endpoint::FetchHandlers handlers) override {
    handlers.on_done = [round = round_, place = place_, on_done = std::move(handlers.on_done)](
                           const endpoint::FetchResult& result) {
      round->SetStatus(place, result.http_status);
      on_done(result);
    };
    fetcher_.Fetch(std::move(request), std::move(handlers));
  }

 private:
  endpoint::Fetcher& fetcher_;
  const std::shared_ptr<Round> round_;
  const size_t place_;
};

/// What else may be said of a status; empty for nothing.
std::string Advice(int http_status, bool has_token) {
  if ((http_status == 401 || http_status == 403) && !has_token) {
    return "; --bearer-token-file FILE sends a token";
  }
  if (http_status == 503) return "; an engine that still loads its model may answer so";
  return "";
}

class UrlReader {
 public:
  UrlReader(const EngineUrlParts& parts, const EngineUrlRequest& request)
      : parts_(parts),
        request_(request),
        query_(std::make_shared<const engine::PageQuery>(EngineQuery(request.chosen))) {}

  std::vector<AddressPage> Read(const Addresses& addresses) {
    const std::vector<Answer> first = FetchAll(addresses);
    std::vector<AddressPage> pages;
    for (size_t i = 0; i < addresses.size(); ++i) {
      pages.push_back(Explain(addresses[i], nullptr, first[i]));
    }
    if (request_.interval == base::Duration::zero()) return pages;
    std::vector<size_t> again;
    Addresses addresses_again;
    for (size_t i = 0; i < pages.size(); ++i) {
      // What has no use for a second page is not asked for one: it may cost the engine a step.
      if (!HasGrowth(pages[i])) continue;
      again.push_back(i);
      addresses_again.push_back(addresses[i]);
    }
    if (again.empty()) return pages;
    parts_.wait(request_.interval);
    const std::vector<Answer> second = FetchAll(addresses_again);
    for (size_t i = 0; i < again.size(); ++i) {
      const size_t place = again[i];
      pages[place] = Explain(addresses[place], &*first[place].reading, second[i]);
    }
    return pages;
  }

 private:
  std::vector<Answer> FetchAll(const Addresses& addresses) {
    const auto round = std::make_shared<Round>(addresses.size());
    const base::SteadyTime asked = parts_.clock.Now();
    const int64_t unix_now = parts_.unix_now();
    for (size_t i = 0; i < addresses.size(); ++i) {
      StatusKeeper fetcher(parts_.fetcher, round, i);
      scraping::FetchPage(
          fetcher, {request_.url, addresses[i], query_, request_.timeout, request_.credential},
          asked, unix_now, [round, i](scraping::FetchedPage fetched) {
            round->SetReading(i, std::move(fetched.page));
          });
    }
    return round->Await();
  }

  AddressPage Explain(const IpAddress& address, const engine::PageReading* before,
                      const Answer& answer) const {
    absl::Status status = answer.reading.status();
    if (answer.reading.ok()) {
      auto page = ExplainPage(*query_, request_.chosen, before, *answer.reading);
      if (page.ok()) return {address, *std::move(page), answer.http_status};
      status = page.status();
    }
    std::string message(status.message());
    // What the fetcher says begins with it.
    const std::string where = request_.url.ShownAt(address);
    if (!message.starts_with(where)) message = where + ": " + message;
    message += Advice(answer.http_status, request_.credential.header.has_value());
    return {address, absl::Status(status.code(), message), answer.http_status};
  }

  static bool HasGrowth(const AddressPage& one) {
    return one.page.ok() && std::any_of(one.page->dialect->signals.begin(),
                                        one.page->dialect->signals.end(), engine::Grows);
  }

  const EngineUrlParts& parts_;
  const EngineUrlRequest& request_;
  const std::shared_ptr<const engine::PageQuery> query_;
};

bool NobodyAnswered(const std::vector<AddressPage>& pages) {
  return std::all_of(pages.begin(), pages.end(),
                     [](const AddressPage& one) { return one.http_status == 0; });
}

Addresses OfOtherFamily(const Addresses& found, bool v4) {
  Addresses others;
  std::copy_if(found.begin(), found.end(), std::back_inserter(others),
               [v4](const IpAddress& address) { return address.is_v4() != v4; });
  return endpoint::OneFamily(others);
}

}  // namespace

bool AddressPage::IsOtherPage() const {
  if (page.ok() || http_status == 0) return false;
  if (http_status == 200) {
    return absl::IsNotFound(page.status()) || absl::IsInvalidArgument(page.status());
  }
  return http_status >= 400 && http_status != 401 && http_status != 403;
}

absl::StatusOr<EngineUrlPages> ReadEngineUrl(const EngineUrlParts& parts,
                                             const EngineUrlRequest& request) {
  // No address is refused: who runs this reaches with it what they reach without.
  absl::StatusOr<Addresses> found = Addresses{};
  if (request.url.address) {
    found->push_back(*request.url.address);
  } else {
    found = parts.look_up(request.url.host);
  }
  if (!found.ok()) return found.status();
  const Addresses addresses = endpoint::OneFamily(*found);
  if (addresses.empty()) return absl::UnavailableError(request.url.host + " has no address");
  UrlReader reader(parts, request);
  EngineUrlPages result{reader.Read(addresses), {}};
  if (!NobodyAnswered(result.pages)) return result;
  const Addresses others = OfOtherFamily(*found, addresses.front().is_v4());
  if (others.empty()) return result;
  std::vector<AddressPage> pages = reader.Read(others);
  if (NobodyAnswered(pages)) {
    std::move(pages.begin(), pages.end(), std::back_inserter(result.pages));
    return result;
  }
  return EngineUrlPages{std::move(pages), std::move(result.pages)};
}

}  // namespace kgs::cli
