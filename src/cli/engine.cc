// SPDX-License-Identifier: Apache-2.0
#include "cli/engine.h"

#include <cstdio>
#include <fstream>
#include <iostream>
#include <optional>
#include <string_view>

#include "base/strings.h"
#include "cli/engine_page.h"
#include "engine/dialects.h"
#include "engine/exposition_reader.h"

namespace kgs::cli {
namespace {

constexpr char kUsage[] =
    "usage: keda-gpu-scaler engine FILE [--engine NAME] [--format text|json]\n"
    "Prints what the saved metrics page of an inference engine is read as: the engine, each "
    "metric\n"
    "with its value and the series it came from, and what is missing. FILE is - for standard "
    "input.\n"
    "Rates, means and percentiles want two pages and have no value here.\n"
    "Example:\n"
    "  curl -s http://localhost:8000/metrics | keda-gpu-scaler engine -\n";

struct Arguments {
  std::string file;
  const engine::Dialect* dialect = nullptr;
  bool json = false;
};

std::string EngineNames() {
  std::string names;
  for (const engine::Dialect* dialect : engine::Dialects()) {
    names += (names.empty() ? "" : ", ") + dialect->name;
  }
  return names;
}

/// Takes the value of \p flag, as --flag VALUE or --flag=VALUE; nothing where this is another
/// argument.
std::optional<std::string> TakeValue(const std::vector<std::string>& arguments, size_t& i,
                                     const std::string& flag) {
  if (arguments[i] == flag && i + 1 < arguments.size()) return arguments[++i];
  if (arguments[i].starts_with(flag + "=")) return arguments[i].substr(flag.size() + 1);
  return std::nullopt;
}

/// Empty, or what is wrong.
std::string Parse(const std::vector<std::string>& arguments, Arguments& parsed) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (const auto name = TakeValue(arguments, i, "--engine")) {
      parsed.dialect = engine::FindDialect(*name);
      if (parsed.dialect == nullptr) {
        return "--engine " + base::QuoteForMessage(*name) + ": must be one of " + EngineNames();
      }
    } else if (const auto format = TakeValue(arguments, i, "--format")) {
      if (*format != "json" && *format != "text") {
        return "--format " + base::QuoteForMessage(*format) + ": must be text or json";
      }
      parsed.json = *format == "json";
    } else if (argument.starts_with("http://") || argument.starts_with("https://")) {
      return base::QuoteForMessage(argument) + ": must be a file; curl -s URL > FILE saves a page";
    } else if (parsed.file.empty() && !argument.empty() &&
               (argument == "-" || argument.front() != '-')) {
      parsed.file = argument;
    } else {
      return base::QuoteForMessage(argument) + ": neither FILE nor a flag with its value";
    }
  }
  return parsed.file.empty() ? "FILE must be given" : "";
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

}  // namespace

int Engine(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument != "--help" && argument != "-h") continue;
    std::fputs(kUsage, stdout);
    return 0;
  }
  Arguments parsed;
  if (const std::string wrong = Parse(arguments, parsed); !wrong.empty()) {
    std::fprintf(stderr, "keda-gpu-scaler: %s\n%s", wrong.c_str(), kUsage);
    return 2;
  }
  const auto text = ReadInput(parsed.file);
  if (!text) {
    std::fprintf(stderr, "keda-gpu-scaler: %s cannot be read\n",
                 base::QuoteForMessage(parsed.file, 256).c_str());
    return 1;
  }
  const auto page = ReadEnginePage(*text, parsed.dialect);
  if (!page.ok()) {
    std::fprintf(stderr, "keda-gpu-scaler: %s\n", std::string(page.status().message()).c_str());
    return 1;
  }
  std::fputs((parsed.json ? EnginePageJson(*page) : EnginePageText(*page)).c_str(), stdout);
  return 0;
}

}  // namespace kgs::cli
