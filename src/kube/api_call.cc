// SPDX-License-Identifier: Apache-2.0
#include "kube/api_call.h"

#include <string_view>
#include <utility>

#include "kube/client/api_status.h"

namespace kgs::kube {
namespace {

constexpr base::Duration kDeadline = std::chrono::seconds(5);
constexpr size_t kLargestBody = size_t{4} << 20;

absl::StatusCode CodeOf(int http_status) {
  if (http_status == 404) return absl::StatusCode::kNotFound;
  if (http_status == 401 || http_status == 403) return absl::StatusCode::kPermissionDenied;
  return absl::StatusCode::kUnavailable;
}

class Exchange final : public Request {
 public:
  /// \p body: nothing for a GET.
  Exchange(Transport& transport, std::string path, std::optional<std::string> body,
           std::function<void(const ApiAnswer&)> on_answer)
      : path_(std::move(path)), creates_(body.has_value()), on_answer_(std::move(on_answer)) {
    const RequestOptions options{.deadline = kDeadline};
    request_ = body ? transport.Create(path_, *std::move(body), options, Handlers())
                    : transport.Get(path_, options, Handlers());
  }

 private:
  RequestHandlers Handlers() {
    RequestHandlers handlers;
    handlers.on_head = [this](const ResponseHead& head) { head_ = head; };
    handlers.on_data = [this](std::string_view data) {
      too_large_ = too_large_ || body_.size() + data.size() > kLargestBody;
      if (!too_large_) body_.append(data);
    };
    handlers.on_done = [this](const absl::Status& status) { Done(status); };
    return handlers;
  }

  void Done(const absl::Status& status) {
    ApiAnswer answer{absl::UnavailableError(""), status.ok() ? head_.status : 0, "",
                     head_.retry_after};
    if (!status.ok()) {
      answer.object = absl::UnavailableError(std::string(status.message()));
    } else if (!Succeeded()) {
      const ApiStatus refusal = StatusOfBody(head_.status, body_);
      answer.refusal = refusal.message;
      answer.object = absl::Status(CodeOf(head_.status), Explain(Method(), path_, refusal));
    } else {
      answer.object = ReadObject();
    }
    // It may destroy this.
    const std::function<void(const ApiAnswer&)> on_answer = std::move(on_answer_);
    on_answer(answer);
  }

  const char* Method() const { return creates_ ? "POST" : "GET"; }
  bool Succeeded() const { return head_.status == 200 || (creates_ && head_.status == 201); }

  absl::StatusOr<nlohmann::json> ReadObject() const {
    if (too_large_) return Unreadable("the answer is too large");
    nlohmann::json object = nlohmann::json::parse(body_, nullptr, /*allow_exceptions=*/false);
    if (object.is_object()) return object;
    return Unreadable("the answer is no JSON object");
  }
  absl::Status Unreadable(const std::string& why) const {
    return absl::UnavailableError(Method() + (" " + path_) + ": " + why);
  }

  const std::string path_;
  const bool creates_;
  std::function<void(const ApiAnswer&)> on_answer_;
  ResponseHead head_;
  std::string body_;
  bool too_large_ = false;
  std::unique_ptr<Request> request_;
};

}  // namespace

std::unique_ptr<Request> ApiGet(Transport& transport, const std::string& path,
                                std::function<void(const ApiAnswer&)> on_answer) {
  return std::make_unique<Exchange>(transport, path, std::nullopt, std::move(on_answer));
}

std::unique_ptr<Request> ApiCreate(Transport& transport, const std::string& path,
                                   const nlohmann::json& object,
                                   std::function<void(const ApiAnswer&)> on_answer) {
  // What is no UTF-8 makes dump throw, unless it is told not to.
  std::string body = object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return std::make_unique<Exchange>(transport, path, std::move(body), std::move(on_answer));
}

}  // namespace kgs::kube
