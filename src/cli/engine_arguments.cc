// SPDX-License-Identifier: Apache-2.0
#include "cli/engine_arguments.h"

#include <absl/status/status.h>

#include "base/strings.h"
#include "engine/dialects.h"

namespace kgs::cli {
namespace {

constexpr base::Duration kLongestWait = std::chrono::minutes(1);
constexpr base::Duration kUsualTimeout = std::chrono::seconds(2);

std::string EngineNames() {
  std::string names;
  for (const engine::Dialect* dialect : engine::Dialects()) {
    names += (names.empty() ? "" : ", ") + dialect->name;
  }
  return names;
}

/// Reads the arguments one by one. Where \ref wrong is not empty it says what is.
class Parser {
 public:
  explicit Parser(const std::vector<std::string>& arguments) : arguments_(arguments) {}

  absl::StatusOr<EngineArguments> Parse() {
    for (at_ = 0; at_ < arguments_.size() && wrong_.empty(); ++at_) Take(arguments_[at_]);
    if (wrong_.empty()) Check();
    if (!wrong_.empty()) return absl::InvalidArgumentError(wrong_);
    parsed_.timeout =
        timeout_.value_or(parsed_.dialect != nullptr ? parsed_.dialect->timeout : kUsualTimeout);
    parsed_.interval = interval_.value_or(parsed_.interval);
    // As a trigger's engineEndpoint is read.
    if (parsed_.url && parsed_.url->path_and_query == "/") {
      parsed_.url->path_and_query =
          parsed_.dialect != nullptr ? parsed_.dialect->path : std::string("/metrics");
    }
    return std::move(parsed_);
  }

 private:
  void Take(const std::string& argument) {
    if (const auto name = Value("--engine")) {
      parsed_.dialect = engine::FindDialect(*name);
      if (parsed_.dialect == nullptr) Refuse("--engine", *name, "one of " + EngineNames());
    } else if (const auto format = Value("--format")) {
      parsed_.json = *format == "json";
      if (!parsed_.json && *format != "text") Refuse("--format", *format, "text or json");
    } else if (const auto interval = Value("--interval")) {
      interval_ = Duration("--interval", *interval, base::Duration::zero());
    } else if (const auto timeout = Value("--timeout")) {
      timeout_ = Duration("--timeout", *timeout, std::chrono::milliseconds(1));
    } else if (const auto ca_file = Value("--ca-file")) {
      parsed_.ca_file = FileName("--ca-file", *ca_file);
    } else if (const auto token_file = Value("--bearer-token-file")) {
      parsed_.bearer_token_file = FileName("--bearer-token-file", *token_file);
    } else {
      TakePage(argument);
    }
  }

  /// Of \p flag, as --flag VALUE or --flag=VALUE; nothing where this is another argument.
  std::optional<std::string> Value(const std::string& flag) {
    const std::string& argument = arguments_[at_];
    if (argument == flag && at_ + 1 < arguments_.size()) return arguments_[++at_];
    if (argument.starts_with(flag + "=")) return argument.substr(flag.size() + 1);
    return std::nullopt;
  }

  void TakePage(const std::string& argument) {
    const bool is_flag = argument.starts_with("-") && argument != "-";
    if (argument.empty() || is_flag || parsed_.url || !parsed_.file.empty()) {
      wrong_ = base::QuoteForMessage(argument) + ": neither URL, FILE nor a flag with its value";
    } else if (argument.find("://") == argument.npos) {
      parsed_.file = argument;
    } else if (auto url = endpoint::ParseUrl(argument); url.ok()) {
      parsed_.url = *std::move(url);
    } else {
      wrong_ = std::string(url.status().message());
    }
  }

  std::optional<base::Duration> Duration(const std::string& flag, const std::string& text,
                                         base::Duration least) {
    const auto duration = base::ParseDuration(text);
    if (!duration || *duration < least || *duration > kLongestWait) {
      Refuse(flag, text,
             "a duration from " + base::FormatDuration(least) + " to " +
                 base::FormatDuration(kLongestWait));
    }
    return duration;
  }

  std::string FileName(const std::string& flag, const std::string& name) {
    if (name.empty()) Refuse(flag, name, "a file");
    return name;
  }

  void Check() {
    const bool asks =
        interval_ || timeout_ || !parsed_.ca_file.empty() || !parsed_.bearer_token_file.empty();
    if (!parsed_.url && parsed_.file.empty()) {
      wrong_ = "URL or FILE must be given";
    } else if (!parsed_.url && asks) {
      wrong_ = "--interval, --timeout, --ca-file and --bearer-token-file are for a URL";
    } else if (!parsed_.ca_file.empty() && !parsed_.url->https) {
      wrong_ = "--ca-file is for https, and the URL is of http";
    }
  }

  void Refuse(const std::string& flag, const std::string& value, const std::string& accepted) {
    wrong_ = flag + " " + base::QuoteForMessage(value) + ": must be " + accepted;
  }

  const std::vector<std::string>& arguments_;
  size_t at_ = 0;
  EngineArguments parsed_;
  std::optional<base::Duration> interval_;
  std::optional<base::Duration> timeout_;
  std::string wrong_;
};

}  // namespace

absl::StatusOr<EngineArguments> ParseEngineArguments(const std::vector<std::string>& arguments) {
  return Parser(arguments).Parse();
}

}  // namespace kgs::cli
