// SPDX-License-Identifier: Apache-2.0
#include "kube/client/reflector.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "base/backoff.h"
#include "base/jitter.h"
#include "kube/client/line_reader.h"
#include "kube/client/list_watch.h"

namespace kgs::kube {
namespace {

constexpr int kHttpOk = 200;
constexpr size_t kLargestPage = size_t{64} * 1024 * 1024;
constexpr size_t kLargestErrorBody = size_t{64} * 1024;
constexpr base::Duration kLongestRetryAfter = std::chrono::seconds(60);
// A watch that ends sooner and without any event was no watch.
constexpr base::Duration kShortestWatch = std::chrono::seconds(1);

}  // namespace

class Reflector::Impl {
 public:
  Impl(ReflectorOptions options, Transport& transport, ReflectorEvents events,
       std::function<void()> on_state)
      : options_(std::move(options)),
        random_(options_.random ? options_.random : base::NewRandomFraction()),
        transport_(transport),
        events_(std::move(events)),
        on_state_(std::move(on_state)),
        backoff_(options_.first_backoff, options_.longest_backoff),
        page_size_(options_.page_size) {
    state_.name = options_.name;
  }

  void Start() {
    if (phase_ == Phase::kIdle) BeginList();
  }
  void Relist(std::function<void()> done);
  const ReflectorState& state() const { return state_; }

 private:
  enum class Phase { kIdle, kListing, kWatching, kWaiting };
  enum class Resume { kList, kWatch };

  void BeginList();
  void AskForPage(const std::string& continue_token);
  void OnListHead(const ResponseHead& head);
  void OnListData(std::string_view data);
  void OnListDone(const absl::Status& status);
  void EndList();

  void BeginWatch();
  void OnWatchHead(const ResponseHead& head);
  void OnWatchData(std::string_view data);
  void OnWatchDone(const absl::Status& status);
  /// False when the watch is over.
  bool OnWatchLine(std::string_view line);

  /// The API server answered with an error.
  void Refused(const ApiStatus& status);
  void ListAgainSince(const ApiStatus& gone);
  void Fail(std::string problem, Resume resume,
            std::optional<base::Duration> retry_after = std::nullopt);
  void CallAll(std::vector<std::function<void()>> done) const {
    for (const auto& call : done) call();
  }
  void Contact() { state_.last_contact = transport_.Now(); }
  std::string Problem(std::string_view what) const {
    return "GET " + options_.path + ": " + std::string(what);
  }

  const ReflectorOptions options_;
  const base::RandomFraction random_;
  Transport& transport_;
  const ReflectorEvents events_;
  const std::function<void()> on_state_;
  base::Backoff backoff_;
  ReflectorState state_;
  Phase phase_ = Phase::kIdle;
  /// Halved when a page is too large.
  int page_size_;

  // Of the answer that is coming in.
  ResponseHead head_;
  std::string body_;
  std::optional<LineReader> lines_;

  /// The first page of the list has been answered.
  bool list_answered_ = false;
  /// Where the next watch begins.
  std::string resource_version_;
  /// A list for lack of history, and no event since: the next one waits.
  bool listed_since_gone_ = false;
  base::SteadyTime watch_began_;
  bool watch_brought_something_ = false;

  /// To be called after this list, and after the one to follow it.
  std::vector<std::function<void()>> waiting_;
  std::vector<std::function<void()>> waiting_for_next_;

  // Last, since they refer to the rest.
  std::unique_ptr<Request> request_;
  std::unique_ptr<Request> timer_;
};

void Reflector::Impl::Relist(std::function<void()> done) {
  const bool under_way = phase_ == Phase::kListing;
  (under_way && list_answered_ ? waiting_for_next_ : waiting_).push_back(std::move(done));
  if (!under_way) BeginList();
}

void Reflector::Impl::BeginList() {
  timer_.reset();
  request_.reset();
  phase_ = Phase::kListing;
  list_answered_ = false;
  std::move(waiting_for_next_.begin(), waiting_for_next_.end(), std::back_inserter(waiting_));
  waiting_for_next_.clear();
  ++state_.lists;
  AskForPage("");
  events_.on_list_begin();
  on_state_();
}

void Reflector::Impl::AskForPage(const std::string& continue_token) {
  head_ = {};
  body_.clear();
  RequestOptions options;
  options.deadline = options_.list_deadline;
  request_ =
      transport_.Get(ListPath(options_.path, options_.query, {page_size_, continue_token}), options,
                     {[this](const ResponseHead& head) { OnListHead(head); },
                      [this](std::string_view data) { OnListData(data); },
                      [this](const absl::Status& status) { OnListDone(status); }});
}

void Reflector::Impl::OnListHead(const ResponseHead& head) {
  head_ = head;
  list_answered_ = true;
  if (head.status != kHttpOk || state_.live || !state_.problem.empty()) return;
  state_.live = true;
  on_state_();
}

void Reflector::Impl::OnListData(std::string_view data) {
  if (head_.status != kHttpOk) {
    body_ += data.substr(0, kLargestErrorBody - std::min(body_.size(), kLargestErrorBody));
    return;
  }
  if (body_.size() + data.size() > kLargestPage) {
    page_size_ = std::max(1, page_size_ / 2);
    Fail(Problem("a page of the list is larger than 64 MiB"), Resume::kList);
    return;
  }
  body_ += data;
}

void Reflector::Impl::OnListDone(const absl::Status& status) {
  request_.reset();
  const std::string body = std::exchange(body_, std::string());
  if (!status.ok()) {
    Fail(std::string(status.message()), Resume::kList);
    return;
  }
  if (head_.status != kHttpOk) {
    Refused(StatusOfBody(head_.status, body));
    return;
  }
  const auto page = ReadListPage(body, options_.drop_key);
  if (!page.ok()) {
    Fail(Problem(std::string(page.status().message())), Resume::kList);
    return;
  }
  resource_version_ = page->resource_version;
  for (const nlohmann::json& item : page->items) events_.on_object(item);
  if (page->continue_token.empty()) {
    EndList();
  } else {
    AskForPage(page->continue_token);
  }
}

void Reflector::Impl::EndList() {
  state_.synced = true;
  Contact();
  const auto done = std::exchange(waiting_, {});
  events_.on_list_end();
  if (waiting_for_next_.empty()) {
    BeginWatch();
  } else {
    BeginList();
  }
  CallAll(done);
}

void Reflector::Impl::BeginWatch() {
  timer_.reset();
  phase_ = Phase::kWatching;
  head_ = {};
  body_.clear();
  lines_.emplace();
  watch_began_ = transport_.Now();
  watch_brought_something_ = false;
  ++state_.watches;
  // Spread, so that watches that began together do not end together.
  const double timeout = base::Seconds(options_.watch_timeout) * (0.9 + 0.2 * random_());
  RequestOptions options;
  options.longest_silence = options_.longest_silence;
  request_ = transport_.Get(WatchPath(options_.path, options_.query, resource_version_,
                                      std::max(1LL, static_cast<long long>(timeout))),
                            options,
                            {[this](const ResponseHead& head) { OnWatchHead(head); },
                             [this](std::string_view data) { OnWatchData(data); },
                             [this](const absl::Status& status) { OnWatchDone(status); }});
  on_state_();
}

void Reflector::Impl::OnWatchHead(const ResponseHead& head) {
  head_ = head;
  if (head.status != kHttpOk) return;
  Contact();
  state_.live = true;
  state_.problem.clear();
  on_state_();
}

void Reflector::Impl::OnWatchData(std::string_view data) {
  if (head_.status != kHttpOk) {
    body_ += data.substr(0, kLargestErrorBody - std::min(body_.size(), kLargestErrorBody));
    return;
  }
  const absl::Status read =
      lines_->Feed(data, [this](std::string_view line) { return OnWatchLine(line); });
  if (!read.ok()) {
    Fail(Problem("the watch sent " + std::string(read.message())), Resume::kList);
  } else if (phase_ == Phase::kWatching) {
    on_state_();
  }
}

bool Reflector::Impl::OnWatchLine(std::string_view line) {
  auto event = ReadWatchEvent(line, options_.drop_key);
  if (!event.ok()) {
    Fail(Problem(std::string(event.status().message())), Resume::kList);
    return false;
  }
  if (event->type == WatchEvent::Type::kError) {
    Refused(event->status);
    return false;
  }
  resource_version_ = event->resource_version;
  watch_brought_something_ = true;
  listed_since_gone_ = false;
  backoff_.Reset();
  Contact();
  if (event->type == WatchEvent::Type::kBookmark) return true;
  ++state_.events;
  (event->type == WatchEvent::Type::kDeleted ? events_.on_deleted
                                             : events_.on_object)(event->object);
  // The owner may have asked for a list.
  return phase_ == Phase::kWatching;
}

void Reflector::Impl::OnWatchDone(const absl::Status& status) {
  request_.reset();
  if (!status.ok()) {
    Fail(std::string(status.message()), Resume::kWatch);
    return;
  }
  if (head_.status != kHttpOk) {
    Refused(StatusOfBody(head_.status, body_));
    return;
  }
  if (lines_->has_partial_line()) {
    Fail(Problem("the watch ended within an event"), Resume::kWatch);
    return;
  }
  if (!watch_brought_something_ && transport_.Now() - watch_began_ < kShortestWatch) {
    Fail(Problem("the watch ended at once"), Resume::kWatch);
    return;
  }
  listed_since_gone_ = false;
  backoff_.Reset();
  BeginWatch();
}

void Reflector::Impl::Refused(const ApiStatus& status) {
  if (status.gone()) {
    ListAgainSince(status);
    return;
  }
  // Of these the version is as good as before. Any other error may be one of the version: after the
  // API server's store was restored, it is one that never comes.
  const bool keeps_version = status.code == 401 || status.code == 403 || status.code == 429;
  const bool watch_again = phase_ == Phase::kWatching && keeps_version;
  Fail(Explain("GET", options_.path, status), watch_again ? Resume::kWatch : Resume::kList,
       head_.retry_after);
}

void Reflector::Impl::ListAgainSince(const ApiStatus& gone) {
  if (std::exchange(listed_since_gone_, true)) {
    Fail(Explain("GET", options_.path, gone), Resume::kList, head_.retry_after);
  } else {
    BeginList();
  }
}

void Reflector::Impl::Fail(std::string problem, Resume resume,
                           std::optional<base::Duration> retry_after) {
  request_.reset();
  body_ = std::string();
  phase_ = Phase::kWaiting;
  state_.live = false;
  state_.problem = std::move(problem);
  auto wait = base::Jittered(backoff_.Next(), random_());
  if (retry_after) wait = std::max(wait, std::min(*retry_after, kLongestRetryAfter));
  timer_ = transport_.After(wait, [this, resume] {
    if (resume == Resume::kList) {
      BeginList();
    } else {
      BeginWatch();
    }
  });
  auto done = std::exchange(waiting_, {});
  std::move(waiting_for_next_.begin(), waiting_for_next_.end(), std::back_inserter(done));
  waiting_for_next_.clear();
  on_state_();
  CallAll(std::move(done));
}

Reflector::Reflector(ReflectorOptions options, Transport& transport, ReflectorEvents events,
                     std::function<void()> on_state)
    : impl_(std::make_unique<Impl>(std::move(options), transport, std::move(events),
                                   std::move(on_state))) {}
Reflector::~Reflector() = default;

void Reflector::Start() { impl_->Start(); }
void Reflector::Relist(std::function<void()> done) { impl_->Relist(std::move(done)); }
const ReflectorState& Reflector::state() const { return impl_->state(); }

}  // namespace kgs::kube
