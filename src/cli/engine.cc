// SPDX-License-Identifier: Apache-2.0
#include "cli/engine.h"

#include <absl/status/status.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <optional>
#include <thread>
#include <utility>

#include "base/strings.h"
#include "cli/engine_arguments.h"
#include "cli/engine_page.h"
#include "cli/engine_text.h"
#include "cli/engine_url.h"
#include "endpoint/curl_fetcher.h"
#include "endpoint/named_endpoints.h"
#include "endpoint/resolver.h"
#include "engine/exposition_reader.h"

namespace kgs::cli {
namespace {

constexpr char kUsage[] =
    "usage: keda-gpu-scaler engine URL|FILE [--engine NAME] [--format text|json]\n"
    "                              [--interval 1s] [--timeout 2s] [--ca-file FILE]\n"
    "                              [--bearer-token-file FILE]\n"
    "Prints what the metrics page of an inference engine is read as: the engine, each metric with\n"
    "its value and the series it came from, and what is missing. FILE is a saved page, - for\n"
    "standard input.\n"
    "A URL is asked at every address of its name, and each is shown. Rates, means and percentiles\n"
    "compare two pages, --interval apart; with --interval 0s, or a FILE, there is one, and they\n"
    "have no value. --timeout is for each page. --ca-file has the authorities of https instead of\n"
    "the system's. --bearer-token-file has a token to send.\n"
    "Examples:\n"
    "  keda-gpu-scaler engine http://localhost:8000/metrics\n"
    "  curl -s http://localhost:8000/metrics | keda-gpu-scaler engine -\n";

void Complain(const std::string& message) {
  std::fprintf(stderr, "keda-gpu-scaler: %s\n", message.c_str());
}
void Complain(const absl::Status& status) { Complain(std::string(status.message())); }

void Show(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

/// One byte more than a page may have is enough to refuse it.
std::optional<std::string> ReadAll(std::istream& in) {
  std::string text(engine::ExpositionLimits().page_bytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return std::nullopt;
  text.resize(static_cast<size_t>(in.gcount()));
  return text;
}

std::optional<std::string> ReadInput(const std::string& file) {
  if (file == "-") return ReadAll(std::cin);
  std::ifstream in(file, std::ios::binary);
  if (!in.is_open()) return std::nullopt;
  return ReadAll(in);
}

int ShowFile(const EngineArguments& arguments) {
  const auto text = ReadInput(arguments.file);
  if (!text) {
    Complain(base::QuoteForMessage(arguments.file, 256) +
             " cannot be read; a URL begins with http:// or https://");
    return 1;
  }
  const auto page = ReadEnginePage(*text, arguments.dialect);
  if (!page.ok()) {
    Complain(page.status());
    if (absl::IsNotFound(page.status())) std::fputs(LookedFor(nullptr).c_str(), stderr);
    return 1;
  }
  Show(arguments.json ? EnginePageJson(*page) : EnginePageText(*page));
  return 0;
}

int64_t UnixMilliseconds() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

absl::StatusOr<EngineUrlPages> Ask(const EngineArguments& arguments) {
  endpoint::NamedEndpoint files;
  if (!arguments.bearer_token_file.empty()) files.header_name = "Authorization";
  files.secret_file = arguments.bearer_token_file;
  files.is_bearer_token = true;
  files.ca_file = arguments.ca_file;
  auto credential = endpoint::ReadCredential(files);
  if (!credential.ok()) return credential.status();
  const base::SteadyClock clock;
  auto fetcher = endpoint::CurlFetcher::Make("engine-pages", clock);
  if (!fetcher.ok()) return fetcher.status();
  (*fetcher)->Start();
  const auto wait = [](base::Duration duration) { std::this_thread::sleep_for(duration); };
  auto pages = ReadEngineUrl({&endpoint::LookUpByDns, **fetcher, clock, &UnixMilliseconds, wait},
                             {*arguments.url, arguments.dialect, arguments.interval,
                              arguments.timeout, *std::move(credential)});
  (*fetcher)->Stop();
  return pages;
}

int ShowUrl(const EngineArguments& arguments) {
  const auto asked = Ask(arguments);
  if (!asked.ok()) {
    Complain(asked.status());
    return 1;
  }
  const std::vector<AddressPage>& pages = asked->pages;
  Show(arguments.json ? AddressPagesJson(*arguments.url, pages)
                      : AddressPagesText(*arguments.url, pages));
  for (const AddressPage& one : asked->passed_over) {
    Complain(std::string(one.page.status().message()) + "; passed over");
  }
  bool failed = false;
  bool other_page = false;
  for (const AddressPage& one : pages) {
    if (one.page.ok()) continue;
    Complain(one.page.status());
    failed = true;
    other_page = other_page || one.IsOtherPage();
  }
  if (other_page) std::fputs(LookedFor(arguments.dialect).c_str(), stderr);
  return failed ? 1 : 0;
}

}  // namespace

int Engine(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument != "--help" && argument != "-h") continue;
    std::fputs(kUsage, stdout);
    return 0;
  }
  const auto parsed = ParseEngineArguments(arguments);
  if (!parsed.ok()) {
    Complain(parsed.status());
    std::fputs(kUsage, stderr);
    return 2;
  }
  return parsed->url ? ShowUrl(*parsed) : ShowFile(*parsed);
}

}  // namespace kgs::cli
